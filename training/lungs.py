"""Films with the lungs covered, or all else: the controls for what a network reads besides lungs.

In: a film's pixels (H, W) and its example, which holds the lungs' box. Out: changed pixels of the same shape.
"""

from __future__ import annotations

import numpy as np

from training.covid import NEGATIVE
from training.data import Example


def black_lungs(pixels: np.ndarray, film: Example) -> np.ndarray:
    """The film with the lungs' box black."""
    out = pixels.copy()
    out[_lungs(pixels, film)] = 0
    return out


def lungs_alone(pixels: np.ndarray, film: Example) -> np.ndarray:
    """The film with all but the lungs' box black."""
    out = np.zeros_like(pixels)
    place = _lungs(pixels, film)
    out[place] = pixels[place]
    return out


def _lungs(pixels: np.ndarray, film: Example) -> tuple[slice, slice]:
    box = next(area for area in film.areas if area.label == NEGATIVE)
    height, width = pixels.shape
    return (
        slice(int(box.y1 * height), int(np.ceil(box.y2 * height))),
        slice(int(box.x1 * width), int(np.ceil(box.x2 * width))),
    )
