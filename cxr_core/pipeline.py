"""Joins the stages: input files in, screenings out, in the same order, as early as they can be had.

    read-ahead threads      bytes -> Radiograph -> what each model wants to see; the decoded film is then let go
      or their processes    the same in a longer run (opening.py), so that a film whose decoder dies is lost alone
    the engine's thread     films of all runs that wait, in one batch -> detections -> Screening
    the caller's thread     takes them in order

Memory is bounded: films being decoded hold at most ``settings.memory_mb`` together, each as much as its header asks for
(budget.py); one that needs more is decoded alone. The bytes of one film more than there are readers wait beside them.
Prepared films wait in the engine, which holds readers up while it has no place. When reading is slower than the models,
batches are small and results come one by one; when the models are slower, batches fill. Who the models are stands in
models.py; what is asked of them, and a screening made of their answers, in answers.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from cxr_core import engine
from cxr_core.answers import Film, answer, refused
from cxr_core.budget import Budget
from cxr_core.detect import Detector
from cxr_core.engine import Line
from cxr_core.errors import RecordError, Refusal
from cxr_core.models import Models
from cxr_core.opening import Opened, Opener, Unread
from cxr_core.read import digest
from cxr_core.read.sources import InputFile
from cxr_core.readahead import ReadAhead
from cxr_core.records import Screening, Seconds
from cxr_core.settings import Settings, cores

FLOOR = 0.05
_MOST_READERS = 4

Known = Callable[[str], Screening | None]
Allowed = Callable[[str], frozenset[str]]
Coming = Screening | Future[Screening]
"""A screening, or one that the engine still owes."""


class Screener(Models):
    """The models of one site, ready to screen; may be shared by threads. ``screen`` holds all state of a run.

    All screeners of one process that have the same settings share one engine, those of ``switched`` too.
    """

    def __init__(
        self,
        settings: Settings,
        detectors: Sequence[Detector] | None = None,
        opinions: Sequence[Detector] | None = None,
    ) -> None:
        super().__init__(settings, detectors, opinions)
        self._budget = Budget(settings.memory_mb)

    @property
    def readers(self) -> int:
        """Threads that decode films; how many of them do so at once, the memory allowed and the films' sizes tell."""
        return min(_MOST_READERS, cores())

    def screen(
        self,
        inputs: Iterable[InputFile],
        floor: float = FLOOR,
        *,
        known: Known | None = None,
        allowed: Allowed | None = None,
    ) -> Generator[Screening, None, None]:
        """A Screening for each input, in order, refused ones too. Boxes scored below ``floor`` are left out.

        ``known`` is asked with the SHA-256 of each input; the Screening it gives, if any, is passed on under this
        input's name and nothing is read. ``allowed`` is asked likewise which of the gate's codes a person has overruled
        for it. Closing the iterator early stops the reading and drops what waits for the models. Anything but a Refusal
        propagates, after the screenings of the inputs before it.
        """
        return _one_by_one(self.screen_together(inputs, floor, known=known, allowed=allowed))

    def screen_together(
        self,
        inputs: Iterable[InputFile],
        floor: float = FLOOR,
        *,
        known: Known | None = None,
        allowed: Allowed | None = None,
    ) -> Generator[list[Screening], None, None]:
        """As ``screen``, but what is ready at one moment comes as one list, at most a batch: it can be kept at once."""
        if not 0.0 <= floor <= 1.0:
            raise RecordError(f"floor must lie in [0, 1], got {floor}")
        return self._screen(inputs, floor, known or _nothing_known, allowed or _nothing_allowed)

    def _screen(
        self, inputs: Iterable[InputFile], floor: float, known: Known, allowed: Allowed
    ) -> Generator[list[Screening], None, None]:
        with closing(Opener(self.specs, self._settings, self.readers, self._budget)) as opener:
            run = _Run(self, opener, self._line(floor), known, allowed)
            tasks = (run.task(item) for item in inputs)
            # The line is left first: readers that wait for a place in it must not hold up the end.
            with ReadAhead(tasks, threads=self.readers, ahead=self._ahead()) as films, run.line:
                yield from _together(films, self._settings.batch_size)

    def _line(self, floor: float) -> Line[Film, Screening]:
        """This run's way to the engine; runs that ask the same networks for boxes of the same floor go together."""
        panel = self.panel
        asked = (*self.detectors, *self.opinions)
        one_by_one = all(item.runtime_name.startswith("litert") for item in asked)
        return engine.shared(self._settings).line(
            lambda films: answer(films, panel, floor),
            (floor, *((id(item.runtime), item.ref) for item in asked)),
            wait=0.0 if one_by_one else self._settings.batch_wait_ms / 1000,
        )

    def _ahead(self) -> int:
        """Results that may wait to be taken, and films for the models: two batches, one in the models, one filling."""
        one = sum(4 * spec.height * spec.width * spec.channels for spec in self.specs)
        return max(1, min(2 * self._settings.batch_size, self._settings.memory_mb * 1_000_000 // one))


@dataclass(frozen=True, slots=True)
class _Run:
    """What one call of ``screen`` does with each input."""

    site: Models
    opener: Opener
    line: Line[Film, Screening]
    known: Known
    allowed: Allowed

    def task(self, item: InputFile) -> Callable[[], Coming]:
        """Loads the bytes now, one input after the other; what is costly is left to the task."""
        name = _shown(item.name)
        started = time.perf_counter()
        try:
            data = item.load()
        except Refusal as refusal:
            done = refused(name, "", refusal, self.site.models)
            return lambda: done
        sha256 = digest(data)
        seen = self.known(sha256)
        if seen is not None:
            again = replace(seen, file=name)
            return lambda: again
        loading = time.perf_counter() - started
        codes = self.allowed(sha256)
        return lambda: self._opened(self.opener(data, name, sha256, codes), name, sha256, loading)

    def _opened(self, said: Opened | Unread, name: str, sha256: str, loading: float) -> Coming:
        if isinstance(said, Unread):
            facts: dict[str, Any] = {"models": self.site.models, "identity": said.identity, "image": said.facts}
            return Screening(name, sha256, "refused", refusal=said.refusal, **facts)
        seconds = Seconds(loading + said.read_seconds, said.prepare_seconds)
        views = dict(zip(self.site.specs, said.views, strict=True))
        return self.line.ask(Film(name, sha256, said.facts, said.warnings, views, seconds, said.identity))


def _together(films: ReadAhead[Coming], most: int) -> Generator[list[Screening], None, None]:
    """Lists of what is ready, in order; waits only for the first of each."""
    for coming in films:
        taken = [coming]
        while len(taken) < most and films.ready():
            taken.append(next(films))
        ready: list[Screening] = []
        for item in taken:
            if ready and isinstance(item, Future) and (not item.done() or item.cancelled() or item.exception()):
                yield ready  # they need not wait for it, nor be lost with it
                ready = []
            ready.append(item.result() if isinstance(item, Future) else item)
        yield ready


def _one_by_one(groups: Generator[list[Screening], None, None]) -> Generator[Screening, None, None]:
    with closing(groups):
        for group in groups:
            yield from group


def _shown(name: str) -> str:
    """A name that every file and database can hold: bytes that are no Unicode as escapes, no NUL."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _nothing_known(_sha256: str) -> None:
    return None


def _nothing_allowed(_sha256: str) -> frozenset[str]:
    return frozenset()
