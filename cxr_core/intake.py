"""Inputs -> entries of the worklist: each film's bytes are kept, then what the models said of it.

Joins the pipeline and the store. What was screened before is recognised by its hash; what a person has overruled stays
so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
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
    """Screen inputs into the worklist: keep each film's bytes, then its screening; yields as soon as each is kept.

    An image that these models have screened before is recognised by its hash and not screened again; one that was
    refused is read again, since the reader may have learnt since, and so is one that a second opinion in use has not
    seen. Which of them are in use is what the site has switched when the run begins. ``received_at`` is when a person
    sent them, if that is not now; or one time for each input. StoreError ends the iteration; what was yielded is kept.
    """
    times = received_at if isinstance(received_at, Iterable) else repeat(received_at or datetime.now(UTC))
    screener = screener.switched(store.get_setting(OPINION_SWITCHES, {}))
    asked = {item.card.ref() for item in screener.opinions}

    def screened(sha256: str) -> Entry | None:
        entry = store.find(sha256, screener.models_key) if sha256 else None
        if entry is None or entry.screening.status != "screened":
            return None
        return entry if asked <= {opinion.model for opinion in entry.screening.opinions} else None

    def known(sha256: str) -> Screening | None:
        entry = screened(sha256)
        return entry.screening if entry else None

    kept = (InputFile(item.name, _keeping(item, store)) for item in inputs)
    with closing(screener.screen(kept, known=known, allowed=store.overruled)) as screenings:
        for screening, at in zip(screenings, times, strict=False):
            entry = screened(screening.sha256)
            yield Arrival(entry or store.save(screening, at, synthetic=synthetic), entry is not None)


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
