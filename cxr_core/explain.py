"""Where a score comes from, as a map over the film.

In: the evidence of a grid of cells over a model's input (log-odds, see detect.Evidence), and where the film lies in it.
Out: an Explanation: what raised the score and what lowered it, apart, in the film's own coordinates. This module knows
no model, no pixel and no colour.

The scale is one for all films, labels and models: log-odds that a hundredth of the film's area adds to the score.
Nothing is stretched to the strongest place of a film, so weak evidence stays faint and no evidence stays blank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError

Floats = npt.NDArray[np.float32]

LONGEST = 160
"""Pixels of a map's longer side: eight for each cell of the finest grid there is, so that bilinear looks smooth."""

FULL = 0.5
"""Log-odds a hundredth of the film's area from which a map is drawn at its strongest: a square of a tenth of the film's
sides that alone multiplies the odds by 1.6. On films of the held-out NIH fold that are flagged the strongest place of
a label's map has 0.1 to 0.2 at the median and reaches this on a quarter; where a label is not flagged, 0.01."""

_ROUNDING = 1e-9  # a film's edge carried into the input and divided by its size may come out a hair beyond it


@dataclass(frozen=True, slots=True)
class Frame:
    """A film of ``width`` x ``height`` pixels, and the box it covers of a model's input, as fractions of that input."""

    width: int
    height: int
    x1: float = 0.0
    y1: float = 0.0
    x2: float = 1.0
    y2: float = 1.0

    def __post_init__(self) -> None:
        low, high = -_ROUNDING, 1 + _ROUNDING
        across, down = low <= self.x1 < self.x2 <= high, low <= self.y1 < self.y2 <= high
        if self.width < 1 or self.height < 1 or not (across and down):
            raise RecordError(f"a film needs pixels and a place inside the model's input, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Where one finding's score comes from.

    ``raised`` and ``lowered`` (h, w) float32 from 0: log-odds that a hundredth of the film's area adds to the score or
    takes from it at this place; the map covers the film, whatever its pixels. In log-odds of the calibrated ``score``:
    ``gain`` and ``loss`` (from 0) of the whole film, ``outside`` of the padding around it, ``constant`` of a film that
    says nothing; constant + outside + gain - loss is the log-odds of ``score``.
    """

    score: float
    raised: Floats
    lowered: Floats
    gain: float
    loss: float
    outside: float
    constant: float

    def __post_init__(self) -> None:
        if self.raised.shape != self.lowered.shape or self.raised.ndim != 2:
            raise RecordError(f"maps must be (h, w) alike, got {self.raised.shape} and {self.lowered.shape}")

    @property
    def peak(self) -> float:
        """The strongest place that raised the score, as a share of FULL; above 1 it is drawn as 1."""
        return float(self.raised.max()) / FULL


def explain(cells: Floats, score: float, constant: float, frame: Frame) -> Explanation:
    """The map of one finding on one film.

    ``cells`` (h, w) float32 covers the whole model input, padding too: log-odds each cell adds to ``score``, beside
    ``constant``. Upsampling is bilinear between the cells' centres, of either sign apart: next to each other, what
    raised and what lowered a score do not cancel.
    """
    if cells.ndim != 2 or not cells.size:
        raise RecordError(f"cells must be (h, w), got {cells.shape}")
    rows, columns = cells.shape
    scale = LONGEST / max(frame.width, frame.height)
    height, width = (max(1, round(side * scale)) for side in (frame.height, frame.width))
    down = _between(height, rows, frame.y1, frame.y2)
    across = _between(width, columns, frame.x1, frame.x2).T
    # A cell covers 1 / (rows x columns) of the input, and the film only a part of that.
    hundredths = 100.0 / (rows * columns * (frame.x2 - frame.x1) * (frame.y2 - frame.y1))
    raised, lowered = (down @ np.maximum(sign * cells, 0.0).astype(np.float64) @ across for sign in (1, -1))
    gain, loss = (float(part.mean()) * 100.0 / hundredths for part in (raised, lowered))
    return Explanation(
        score=score,
        raised=(raised / hundredths).astype(np.float32),
        lowered=(lowered / hundredths).astype(np.float32),
        gain=gain,
        loss=loss,
        outside=float(cells.sum(dtype=np.float64)) - (gain - loss),
        constant=constant,
    )


def _between(count: int, cells: int, low: float, high: float) -> npt.NDArray[np.float64]:
    """(count, cells): weights that read a row of cells over [0, 1] at ``count`` pixels' centres between low and high.

    Linear between the cells' centres, level beyond the outermost.
    """
    places = low + (np.arange(count) + 0.5) / count * (high - low)
    places = np.clip(places * cells - 0.5, 0.0, cells - 1.0)
    before = np.minimum(places.astype(np.int64), max(0, cells - 2))
    share = places - before
    weights = np.zeros((count, cells))
    weights[np.arange(count), before] = 1.0 - share
    if cells > 1:
        weights[np.arange(count), before + 1] = share
    return weights
