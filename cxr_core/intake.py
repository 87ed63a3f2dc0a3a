"""Inputs -> entries of the worklist: each film's bytes are kept, then what the models said of it.

Joins the pipeline and the store. What was screened before is recognised by its hash; what a person has overruled stays
so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat

from cxr_core import gate
from cxr_core.errors import RecordError, StoreError
from cxr_core.pipeline import Screener
from cxr_core.read.sources import InputFile
from cxr_core.records import Screening
from cxr_core.store import Entry, Store

OPINION_SWITCHES = "second_opinions"
"""The store's setting with a bool for each second opinion that the site has switched; the others go by the settings."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An input that has been taken in: its entry in the worklist, and whether it stood there already."""

    entry: Entry
    known: bool


def take_in(
    inputs: Iterable[InputFile],
    screener: Screener,
    store: Store,
    *,
    synthetic: bool = False,
    received_at: datetime | Iterable[datetime] | None = None,
) -> Generator[Arrival, None, None]:
    """Screen inputs into the worklist: keep each film's bytes, then its screening.

    What is ready at one moment is kept in one transaction and then yielded: a run that is closed early may have kept a
    few more than it yielded.

    An image that these models have screened before is recognised by its hash and not screened again; one that was
    refused is read again, since the reader may have learnt since, and so is one that a second opinion in use has not
    seen. Which of them are in use is what the site has switched when the run begins. ``received_at`` is when a person
    sent them, if that is not now; or one time for each input. StoreError ends the iteration; what was yielded is kept.
    """
    times = iter(received_at if isinstance(received_at, Iterable) else repeat(received_at or datetime.now(UTC)))
    screener = screener.switched(store.get_setting(OPINION_SWITCHES, {}))
    desk = _Desk(store, screener, synthetic)
    kept = (InputFile(item.name, _keeping(item, store)) for item in inputs)
    with closing(screener.screen_together(kept, known=desk.known, allowed=store.overruled)) as groups:
        for group in groups:
            yield from desk.arrived(tuple(zip(group, times, strict=False)))


class _Desk:
    """Tells the films of one run that are in the store from those that are to be kept."""

    def __init__(self, store: Store, screener: Screener, synthetic: bool) -> None:
        self._store, self._models_key, self._synthetic = store, screener.models_key, synthetic
        self._asked = {item.ref for item in screener.opinions}

    def known(self, sha256: str) -> Screening | None:
        """What the models of this run have said of a film before."""
        entry = self._store.find(sha256, self._models_key)
        return entry.screening if entry and self._complete(entry) else None

    def arrived(self, group: Sequence[tuple[Screening, datetime]]) -> Iterator[Arrival]:
        """Keep those that are new, in one transaction, and tell of all in order."""
        here = self._store.find_all([screening.sha256 for screening, _ in group], self._models_key)
        new: dict[str | int, tuple[Screening, datetime]] = {}
        for place, (screening, at) in enumerate(group):
            if not self._complete(here.get(screening.sha256)):  # nor has another run been quicker
                new.setdefault(screening.sha256 or place, (screening, at))
        saved = dict(zip(new, self._kept(list(new.values())), strict=False))
        for place, (screening, at) in enumerate(group):
            name = screening.sha256 or place
            before = here.get(screening.sha256)
            if name in saved:
                entry = saved.pop(name)
                here[entry.key] = entry
                yield Arrival(entry, known=False)
            elif before and self._complete(before):
                yield Arrival(before, known=True)
            else:  # once more what was refused a moment ago, or what could not be kept with the others
                yield Arrival(self._store.save(screening, at, synthetic=self._synthetic), known=False)

    def _kept(self, new: list[tuple[Screening, datetime]]) -> tuple[Entry, ...]:
        """All in one transaction; none where that fails, so that each is then tried alone and fails at its place."""
        try:
            return self._store.save_all(new, synthetic=self._synthetic)
        except StoreError:
            if len(new) == 1:
                raise
            return ()

    def _complete(self, entry: Entry | None) -> bool:
        """Whether these models, and every second opinion that is asked, have screened it."""
        if entry is None or entry.screening.status != "screened":
            return False
        return self._asked <= {opinion.model for opinion in entry.screening.opinions}


def overrule(key: str, code: str, screener: Screener, store: Store) -> Entry:
    """Screen one image although the gate has said ``code`` of it, and keep for ever that a person asked for it.

    RecordError for a code that cannot be overruled, StoreError if the image is not here. It may still be refused, for
    another reason.
    """
    if code not in gate.OVERRULABLE:
        raise RecordError(f"the code {code} cannot be overruled")
    entry = store.entry(key, screener.models_key)
    if entry is None:
        raise StoreError("this image is no longer in the worklist; reload the page")
    data = store.film(key)
    store.overrule(key, code)
    screener = screener.switched(store.get_setting(OPINION_SWITCHES, {}))
    again = [InputFile(entry.screening.file, lambda: data)]
    with closing(screener.screen(again, allowed=store.overruled)) as screenings:
        return store.save(next(screenings), entry.received_at, synthetic=entry.synthetic)


def _keeping(item: InputFile, store: Store) -> Callable[[], bytes]:
    def load() -> bytes:
        data = item.load()
        store.add_film(data)
        return data

    return load
