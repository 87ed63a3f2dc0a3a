"""From the film as it was shown and judged back to the film as it lies in its file.

In: the codes of a screening's warnings, the size of the source in pixels. Out: points and boxes in the source's pixels,
and how a viewer has to turn the source to show it the same way. A mended film was turned, then mirrored; boxes are in
pixels of what was shown, and objects of the standard refer to what is in the archive. The codes are those of the gate;
a test holds both to one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cxr_core.errors import RecordError
from cxr_core.records import Box

Size = tuple[float, float]
Point = tuple[float, float]

INVERTED = "inverted_by_pixels"
MIRRORED = "mirrored_mended"

_CLOCKWISE: Mapping[str, int] = MappingProxyType(
    # "turned_90": the film lay a quarter clockwise and was turned back, which is 270 degrees clockwise.
    {"turned_90_mended": 270, "turned_180_mended": 180, "turned_270_mended": 90}
)


@dataclass(frozen=True, slots=True)
class Upright:
    """How the source was turned to be shown: clockwise degrees, then mirrored (PS3.3 C.10.6), and inverted.

    ``width`` and ``height`` are the source's, pixels. Origin of all coordinates: the outer corner of the first pixel.
    """

    width: int
    height: int
    rotation: int = 0
    mirrored: bool = False
    inverted: bool = False

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the film as shown."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    def point(self, x: float, y: float) -> Point:
        """A point of the shown film, in the source."""
        if self.mirrored:
            x = self.shown_size[0] - x
        return _TURNED_BACK[self.rotation](x, y, self.width, self.height)

    def box(self, box: Box) -> Box:
        """A box of the shown film, in the source, cut to it; RecordError for one that lies outside."""
        (x1, y1), (x2, y2) = self.point(box.x1, box.y1), self.point(box.x2, box.y2)
        left, right = sorted((_within(x1, self.width), _within(x2, self.width)))
        top, bottom = sorted((_within(y1, self.height), _within(y2, self.height)))
        if left >= right or top >= bottom:
            raise RecordError(f"a box lies outside the film of {self.width} x {self.height} pixels")
        return Box(left, top, right, bottom)


def upright(codes: Iterable[str], width: int, height: int) -> Upright:
    """What the codes of a screening's warnings say was done to a source of this size."""
    known = set(codes)
    rotation = sum(turn for code, turn in _CLOCKWISE.items() if code in known) % 360
    return Upright(width, height, rotation, MIRRORED in known, INVERTED in known)


_TURNED_BACK: Mapping[int, Callable[[float, float, int, int], Point]] = MappingProxyType(
    {
        0: lambda x, y, _width, _height: (x, y),
        90: lambda x, y, _width, height: (y, height - x),
        180: lambda x, y, width, height: (width - x, height - y),
        270: lambda x, y, width, _height: (width - y, x),
    }
)
"""Degrees clockwise -> the point of the source under a point of the turned film."""


def _within(value: float, most: int) -> float:
    return min(max(value, 0.0), float(most))
