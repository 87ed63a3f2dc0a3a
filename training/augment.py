"""Random views of a film: one affine map and one grey-value table, and the same map for its boxes.

In: (S, S) uint8 film, boxes as fractions. Out: (T, T) uint8 film and the boxes' fractions of it. It does not know
classes. What the map brings from outside the film is black, as the letterbox's bars are.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from training.recipe import Augment

_SMALLEST = 0.012  # of the film: a box cut to less than this at an edge teaches nothing
_GRAIN = 64.0  # standard deviation of the sheet of noise that every film's grain is cut from
_SHEET = 1024


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """``matrix`` (2, 3): fractions of the film -> fractions of the view. ``table`` (256,) uint8 grey values."""

    matrix: np.ndarray
    table: np.ndarray
    noise: float = 0.0
    blur: bool = False


def identity() -> View:
    """The film as it is."""
    return View(np.eye(2, 3), np.arange(256, dtype=np.uint8))


def draw(rng: np.random.Generator, ranges: Augment) -> View:
    """A random view within ``ranges``."""
    angle = np.deg2rad(rng.uniform(-ranges.rotation, ranges.rotation))
    scale, aspect = rng.uniform(*ranges.scale), rng.uniform(-ranges.aspect, ranges.aspect)
    stretch = np.array([scale * (1 + aspect), scale / (1 + aspect)])
    if rng.random() < ranges.squeeze_chance:
        stretch[rng.integers(2)] *= rng.uniform(ranges.squeeze, 1.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * stretch[:, None]
    if ranges.shear:
        linear = linear @ np.array([[1.0, rng.uniform(-ranges.shear, ranges.shear)], [0.0, 1.0]])
    if ranges.flip and rng.random() < 0.5:
        linear[:, 0] *= -1
    shift = rng.uniform(-ranges.shift, ranges.shift, 2)
    offset = 0.5 + shift - linear @ np.array([0.5, 0.5])
    noise = rng.uniform(0, ranges.noise) if rng.random() < ranges.noise_chance else 0.0
    return View(np.column_stack([linear, offset]), _table(rng, ranges), noise, bool(rng.random() < ranges.blur_chance))


def _table(rng: np.random.Generator, ranges: Augment) -> np.ndarray:
    grey = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-ranges.gamma, ranges.gamma))
    contrast = 1 + rng.uniform(-ranges.contrast, ranges.contrast)
    grey = (grey - 0.5) * contrast + 0.5 + rng.uniform(-ranges.brightness, ranges.brightness)
    return np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8)


def render(film: np.ndarray, view: View, size: int, rng: np.random.Generator) -> np.ndarray:
    """(size, size) uint8."""
    source = cv2.LUT(film, view.table)
    if view.blur:
        source = cv2.GaussianBlur(source, (3, 3), 0)
    if view.noise:
        source = cv2.addWeighted(source, 1.0, _grain(source.shape, rng), view.noise / _GRAIN, 0.0, dtype=cv2.CV_8U)
    pixels = view.matrix.copy()
    pixels[:, :2] *= size / film.shape[0]
    pixels[:, 2] = (view.matrix[:, 2] + view.matrix[:, :2].sum(1) * 0.5 / film.shape[0]) * size - 0.5
    return cv2.warpAffine(source, pixels, (size, size), flags=cv2.INTER_LINEAR)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A random cut of one fixed sheet of noise: drawing fresh noise would cost as much as decoding the film."""
    top, left = (int(rng.integers(_SHEET - side)) for side in shape[:2])
    return _sheet()[top : top + shape[0], left : left + shape[1]]


@functools.cache
def _sheet() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, _GRAIN, (_SHEET, _SHEET))
    return np.rint(noise).astype(np.int16)


def boxes(corners: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """(M, 4) fractions x1 y1 x2 y2 -> those in the view, clipped, and which (M,) are still half inside it.

    A box is moved as the ellipse inside it: a sign seldom fills its box's corners, so turning the corners would let
    boxes grow.
    """
    centre = (corners[:, :2] + corners[:, 2:]) / 2
    half = (corners[:, 2:] - corners[:, :2]) / 2
    linear = view.matrix[:, :2]
    moved = centre @ linear.T + view.matrix[:, 2]
    reach = np.sqrt((half**2) @ (linear**2).T)
    whole = np.concatenate([moved - reach, moved + reach], 1)
    cut = np.clip(whole, 0, 1)
    size = cut[:, 2:] - cut[:, :2]
    share = size.prod(1) / np.maximum((2 * reach).prod(1), 1e-9)
    return cut, (share >= 0.5) & (size >= _SMALLEST).all(1)
