"""A budget of memory that several threads share: who needs more than is left waits, in the order of asking.

In: how many megabytes there are, and how many each task needs. Out: leave to go on. This module knows nothing of films.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """``most`` megabytes. What needs more than all of them gets all: it runs alone rather than never.

    First come, first served: small tasks do not overtake a large one, which would else wait for ever.
    """

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._change = threading.Condition()
        self._waiting: deque[object] = deque()

    @property
    def waiting(self) -> int:
        """How many tasks wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def held(self, need: int) -> Iterator[None]:
        """Wait until ``need`` megabytes are free, and hold them inside the ``with`` block; do not nest."""
        share = min(need, self._most)
        self._take(share)
        try:
            yield
        finally:
            with self._change:
                self._free += share
                self._change.notify_all()

    def _take(self, share: int) -> None:
        ticket = object()
        with self._change:
            self._waiting.append(ticket)
            try:
                self._change.wait_for(lambda: self._waiting[0] is ticket and self._free >= share)
                self._free -= share
            finally:
                self._waiting.remove(ticket)
                self._change.notify_all()
