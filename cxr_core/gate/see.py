"""A film as the gate's network sees it: small, square, its own greys stretched to the whole range.

In: greys of any shape. Out: (S, S) float32, 0 to 255. Stretching makes the verdict independent of gain and offset: a
dark film of a chest is a film of a chest. Training draws its pictures through the same function.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

LOW, HIGH = 0.5, 99.5
"""Percentiles that become black and white."""

_SAMPLE = 200_000

Seen = npt.NDArray[np.float32]


def stretched(greys: npt.NDArray[np.generic]) -> Seen:
    """(H, W) of any number type -> float32 0 to 255, between its robust percentiles; a flat picture becomes 0."""
    values = greys.astype(np.float32)
    step = max(1, int(np.sqrt(values.size / _SAMPLE)))
    low, high = (float(value) for value in np.percentile(values[::step, ::step], (LOW, HIGH)))
    if high <= low:
        return np.zeros(values.shape, np.float32)
    scaled = (values - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.asarray(np.clip(scaled, 0.0, 255.0), np.float32)


def see(pixels: npt.NDArray[np.uint16], size: int) -> Seen:
    """(H, W) uint16 -> (size, size) float32 0 to 255: shrunk to fit, its aspect kept, stretched, centred on black."""
    height, width = pixels.shape
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(pixels, inner, interpolation=kind)).reshape(inner[1], inner[0])
    out = np.zeros((size, size), np.float32)
    top, left = (size - inner[1]) // 2, (size - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = np.round(stretched(small))
    return out
