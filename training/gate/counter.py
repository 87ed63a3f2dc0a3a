"""Pictures that are no radiograph: noise, pages, screens, charts, drawings, photographs as code can draw them.

In: a random generator and a side. Out: (S, S) float32, 0 to 1. ``KINDS`` are trained on; ``HELD_OUT`` are drawn by
other code and only ever measured, so that the card's figures are not of the very painters the network has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from training.gate import anatomy
from training.gate.paint import Plane, Rng, blob, clouds, ellipse, ramp, stroke, unit, words

Painter = Callable[[Rng, int], Plane]


def noise(rng: Rng, size: int) -> Plane:
    """White to smoky noise."""
    return clouds(rng, size, rng.uniform(0.0, 2.2))


def gradient(rng: Rng, size: int) -> Plane:
    """A slope or a vignette, with or without noise."""
    y, x = np.mgrid[0:size, 0:size] / size
    round_ = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.2, 0.8)).astype(np.float32)
    plane = unit(round_) if rng.random() < 0.5 else ramp(rng, size)
    return plane + np.float32(rng.uniform(0, 0.15)) * clouds(rng, size, rng.uniform(0, 1.5))


def page(rng: Rng, size: int) -> Plane:
    """A page of text, dark on light or light on dark."""
    plane = np.full((size, size), rng.uniform(0.7, 1.0), np.float32)
    words(rng, plane, float(rng.uniform(0, 0.3)), int(rng.integers(4, 18)), rng.uniform(0.25, 0.6))
    return plane


def screen(rng: Rng, size: int) -> Plane:
    """Windows, bars and words of a screen."""
    plane = np.full((size, size), rng.uniform(0, 1), np.float32)
    for _ in range(int(rng.integers(3, 14))):
        (x1, x2), (y1, y2) = (np.sort(rng.integers(0, size, 2)).tolist() for _ in range(2))
        cv2.rectangle(plane, (x1, y1), (x2, y2), float(rng.uniform(0, 1)), -1 if rng.random() < 0.7 else 1)
    words(rng, plane, float(rng.choice([0.0, 1.0])), int(rng.integers(2, 10)), rng.uniform(0.2, 0.4))
    return plane


def chart(rng: Rng, size: int) -> Plane:
    """Axes with bars or curves."""
    plane = np.full((size, size), 1.0, np.float32)
    left, low = 0.1 * size, 0.9 * size
    cv2.line(plane, (int(left), 5), (int(left), int(low)), 0.0, 1)
    cv2.line(plane, (int(left), int(low)), (size - 5, int(low)), 0.0, 1)
    count = int(rng.integers(3, 20))
    xs = np.linspace(left + 5, size - 8, count)
    for _ in range(int(rng.integers(1, 4))):
        ys = low - (low - 10) * unit(np.cumsum(rng.normal(size=count)))
        ink = float(rng.uniform(0, 0.7))
        if rng.random() < 0.4:
            for x, y in zip(xs, ys, strict=True):
                cv2.rectangle(plane, (int(x), int(y)), (int(x + 0.6 * size / count), int(low)), ink, -1)
        else:
            cv2.polylines(plane, [np.stack([xs, ys], 1).astype(np.int32)], False, ink, int(rng.integers(1, 3)))
    words(rng, plane, 0.0, int(rng.integers(1, 3)), 0.25)
    return plane


def drawing(rng: Rng, size: int) -> Plane:
    """Lines, ellipses and blots on plain paper."""
    plane = np.full((size, size), rng.uniform(0.5, 1.0), np.float32)
    for _ in range(int(rng.integers(2, 14))):
        x, y = (rng.uniform(0, 1, 2) * size).astype(int).tolist()
        axes = (rng.uniform(0.03, 0.4, 2) * size).astype(int) + 1
        ink, fill = float(rng.uniform(0, 1)), int(rng.choice([-1, 1, 2, 3]))
        if rng.random() < 0.6:
            cv2.ellipse(plane, (x, y), axes.tolist(), float(rng.uniform(0, 180)), 0, 360, ink, fill, cv2.LINE_AA)
        else:
            around = np.array([x, y]) + rng.normal(0, 0.25 * size, (int(rng.integers(3, 7)), 2))
            at = np.clip(around, 0, size).astype(np.int32)
            cv2.polylines(plane, [at], bool(rng.integers(2)), ink, max(1, fill), cv2.LINE_AA)
    return plane


def photograph(rng: Rng, size: int) -> Plane:
    """Dead leaves (Lee, Mumford & Huang 2001): shaded things hiding each other, with the statistics of photographs."""
    plane = clouds(rng, size, rng.uniform(1.0, 2.0))
    for _ in range(int(rng.integers(8, 30))):
        radius = min(0.45, 0.03 / max(1e-3, rng.random()) ** 0.7)
        mask = blob(rng, size, rng.uniform(0, 1), rng.uniform(0, 1), radius, rng.uniform(0.05, 0.4))
        tone = rng.uniform(0, 1) + rng.uniform(0, 0.5) * (ramp(rng, size) - 0.5)
        if rng.random() < 0.2:
            tone = tone + rng.uniform(0, 0.5) * (clouds(rng, size, rng.uniform(0.5, 1.8)) - 0.5)
        plane = plane * (1 - mask) + mask * np.clip(tone, 0, 1).astype(np.float32)
    return plane


def checkers(rng: Rng, size: int) -> Plane:
    """Chequers, stripes and moire."""
    y, x = np.mgrid[0:size, 0:size] / size
    f, g = rng.uniform(2, 25, 2)
    wave = np.sin(f * 6.3 * x + rng.uniform(0, 6)) * np.sin(g * 6.3 * (y + rng.uniform(0, 0.3) * x))
    return unit(np.sign(wave) if rng.random() < 0.5 else wave)


def map_of_cells(rng: Rng, size: int) -> Plane:
    """A map: cells of one tone each around random seeds, with borders."""
    y, x = np.mgrid[0:size, 0:size] / size
    seeds, tones = rng.uniform(0, 1, (int(rng.integers(6, 40)), 2)), rng.uniform(0, 1, 40)
    nearest = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in seeds], axis=0)
    plane = tones[nearest].astype(np.float32)
    edges = np.abs(np.diff(nearest, axis=0, prepend=nearest[:1])) + np.abs(np.diff(nearest, axis=1, prepend=0)) > 0
    return np.where(edges, np.float32(0), plane)


def landscape(rng: Rng, size: int) -> Plane:
    """Hills behind hills under a sky."""
    plane = (0.6 + 0.4 * ramp(rng, size)).astype(np.float32)
    rows = np.arange(size)[:, None]
    for depth in range(int(rng.integers(2, 6))):
        ridge = unit(np.cumsum(rng.normal(size=size)) + 6 * np.sin(np.linspace(0, rng.uniform(3, 12), size)))
        line = size * (0.25 + 0.13 * depth + 0.2 * ridge)
        tone = 0.7 - 0.12 * depth + 0.3 * (clouds(rng, size, 1.0) - 0.5)
        plane = np.where(rows > line[None], tone.astype(np.float32), plane)
    return plane


def face(rng: Rng, size: int) -> Plane:
    """A portrait's shapes: head, eyes, nose, mouth, shoulders."""
    x, tone = rng.uniform(0.42, 0.58), rng.uniform(0.45, 0.85)
    plane = (rng.uniform(0.1, 0.9) + 0.2 * clouds(rng, size, 1.5)).astype(np.float32)
    for part, value in (
        (ellipse(size, x, 1.02, 0.42, 0.28, soft=1.5), rng.uniform(0.1, 0.9)),
        (ellipse(size, x, 0.42, 0.23, 0.33, soft=1.5), tone),
        (ellipse(size, x, 0.2, 0.25, 0.15, soft=2), tone * 0.4),
        (ellipse(size, x - 0.09, 0.4, 0.04, 0.02, soft=0.6), 0.1),
        (ellipse(size, x + 0.09, 0.4, 0.04, 0.02, soft=0.6), 0.1),
        (ellipse(size, x, 0.6, 0.08, 0.02, soft=0.8), 0.25),
    ):
        plane = plane * (1 - part) + part * np.float32(value)
    return plane + np.float32(0.08) * clouds(rng, size, 1.0)


