"""The part of a film that was exposed: what is left inside a shutter and the black or white border of a collimator.

In: a dataset's shutter, or a film's greys. Out: (x1, y1, x2, y2) in whole pixels, or None for the whole film. Kept
cautious, because to cut lung away is worse than to leave a border on: an edge counts only where nearly all of it is
black or white and level, a border only where it is broad, and a field that would be left too small is not believed.

Sources: PS3.3 C.7.6.11 (display shutter), C.8.7.3 (collimator). Positions there count from 1, rows before columns.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cxr_core.read.dataset import numbers, words
from cxr_core.read.grey import WHITE, Greys

Field = tuple[int, int, int, int]

_KINDS = ("Shutter", "Collimator")
_SMALLEST = 0.35  # of a side: a field of less is a mistake in the header, or a film of something else
_GRID = 256  # lines looked at each way
_BROAD = 0.04  # of a side: a narrower border changes the picture too little to be worth the risk
_NEARLY_ALL = 0.985  # a side marker may stand on a border
_BLACK, _BRIGHT = int(0.03 * WHITE), int(0.985 * WHITE)


def shutter_field(dataset: Dataset, width: int, height: int) -> Field | None:
    """The rectangle around what all shutters and collimators of the file leave free; None if that is all, or absurd."""
    box = (0, 0, width, height)
    for kind in _KINDS:
        for shape in words(dataset, f"{kind}Shape"):
            found = _SHAPES[shape](dataset, kind) if shape in _SHAPES else None
            if found and all(map(math.isfinite, found)):
                box = _within(found, box)
    return _believed(box, width, height)


def bordered_field(pixels: Greys) -> Field | None:
    """The rectangle inside the black or white borders of a film, (H, W) uint16; None where there are none to speak of.

    Looked at on a grid of some 256 lines each way, so an edge is placed outside the last border line that was seen.
    """
    height, width = pixels.shape
    down, across = max(1, height // _GRID), max(1, width // _GRID)
    seen = np.ascontiguousarray(pixels[::down, ::across])
    dark, bright = seen <= _BLACK, seen >= _BRIGHT
    box = (0, 0, seen.shape[1], seen.shape[0])
    for _ in range(2):  # a border on two sides hides that of the other two until it is off
        box, before = _inside(dark, bright, box), box
        if box == before:
            break
    x1, y1, x2, y2 = (each * step for each, step in zip(box, (across, down) * 2, strict=True))
    x1, y1, x2, y2 = max(0, x1 - across), max(0, y1 - down), min(width, x2 + across), min(height, y2 + down)
    x1, x2 = (x1 if x1 >= _BROAD * width else 0), (x2 if width - x2 >= _BROAD * width else width)
    y1, y2 = (y1 if y1 >= _BROAD * height else 0), (y2 if height - y2 >= _BROAD * height else height)
    return _believed((x1, y1, x2, y2), width, height)


def common(one: Field | None, other: Field | None) -> Field | None:
    """What two fields share; a field that shares nothing is passed over."""
    if one is None or other is None:
        return one or other
    both = _within(other, one)
    return both if both[0] < both[2] and both[1] < both[3] else one


def _inside(dark: npt.NDArray[np.bool_], bright: npt.NDArray[np.bool_], box: Field) -> Field:
    """The box without the border lines at its four sides."""
    x1, y1, x2, y2 = box
    part = (slice(y1, y2), slice(x1, x2))
    rows, columns = (_level(dark[part], axis) | _level(bright[part], axis) for axis in (1, 0))
    if rows.all() or columns.all():
        return box
    top, bottom, left, right = (int(np.argmin(lines)) for lines in (rows, rows[::-1], columns, columns[::-1]))
    return (x1 + left, y1 + top, x2 - right, y2 - bottom)


def _level(lines: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    """Which rows (axis 1) or columns (axis 0) hold nearly nothing but what is marked."""
    return np.asarray(np.count_nonzero(lines, axis=axis) >= _NEARLY_ALL * lines.shape[axis])


def _believed(box: Field, width: int, height: int) -> Field | None:
    x1, y1, x2, y2 = box
    if box == (0, 0, width, height) or x2 - x1 < _SMALLEST * width or y2 - y1 < _SMALLEST * height:
        return None
    return box


def _within(found: tuple[float, float, float, float], box: Field) -> Field:
    """The common part of two boxes, outwards to whole pixels; without area where they share none."""
    x1, y1 = max(box[0], math.floor(found[0])), max(box[1], math.floor(found[1]))
    return (x1, y1, min(box[2], math.ceil(found[2])), min(box[3], math.ceil(found[3])))


def _rectangle(dataset: Dataset, kind: str) -> tuple[float, float, float, float] | None:
    sides = ("LeftVertical", "UpperHorizontal", "RightVertical", "LowerHorizontal")
    edges = [numbers(dataset, f"{kind}{side}Edge") for side in sides]
    if not all(edges):
        return None
    left, upper, right, lower = (edge[0] for edge in edges)
    return (left - 1, upper - 1, right, lower)


def _circle(dataset: Dataset, kind: str) -> tuple[float, float, float, float] | None:
    centre, radius = numbers(dataset, f"CenterOfCircular{kind}"), numbers(dataset, f"RadiusOfCircular{kind}")
    if len(centre) != 2 or not radius:
        return None
    row, column = centre
    return (column - 1 - radius[0], row - 1 - radius[0], column + radius[0], row + radius[0])


def _polygon(dataset: Dataset, kind: str) -> tuple[float, float, float, float] | None:
    corners = numbers(dataset, f"VerticesOfThePolygonal{kind}")
    if len(corners) < 6 or len(corners) % 2:
        return None
    rows, columns = corners[::2], corners[1::2]
    return (min(columns) - 1, min(rows) - 1, max(columns), max(rows))


_SHAPES = {"RECTANGULAR": _rectangle, "CIRCULAR": _circle, "POLYGONAL": _polygon}
