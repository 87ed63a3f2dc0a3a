"""One input's bytes -> what the models are to see of it, or why it cannot be screened; here or in another process.

Joins reading, the gate and preparing, so that a film's pixels are let go where they were decoded and only the small
pictures that models want travel on. Imports no runtime: a process that opens films starts fast and stays small.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core import gate
from cxr_core.budget import Budget
from cxr_core.card import InputSpec
from cxr_core.errors import ReaderFailed, Refusal
from cxr_core.outside import Absent, Died, Outside, TooSlow
from cxr_core.prepare import Placement, prepare
from cxr_core.read import identify, read
from cxr_core.read.need import may_crash, need_mb
from cxr_core.records import Identity, ImageFacts, Notice
from cxr_core.settings import Settings

_log = logging.getLogger(__name__)

Tensor = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A film that was read: its facts, and its pixels as each model wants to see them, (h, w, c), in specs' order."""

    facts: ImageFacts
    warnings: tuple[Notice, ...]
    identity: Identity | None
    views: tuple[tuple[Tensor, Placement], ...]
    read_seconds: float
    prepare_seconds: float


@dataclass(frozen=True, slots=True)
class Unread:
    """An input that cannot be screened, why, and whose it is where the file still says so.

    ``facts`` are there if it has a picture all the same, which the gate stopped.
    """

    refusal: Notice
    identity: Identity | None = None
    facts: ImageFacts | None = None


def open_film(  # noqa: PLR0913, PLR0917 - one plain call, since it may cross into another process
    data: bytes,
    name: str,
    sha256: str,
    specs: Sequence[InputSpec],
    settings: Settings,
    allowed: frozenset[str] = frozenset(),
) -> Opened | Unread:
    """Read, judge and prepare one film; every Refusal becomes an Unread, nothing else is raised.

    ``allowed``: codes of the gate that a person has overruled.
    """
    started = time.perf_counter()
    try:
        film = read(data, name, settings, sha256)
    except Refusal as refusal:
        return Unread(Notice(refusal.code, refusal.message), identify(data, settings))
    verdict = gate.judge(film, settings, gate.load(settings), allowed)
    film = verdict.film
    facts = ImageFacts(film.width, film.height, film.view, film.source)
    if verdict.refusal:
        return Unread(Notice(verdict.refusal.code, verdict.refusal.message), film.identity, facts)
    opened = time.perf_counter()
    prepared = (prepare((film,), spec) for spec in specs)
    views = tuple((tensors[0], placements[0]) for tensors, placements in prepared)
    done = time.perf_counter()
    return Opened(facts, film.warnings, film.identity, views, opened - started, done - opened)


class Opener:
    """Opens the films of one run; in processes of their own from the ``settings.processes_from``-th film on.

    Starting these takes a second or two, so a few films are opened in the caller's threads, but for those that go to a
    decoder which might crash: one process, kept for all runs of the program, opens these from the first on. In a
    process, a film whose decoder crashes, runs out of memory or never ends is refused alone; in a thread, it would take
    the program along.

    Here and there, a film waits until the memory that its header asks for is free in the ``budget``; runs may share it.
    """

    def __init__(
        self, specs: Sequence[InputSpec], settings: Settings, readers: int, budget: Budget | None = None
    ) -> None:
        self._specs, self._settings, self._readers = tuple(specs), settings, readers
        self._budget = budget or Budget(settings.memory_mb)
        self._lock = threading.Lock()
        self._count = 0
        self._outside: Outside | None = None

    def close(self) -> None:
        """End the processes."""
        if self._outside:
            self._outside.__exit__(None, None, None)

    def __call__(self, data: bytes, name: str, sha256: str, allowed: frozenset[str] = frozenset()) -> Opened | Unread:
        """Open one film once there is memory for it; may be called by several threads at once."""
        with self._budget.held(need_mb(data, self._settings)):
            return self._open(data, name, sha256, allowed)

    def _open(self, data: bytes, name: str, sha256: str, allowed: frozenset[str]) -> Opened | Unread:
        outside = self._next() or (_spare(self._settings) if may_crash(data) else None)
        if outside is None:
            return open_film(data, name, sha256, self._specs, self._settings, allowed)
        try:
            # The name stays here: it may be a patient's, and nobody out there needs it.
            opened: Opened | Unread = outside(data, "", sha256, self._specs, self._settings, allowed)
        except Absent:
            return open_film(data, name, sha256, self._specs, self._settings, allowed)
        except (Died, TooSlow) as exc:
            _log.warning("a film's reader was lost: %s", exc)
            return Unread(_lost(slow=isinstance(exc, TooSlow), settings=self._settings))
        return opened

    def _next(self) -> Outside | None:
        """The processes, if this film is to be opened there and they are ready."""
        always = self._settings.processes_from == 0
        with self._lock:
            self._count += 1
            if self._outside is None and self._count > self._settings.processes_from:
                self._outside = Outside(_place(), processes=self._readers, seconds=self._settings.film_seconds)
        return self._outside if self._outside and (always or self._outside.up) else None


def _place() -> str:
    return f"{open_film.__module__}:{open_film.__name__}"


_spares: dict[tuple[str, int], Outside] = {}
_lock = threading.Lock()


def _spare(settings: Settings) -> Outside:
    """The process for single films whose decoders might crash; started by the first of them, kept for the next."""
    key = (_place(), settings.film_seconds)
    with _lock:
        if key not in _spares:
            _spares[key] = Outside(key[0], processes=1, seconds=settings.film_seconds)
            atexit.register(_spares[key].__exit__, None, None, None)
        return _spares[key]


def _lost(*, slow: bool, settings: Settings) -> Notice:
    what = f"took longer than {settings.film_seconds} s" if slow else "broke down"
    more = " or raise CXR_FILM_SECONDS," if slow else ""
    message = (
        f"Reading this film {what}, so it was given up; the others go on. The file is probably damaged: "
        f"export it again from its source,{more} and tell whoever looks after this server."
    )
    return Notice(ReaderFailed.code, message)
