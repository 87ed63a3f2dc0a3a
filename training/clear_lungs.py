"""Average clear lungs, which the shortcut alarm lays over a film's own.

In: films without pneumonia and their lung boxes. Out: one picture (SIDE, SIDE) uint8 that fills a lungs' box. It is a
mean over the films that are most alike, each laid over the others, and then sharpened: a plain mean is hazy, and haze
is what the network looks for. No patient's film can be made out in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from tqdm import tqdm

from training.cache import grey
from training.covid import NEGATIVE
from training.data import Example

SIDE, FILMS, ROUNDS = 96, 64, 2
_SIGMA, _SHARPER = 6.0, 3.0
_MOST_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)

Plane = np.ndarray


def average(films: Sequence[Example]) -> Plane:
    """The clear lungs of ``films``, all of which have a lungs' box."""
    parts = np.stack([_lungs(film) for film in tqdm(films, "lungs", unit="film", mininterval=5)])
    level, contrast = parts.mean(), parts.std((1, 2)).mean()
    alike = (parts - parts.mean((1, 2), keepdims=True)) / np.maximum(parts.std((1, 2), keepdims=True), 1.0)
    order = np.argsort(((alike - alike.mean(0)) ** 2).mean((1, 2)), kind="stable")[:FILMS]
    mean = alike[order].mean(0)
    for _ in range(ROUNDS):
        laid = [_laid_over(film, mean) for film in alike[order]]
        mean = np.mean([film for film in laid if film is not None] or [mean], axis=0)
    mean = mean + _SHARPER * (mean - cv2.GaussianBlur(mean, (0, 0), _SIGMA))
    return np.clip(np.rint(level + contrast * mean / mean.std()), 0, 255).astype(np.uint8)


def _lungs(film: Example) -> Plane:
    """(SIDE, SIDE) float32 of the film's lungs' box."""
    pixels = grey(film.encoded(), film.name)
    box = next(area for area in film.areas if area.label == NEGATIVE)
    height, width = pixels.shape
    part = pixels[int(box.y1 * height) : int(box.y2 * height), int(box.x1 * width) : int(box.x2 * width)]
    return np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _laid_over(film: Plane, mean: Plane) -> Plane | None:
    """The film moved so that it lies over the mean (Evangelidis 2008); None where that fails."""
    start = np.eye(2, 3, dtype=np.float32)
    one, other = film.astype(np.float32), mean.astype(np.float32)
    try:
        _, moved = cv2.findTransformECC(other, one, start, cv2.MOTION_AFFINE, _MOST_STEPS, None, 3)
    except cv2.error:
        return None
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(one, moved, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE))
