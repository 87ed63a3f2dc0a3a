"""Boxes -> dense targets on the network's grid.

In: boxes as fractions of the view, with their class numbers. Out: ``heat`` (G, G, B) float32, 1 at the cell nearest a
box's centre and falling as a Gaussian of a fifth of the box (Zhou 2019, elliptical), and ``boxes`` (G, G, B, 4), the
box whose Gaussian is highest at each cell. It does not know images.
"""

from __future__ import annotations

import numpy as np

_SPREAD = 0.2  # of a box's side
_BLUR = 0.01  # of the film: no Gaussian is narrower than a small nodule's jitter


def dense(corners: np.ndarray, classes: np.ndarray, grid: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(heat, boxes) of one film; ``corners`` (M, 4) x1 y1 x2 y2, ``classes`` (M,) ints below ``count``."""
    heat = np.zeros((grid, grid, count), np.float32)
    boxes = np.zeros((grid, grid, count, 4), np.float32)
    boxes[...] = (0.25, 0.25, 0.75, 0.75)  # never weighted, but a loss of nothing must stay a number
    cells = (np.arange(grid) + 0.5) / grid
    for corner, kind in zip(corners, classes, strict=True):
        centre, size = (corner[:2] + corner[2:]) / 2, corner[2:] - corner[:2]
        across, down = (
            np.exp(-0.5 * ((cells - centre[axis]) / (_SPREAD * size[axis] + _BLUR)) ** 2) for axis in (0, 1)
        )
        bump = (down[:, None] * across[None] / (down.max() * across.max())).astype(np.float32)
        higher = bump > heat[..., kind]
        heat[..., kind] = np.where(higher, bump, heat[..., kind])
        boxes[..., kind, :] = np.where(higher[..., None], corner, boxes[..., kind, :])
    return heat, boxes
