"""Work done ahead of its consumer by a few threads, handed out in order, within bounds.

In: an iterator of tasks. Out: their results, in the same order. This module knows nothing of films.

Taking the next task (``next(tasks)``) happens in one thread, one at a time, so the iterator may open files and archives
lazily and need not be thread-safe; running the tasks happens in ``threads`` others. At most ``threads + 1`` tasks are
taken and unfinished, at most ``ahead`` results wait. What a task raises, the consumer gets at that task's place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

R = TypeVar("R")


class ReadAhead(Generic[R]):
    """Iterate inside a ``with`` block; leaving the block, however early, stops the threads and drops what waits."""

    def __init__(self, tasks: Iterator[Callable[[], R]], *, threads: int, ahead: int) -> None:
        self._tasks = tasks
        self._ahead = max(1, ahead)
        self._taker = ThreadPoolExecutor(1, "read-ahead-take")
        self._workers = ThreadPoolExecutor(threads, "read-ahead-work")
        self._room = threading.Semaphore(threads + 1)
        self._closed = threading.Event()
        self._coming: deque[Future[Future[R] | None]] = deque()

    def __enter__(self) -> ReadAhead[R]:
        self._top_up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed.set()
        # Cancelled tasks give their room back, so the taker, if it waits for room, wakes up, sees the end and leaves.
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._taker.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        """The next result; waits for it. Raises what its task raised."""
        while self._coming:
            running = self._coming.popleft().result()
            if running is None:
                self._coming.clear()
                break
            self._top_up()
            return running.result()
        raise StopIteration

    def ready(self) -> bool:
        """Whether ``next`` would give a result at once; an error or the end is no result."""
        if not (self._coming and self._coming[0].done()) or self._coming[0].exception():
            return False
        running = self._coming[0].result()
        return running is not None and running.done() and not running.exception()

    def _top_up(self) -> None:
        while len(self._coming) < self._ahead:
            self._coming.append(self._taker.submit(self._take))

    def _take(self) -> Future[R] | None:
        """Start the next task; None at the end."""
        self._room.acquire()
        task = None if self._closed.is_set() else next(self._tasks, None)
        if task is None:
            self._room.release()
            return None
        running = self._workers.submit(task)
        running.add_done_callback(lambda _: self._room.release())
        return running
