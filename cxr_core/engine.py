"""One engine a process: what many callers ask of the same networks, done together, in turn, within bounds.

In: requests of any number of callers, each on a line of its own. Out: a future for each. This module knows nothing of
films and of networks: a line says by its ``key`` with whose requests its own may go through ``work`` together.

- Batches: what waits goes together, at most ``batch`` requests; a line may let an unfull batch wait for more.
- Fair: one request a line, round after round; who was just served stands last. A caller with ten thousand films delays
  one with a single film by one batch.
- Bounded: at most ``places`` requests wait or are worked on, shared equally among the open lines. Who asks for more is
  held up until a place is free, oldest first: so reading stops when the networks are behind.
- Alone: where a batch fails, each of its requests is done alone, so that one spoils no other's, of whichever caller.
- Dropped: what waits on a line when it is closed is never done.

The engine's thread lives as long as a line is open; ``close`` ends it, and so does the end of the program.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from cxr_core.settings import Settings

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """What one caller asked, and since when it waits."""

    line: Line[Any, Any]
    item: Any
    future: Future[Any] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Line(Generic[T, R]):
    """One caller's way to the engine; use it in a ``with`` block. Threads of the caller may share it."""

    def __init__(
        self, engine: Engine, work: Callable[[Sequence[T]], Sequence[R]], key: Hashable, *, wait: float
    ) -> None:
        self.work, self.key, self.wait = work, key, wait
        self.waiting: deque[_Request] = deque()
        self.held = 0
        self.open = True
        self._engine = engine

    def ask(self, item: T) -> Future[R]:
        """Stand in line, once there is a place. CancelledError if the line is closed."""
        return self._engine.admit(self, item)

    def close(self) -> None:
        """Drop what waits; what is being worked on is finished for nobody."""
        self._engine.leave(self)

    def __enter__(self) -> Line[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Engine:
    """``batch``: most requests done together. ``places``: most that wait or are worked on; twice ``batch`` unless said.

    Twice: while one batch is worked on, the next one fills.
    """

    def __init__(self, batch: int, places: int = 0) -> None:
        self._batch, self._places = batch, places or 2 * batch
        self._change = threading.Condition()
        self._lines: deque[Line[Any, Any]] = deque()  # whose turn it is stands first
        self._asking: deque[tuple[Line[Any, Any], object]] = deque()  # who waits for a place, oldest first
        self._thread: threading.Thread | None = None

    def line(self, work: Callable[[Sequence[T]], Sequence[R]], key: Hashable, *, wait: float = 0.0) -> Line[T, R]:
        """A way in for one caller. ``work`` answers requests in order; lines of one ``key`` have the same work.

        ``wait``: seconds that the oldest request may wait for others to fill its batch.
        """
        made = Line(self, work, key, wait=wait)
        with self._change:
            self._lines.append(made)
        return made

    @property
    def waiting(self) -> int:
        """Requests that wait or are worked on."""
        with self._change:
            return self._held()

    @property
    def held_up(self) -> int:
        """Requests that wait for a place."""
        return len(self._asking)

    def close(self) -> None:
        """Close all lines and end the thread, after the batch that it works on. A new line starts it again."""
        with self._change:
            thread, lines = self._thread, tuple(self._lines)
        for line in lines:
            self.leave(line)
        if thread is not None:
            thread.join()

    def admit(self, line: Line[T, R], item: T) -> Future[R]:
        """Wait for a place and take it."""
        ticket = (line, object())
        with self._change:
            self._asking.append(ticket)
            try:
                self._change.wait_for(lambda: not line.open or self._next_admitted() is ticket)
            finally:
                self._asking.remove(ticket)
                self._change.notify_all()
            if not line.open:
                raise CancelledError
            request = _Request(line, item)
            line.held += 1
            line.waiting.append(request)
            self._start()
        return request.future

    def leave(self, line: Line[Any, Any]) -> None:
        """Drop what waits on a line."""
        with self._change:
            if not line.open:
                return
            line.open = False
            self._lines.remove(line)
            dropped = tuple(line.waiting)
            line.held -= len(dropped)
            line.waiting.clear()
            self._change.notify_all()
        for request in dropped:
            request.future.cancel()

    def _held(self) -> int:
        """Places taken; a closed line's last batch takes no place, for it is soon over."""
        return sum(line.held for line in self._lines)

    def _next_admitted(self) -> tuple[Line[Any, Any], object] | None:
        """Who may take a place now: the oldest whose line holds less than its share."""
        share = max(1, self._places // max(1, len(self._lines)))
        if self._held() >= self._places:
            return None
        return next((ticket for ticket in self._asking if ticket[0].held < share), None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while batch := self._taken():
            _answer([request for request in batch if request.future.set_running_or_notify_cancel()])
            with self._change:
                for request in batch:
                    request.line.held -= 1
                self._change.notify_all()

    def _taken(self) -> list[_Request]:
        """The next batch; waits for it. Empty when the last line is closed."""
        with self._change:
            while True:
                self._change.wait_for(lambda: not self._lines or any(line.waiting for line in self._lines))
                first = next((line for line in self._lines if line.waiting), None)
                if first is None:
                    self._thread = None
                    return []
                left = first.waiting[0].since + first.wait - time.monotonic()
                if left <= 0 or self._ready(first.key) >= self._batch:
                    return self._round(first.key)
                self._change.wait(left)

    def _ready(self, key: Hashable) -> int:
        return sum(len(line.waiting) for line in self._lines if line.key == key)

    def _round(self, key: Hashable) -> list[_Request]:
        """One request a line in turn, until the batch is full or nothing is left that may go together."""
        taken: list[_Request] = []
        while len(taken) < self._batch:
            line = next((line for line in self._lines if line.waiting and line.key == key), None)
            if line is None:
                break
            self._lines.remove(line)
            self._lines.append(line)
            taken.append(line.waiting.popleft())
        return taken


def _answer(batch: Sequence[_Request]) -> None:
    """Do the work and tell each caller: together, and where that fails each alone."""
    if not batch:
        return
    try:
        said = batch[0].line.work([request.item for request in batch])
        answers = list(zip(batch, said, strict=True))
    except Exception as exc:  # noqa: BLE001 - a caller gets what its own request raised, a bug too; the engine goes on
        if len(batch) == 1:
            batch[0].future.set_exception(exc)
            return
        for request in batch:
            _answer([request])
    except BaseException as exc:  # noqa: BLE001 - who asked is told to stop; the engine's thread serves the others
        for request in batch:
            request.future.set_exception(exc)
    else:
        for request, answer in answers:
            request.future.set_result(answer)


_shelf: dict[int, Engine] = {}
_lock = threading.Lock()


def shared(settings: Settings) -> Engine:
    """The engine of this process, the same for everyone with these settings."""
    with _lock:
        if settings.batch_size not in _shelf:
            _shelf[settings.batch_size] = Engine(settings.batch_size)
            atexit.register(_shelf[settings.batch_size].close)
        return _shelf[settings.batch_size]
