"""One file of the corpus: what it is, why it is hard, what a careful reader makes of it, and how its bytes are made.

This module knows no file format and no reader.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError

Greys = npt.NDArray[np.uint16]
"""(H, W), 0 black to 65535 white, bone bright."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome of reading a file: its pixels, warnings that are said with them, or the code of the refusal.

    ``pixels`` is None where only the outcome is known. ``decibels`` is the least peak signal-to-noise ratio against
    ``pixels``; infinite means the very same numbers. ``gate``: what a gate behind the reader says of it, one of
    these codes, as a refusal or a warning; empty where it has nothing to say. ``field``: the exposed part, (x1, y1, x2,
    y2) in pixels, give or take two; None where that is the whole film.
    """

    refused: str = ""
    warnings: tuple[str, ...] = ()
    pixels: Callable[[], Greys] | None = None
    decibels: float = math.inf
    gate: tuple[str, ...] = ()
    field: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.refused and (self.pixels or self.warnings):
            raise RecordError(f"a refused file has no pixels and no warnings, got {self.warnings}")

    def __str__(self) -> str:
        if self.refused:
            return f"refused: {self.refused}"
        like = "read" if self.pixels is None else "same pixels"
        if self.pixels and math.isfinite(self.decibels):
            like = f"pixels within {self.decibels:.0f} dB"
        like += f", warns {', '.join(self.warnings)}" if self.warnings else ""
        like += f", exposed ({', '.join(map(str, self.field))})" if self.field else ""
        return like + (f"; then the gate: {' or '.join(self.gate)}" if self.gate else "")


@dataclass(frozen=True, slots=True)
class Row:
    """A file of the corpus. ``needs`` names a program that must be installed to make it; "" for most."""

    file: str
    what: str
    hard: str
    expected: Expected
    make: Callable[[], bytes]
    needs: str = ""


def screened(pixels: Callable[[], Greys] | None, *warnings: str, decibels: float = math.inf) -> Expected:
    """The file is read as ``pixels``; ``warnings`` are said, in any order."""
    return Expected("", tuple(sorted(warnings)), pixels, decibels)


def refused(code: str) -> Expected:
    """The file is refused with this code."""
    return Expected(code)


def decibels(found: Greys, expected: Greys) -> float:
    """Peak signal-to-noise ratio of two films of one size, dB; infinite where they are the same."""
    error = float(np.mean((found.astype(np.float64) - expected) ** 2))
    return 10 * math.log10(65535**2 / error) if error else math.inf
