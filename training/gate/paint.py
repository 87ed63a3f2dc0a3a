"""Brushes for the counter-examples: cloudy noise, soft shapes, strokes; all at the network's own size.

In: a random generator and sizes. Out: (S, S) float32, about 0 to 1. They know no anatomy.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Rng = np.random.Generator


def clouds(rng: Rng, size: int, power: float) -> Plane:
    """Noise whose amplitude falls with frequency**-power: 0 is white, 1 like photographs, 2 like smoke."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    y, x = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    fall = np.maximum(np.hypot(x, y), 1.0 / size) ** -power
    return unit(np.fft.irfft2(spectrum * fall, s=(size, size)))


def unit(plane: npt.NDArray[np.floating]) -> Plane:
    """Stretched to 0 to 1."""
    low, high = float(plane.min()), float(plane.max())
    return np.asarray((plane - low) / max(high - low, 1e-6), np.float32)


def ellipse(  # noqa: PLR0913, PLR0917 - a shape is that many numbers
    size: int, x: float, y: float, a: float, b: float, angle: float = 0.0, soft: float = 0.0
) -> Plane:
    """A filled ellipse, 1 inside, centre and half axes as fractions of the side, ``soft`` blurs its edge (pixels)."""
    plane = np.zeros((size, size), np.float32)
    axes = (max(1, round(a * size)), max(1, round(b * size)))
    cv2.ellipse(plane, (round(x * size), round(y * size)), axes, angle, 0, 360, 1.0, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(plane, (0, 0), soft) if soft > 0.3 else plane


def stroke(size: int, points: npt.ArrayLike, width: float, soft: float = 0.0) -> Plane:
    """A thick line through ``points`` (M, 2), fractions of the side."""
    plane = np.zeros((size, size), np.float32)
    at = np.round(np.asarray(points, np.float64) * size).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(plane, [at], False, 1.0, max(1, round(width * size)), cv2.LINE_AA)
    return cv2.GaussianBlur(plane, (0, 0), soft) if soft > 0.3 else plane


def blob(  # noqa: PLR0913, PLR0917 - a shape is that many numbers
    rng: Rng, size: int, x: float, y: float, radius: float, rough: float = 0.25
) -> Plane:
    """A filled closed curve around (x, y), its radius wavering by ``rough``."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    reach = radius * (1 + sum(rng.normal(0, rough / k) * np.cos(k * turn + rng.uniform(0, 6.3)) for k in range(1, 6)))
    at = np.stack([x + reach * np.cos(turn), y + reach * np.sin(turn)], 1)
    plane = np.zeros((size, size), np.float32)
    cv2.fillPoly(plane, [np.round(at * size).astype(np.int32)], 1.0, cv2.LINE_AA)
    return plane


def ramp(rng: Rng, size: int) -> Plane:
    """A slope in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:size, 0:size] / size
    return unit(x * np.cos(angle) + y * np.sin(angle))


def words(rng: Rng, plane: Plane, ink: float, lines: int, scale: float) -> None:
    """Writes ``lines`` lines of letters into the plane."""
    size = plane.shape[0]
    step, drawn = size / (lines + 1), np.zeros(plane.shape, np.uint8)
    for line in range(lines):
        count = int(rng.integers(3, 30))
        text = "".join(chr(c) if rng.random() > 0.18 else " " for c in rng.integers(33, 123, count))
        at = (int(rng.uniform(0, 0.25) * size), int((line + 1) * step))
        cv2.putText(drawn, text, at, int(rng.integers(0, 8)), scale, 255, 1, cv2.LINE_AA)
    share = drawn.astype(np.float32) / 255
    plane *= 1 - share
    plane += np.float32(ink) * share
