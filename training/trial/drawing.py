"""A film with its boxes drawn in, for people to look at.

In: a film's greys, boxes in pixels of it with names and scores, true boxes. Out: a JPEG. Every picture says that it is
for research: pictures leave their folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

WORDS = "Research use only. Expert review required."
_SHORTEST, _LONGEST = 640, 1024  # pixels of a picture's longer side
_LETTERS = 0.5
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TRUE = (255, 255, 255)
_COLOURS = ((80, 200, 255), (255, 180, 80), (120, 230, 120), (220, 130, 255), (90, 140, 255), (230, 230, 90))
"""Blue, green, red; told apart on grey by people who see no red and green too, as each box has its name beside it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box of class number ``kind``: corners in pixels of the film, and the text at its edge."""

    corners: tuple[float, float, float, float]
    text: str
    kind: int


def annotated(pixels: npt.NDArray[np.uint16], boxes: Sequence[Drawn], truths: Sequence[Drawn]) -> bytes:
    """A JPEG of (H, W) uint16 greys: found boxes in colour, true ones thin and white, WORDS at the lower edge."""
    longest = max(pixels.shape)
    scale = min(max(longest, _SHORTEST), _LONGEST) / longest
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.cvtColor(cv2.resize((pixels >> 8).astype(np.uint8), size, interpolation=kind), cv2.COLOR_GRAY2BGR)
    for item in truths:
        _box(picture, item, scale, _TRUE, 1)
    for item in boxes:
        _box(picture, item, scale, _COLOURS[item.kind % len(_COLOURS)], 2)
    whole = np.vstack([picture, _words(size[0])])
    return bytes(cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())


def _box(picture: np.ndarray, item: Drawn, scale: float, colour: tuple[int, int, int], line: int) -> None:
    x1, y1, x2, y2 = (round(value * scale) for value in item.corners)
    cv2.rectangle(picture, (x1, y1), (x2, y2), colour, line)
    if not item.text:
        return
    (wide, high), low = cv2.getTextSize(item.text, _FONT, _LETTERS, 1)
    left = max(0, min(x1, picture.shape[1] - wide))
    bottom = max(high + low, y1)
    picture[bottom - high - low : bottom, left : left + wide] = 0  # letters on black are read on any grey
    cv2.putText(picture, item.text, (left, bottom - low), _FONT, _LETTERS, colour, 1, cv2.LINE_AA)


def _words(width: int) -> np.ndarray:
    """A band below the film, so that no part of it is covered; it shrinks with a narrow film."""
    (wide, high), low = cv2.getTextSize(WORDS, _FONT, _LETTERS, 1)
    band = np.zeros((high + low + 8, max(width, wide + 12), 3), np.uint8)
    cv2.putText(band, WORDS, (6, high + 4), _FONT, _LETTERS, _TRUE, 1, cv2.LINE_AA)
    height = max(1, round(band.shape[0] * width / band.shape[1]))
    return np.asarray(cv2.resize(band, (width, height), interpolation=cv2.INTER_AREA))