def handwriting(rng: Rng, size: int) -> Plane:
    """Loops of a pen in rows."""
    plane = np.ones((size, size), np.float32)
    for row in np.linspace(0.12, 0.9, int(rng.integers(3, 9))):
        t = np.linspace(0, 1, 120)
        swing = 0.03 * np.sin(t * rng.uniform(60, 140)) * rng.uniform(0.4, 1.2, 120)
        at = np.stack([0.05 + 0.9 * t + 0.01 * np.cos(t * 110), row + swing], 1)
        plane = np.minimum(plane, 1 - stroke(size, at[: int(rng.integers(40, 120))], 0.01))
    return plane


KINDS: Mapping[str, Painter] = MappingProxyType(
    {
        "noise": noise, "gradient": gradient, "page": page, "screen": screen, "chart": chart, "drawing": drawing,
        "photograph": photograph, "ct_like": anatomy.ct, "mr_like": anatomy.mr, "limb_like": anatomy.limb,
        "lateral_like": anatomy.lateral, "abdomen_like": anatomy.abdomen,
    }
)  # fmt: skip

HELD_OUT: Mapping[str, Painter] = MappingProxyType(
    {
        "checkers": checkers, "map": map_of_cells, "landscape": landscape, "face": face, "handwriting": handwriting,
        "hand_like": anatomy.hand, "skull_like": anatomy.skull,
    }
)  # fmt: skip


def pool(kinds: Mapping[str, Painter], each: int, size: int, seed: int) -> dict[str, npt.NDArray[np.uint8]]:
    """``each`` paintings of every kind, (each, S, S) uint8: painting costs more than training on them does."""
    found = {}
    for number, (name, paint) in enumerate(kinds.items()):
        rngs = (np.random.default_rng([seed, number, index]) for index in range(each))
        found[name] = np.stack([np.clip(paint(rng, size) * 255, 0, 255).astype(np.uint8) for rng in rngs])
    return found
