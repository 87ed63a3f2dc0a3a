"""A progress bar for a terminal, and plain lines for a log.

In: how many are done of how many. Out: text on a stream. On a terminal one line is redrawn; elsewhere a line is written
every ten seconds. The time left counts only what this run did itself: images known from an earlier run cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 24
_TERMINAL_EVERY, _LOG_EVERY = 0.1, 10.0


class Progress:
    """``step`` after each image, ``close`` at the end."""

    def __init__(self, total: int, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._stream, self._clock = total, stream, clock
        self._started = clock()
        self._shown = float("-inf")
        self._done = self._worked = 0
        self._redraws = stream.isatty()

    def step(self, *, known: bool = False) -> None:
        """One more is done; ``known`` if it was taken over from an earlier run."""
        self._done += 1
        self._worked += not known
        now = self._clock()
        if now - self._shown >= (_TERMINAL_EVERY if self._redraws else _LOG_EVERY) or self._done == self._total:
            self._shown = now
            text = self.text()
            self._stream.write(f"\r{text}\x1b[K" if self._redraws else f"{text}\n")
            self._stream.flush()

    def text(self) -> str:
        """Bar, count and time left, such as ``######........ 38/52  0:12 left``."""
        filled = _WIDTH * self._done // max(self._total, 1)
        left = self._left()
        shown = "" if left is None else f"  {left // 60}:{left % 60:02d} left"
        return f"{'#' * filled}{'.' * (_WIDTH - filled)} {self._done}/{self._total}{shown}"

    def close(self) -> None:
        """Leave the terminal's line."""
        if self._redraws and self._done:
            self._stream.write("\n")
            self._stream.flush()

    def _left(self) -> int | None:
        """Seconds; None before the first image, when nothing can be said."""
        if not self._worked:
            return None
        return round((self._clock() - self._started) / self._worked * (self._total - self._done))
