"""A film with its boxes burnt in, for people who have no viewer.

In: greys of the film as shown, and marks. Out: an RGB picture of the film, nothing hidden: boxes are outlines, their
words stand on a dark plate beside them, and what must be read with the picture stands in a strip below the film. Sizes
grow with the film, so that a 3,000-pixel film is as readable as a 500-pixel one. This module knows no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from cxr_core.errors import ExportError
from cxr_core.export.palette import LOOKS, OTHER
from cxr_core.export.result import NOTICE, Result, drawn, told
from cxr_core.records import Box

Rgb = npt.NDArray[np.uint8]
Point = tuple[float, float]
Place = tuple[int, int, int, int]

_SCREEN = 900.0
"""Pixels of the longer side at which a dash pattern and a stroke have the sizes that they have on a screen."""

_PLATE = (12, 14, 17)
_INK = (225, 229, 234)
_SHADOW = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Stroke:
    """One box and its words; ``struck``: a reader rejected it, so it is drawn thin and crossed, never left out."""

    label: str
    box: Box
    text: str
    struck: bool = False


def annotated(grey: npt.NDArray[np.uint16], result: Result, *, lines: Sequence[str] = (NOTICE,)) -> Rgb:
    """The film with the boxes that belong on a picture (``result.drawn``), each with label and score."""
    marks = drawn(result)
    return draw(grey, [Stroke(m.label, m.box, told(m), m.verdict == "disagree") for m in marks], lines=lines)


def draw(grey: npt.NDArray[np.uint16], strokes: Iterable[Stroke], *, lines: Sequence[str] = (NOTICE,)) -> Rgb:
    """(H, W) uint16, 0 black to 65535 white -> (H + strip, W, 3) uint8; ``lines`` stand below the film."""
    picture = cv2.cvtColor((grey >> 8).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    scale = max(max(grey.shape) / _SCREEN, 0.4)
    taken: list[Place] = []
    for stroke in strokes:
        _outline(picture, stroke, scale)
        _words(picture, stroke, scale, taken)
    return np.vstack([picture, _strip(picture.shape[1], lines, scale)])


def png(picture: Rgb) -> bytes:
    """As a PNG file: no text chunk, no time, so the same picture is the same bytes."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise ExportError("the picture could not be written as PNG; export the film as a DICOM object instead")
    return data.tobytes()


def _outline(picture: Rgb, stroke: Stroke, scale: float) -> None:
    look = LOOKS.get(stroke.label, OTHER)
    width = max(1, round((1.0 if stroke.struck else 2.0) * scale))
    box = stroke.box
    corners = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2), (box.x1, box.y1)]
    sides = list(_dashes(corners, [length * scale for length in look.dash]))
    shadow = width + 2 * max(1, round(0.5 * scale))
    for colour, wide in ((_SHADOW, shadow), (look.rgb, width)):
        for start, end in sides:
            cv2.line(picture, _pixel(start), _pixel(end), colour, wide, cv2.LINE_8)
        if stroke.struck:
            cv2.line(picture, _pixel(corners[3]), _pixel(corners[1]), colour, wide, cv2.LINE_AA)


def _dashes(corners: Sequence[Point], pattern: Sequence[float]) -> Iterator[tuple[Point, Point]]:
    """The strokes of a dashed line along corners; without a pattern, its sides."""
    for start, end in pairwise(corners):
        length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
        if not pattern or length == 0:
            yield start, end
            continue
        at, turn = 0.0, 0
        while at < length:
            upto = min(at + pattern[turn % len(pattern)], length)
            if turn % 2 == 0:
                yield _along(start, end, at / length), _along(start, end, upto / length)
            at, turn = upto, turn + 1


def _along(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _pixel(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _words(picture: Rgb, stroke: Stroke, scale: float, taken: list[Place]) -> None:
    """The words above the box, else below, else inside, where no other words stand."""
    size = max(11, round(13 * scale))
    wide, high = _extent(stroke.text, size)
    wide, high = wide + size // 2, high + size // 3
    place = _free(picture.shape[:2], stroke.box, (wide, high), taken)
    taken.append(place)
    x, y = place[0], place[1]
    cv2.rectangle(picture, (x, y), (x + wide, y + high), _PLATE, cv2.FILLED)
    _write(picture, stroke.text, (x + size // 4, y + high - size // 3), LOOKS.get(stroke.label, OTHER).rgb, size)


def _free(shape: tuple[int, ...], box: Box, extent: tuple[int, int], taken: Sequence[Place]) -> Place:
    wide, high = extent
    left = min(max(0, round(box.x1)), max(0, shape[1] - wide))
    tops = [round(box.y1) - high - 2, round(box.y2) + 3, round(box.y1) + 3]
    tops += [round(box.y1) + 3 + step * (high + 2) for step in range(1, 12)]
    inside = [(left, top, left + wide, top + high) for top in tops if 0 <= top <= shape[0] - high]
    free = [place for place in inside if not any(_overlap(place, other) for other in taken)]
    return next(iter([*free, *inside]), (left, 0, left + wide, high))


def _overlap(one: Place, other: Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _strip(width: int, lines: Sequence[str], scale: float) -> Rgb:
    """What stands below the film; a line too long for it is written smaller, not cut."""
    size = max(11, round(14 * scale))
    strip = np.full((round(size * 1.6) * len(lines) + size // 2, width, 3), _PLATE, np.uint8)
    for number, line in enumerate(lines):
        fits = size
        while fits > 6 and _extent(line, fits)[0] > width - size:
            fits -= 1
        _write(strip, line, (size // 2, round(size * 1.6 * (number + 1)) - size // 4), _INK, fits)
    return strip


def _extent(text: str, size: int) -> tuple[int, int]:
    """Width and height of a text, pixels."""
    left, _, wide, _ = cv2.getTextSize((0, 0), text, (0, 0), cv2.FontFace("sans"), size)
    return left + wide, round(size * 1.15)


def _write(picture: Rgb, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: int) -> None:
    cv2.putText(picture, text, at, colour, cv2.FontFace("sans"), size)
