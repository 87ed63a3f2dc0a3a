"""Other parts of the body and other machines' pictures, as code can draw them: coarse shapes with real noise.

In: a random generator and a side. Out: (S, S) float32, 0 to 1. They are no substitute for real ones, and the card says
so: no lateral film, no abdomen and no limb of a patient was at hand.
"""

from __future__ import annotations

import numpy as np

from training.gate.paint import Plane, Rng, blob, clouds, ellipse, stroke, unit


def _grain(rng: Rng, size: int) -> Plane:
    return (rng.uniform(0.02, 0.2) * (clouds(rng, size, rng.uniform(0.3, 1.4)) - 0.5)).astype(np.float32)


def ct(rng: Rng, size: int) -> Plane:
    """An axial slice: a body's oval on black, two lungs or bowel, a spine at the back."""
    x, y = rng.uniform(0.45, 0.55, 2)
    wide, high = rng.uniform(0.33, 0.48), rng.uniform(0.24, 0.36)
    plane = rng.uniform(0.4, 0.7) * ellipse(size, x, y, wide, high, soft=0.7)
    plane -= rng.uniform(0, 0.2) * ellipse(size, x, y, wide * 0.9, high * 0.88, soft=0.7)
    if rng.random() < 0.6:
        for side in (-1, 1):
            lung = ellipse(size, x + side * wide * 0.47, y, wide * 0.3, high * 0.62, side * rng.uniform(-20, 20), 0.7)
            plane = plane * (1 - lung) + lung * rng.uniform(0.02, 0.15)
    else:
        for _ in range(int(rng.integers(2, 8))):
            at = x + rng.uniform(-0.25, 0.25), y + rng.uniform(-0.15, 0.15)
            plane += rng.uniform(-0.3, 0.3) * blob(rng, size, *at, rng.uniform(0.03, 0.12))
    plane += 0.5 * ellipse(size, x, y + high * 0.62, 0.055, 0.05, soft=0.8)
    plane += rng.uniform(0, 0.3) * ellipse(size, x, y - high * 0.1, 0.1, 0.09, soft=1.2)
    return np.asarray(np.clip(plane, 0, 1) + _grain(rng, size), np.float32)


def mr(rng: Rng, size: int) -> Plane:
    """A head slice: a bright rim, folds inside, dark ventricles."""
    x, y = rng.uniform(0.45, 0.55, 2)
    a, b = rng.uniform(0.28, 0.4), rng.uniform(0.33, 0.44)
    head, brain = ellipse(size, x, y, a, b, soft=0.6), ellipse(size, x, y, a * 0.86, b * 0.87, soft=0.8)
    folds = np.abs(clouds(rng, size, 1.1) - 0.5) * 2
    plane = head * rng.uniform(0.6, 1.0) * (1 - brain) + brain * (rng.uniform(0.3, 0.6) + 0.5 * unit(folds) - 0.2)
    for side in (-1, 1):
        hole = ellipse(size, x + side * 0.04, y, 0.025, 0.09, side * -12, 0.8)
        plane = plane * (1 - hole * rng.uniform(0.3, 1.0))
    return np.asarray(np.clip(plane, 0, 1) + _grain(rng, size), np.float32)


def limb(rng: Rng, size: int) -> Plane:
    """One or two long bones with a joint inside a sleeve of soft tissue."""
    angle = rng.uniform(-0.6, 0.6) + (np.pi / 2 if rng.random() < 0.3 else 0.0)
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    centre, width = rng.uniform(0.4, 0.6, 2), rng.uniform(0.1, 0.28)
    ends = np.stack([centre - 0.9 * along, centre + 0.9 * along])
    plane = rng.uniform(0.15, 0.4) * stroke(size, ends, 2 * width, 2.0)
    joint = rng.uniform(-0.25, 0.25)
    for side in (-1, 1) if rng.random() < 0.6 else (0,):
        shift = side * width * rng.uniform(0.3, 0.5) * across
        for start, stop in ((-0.9, joint - 0.02), (joint + 0.02, 0.9)):
            shaft = stroke(size, np.stack([centre + shift + start * along, centre + shift + stop * along]),
                           width * rng.uniform(0.3, 0.6), 0.8)  # fmt: skip
            hollow = stroke(size, np.stack([centre + shift + start * along, centre + shift + stop * along]),
                            width * 0.15, 1.0)  # fmt: skip
            plane += rng.uniform(0.3, 0.5) * shaft - 0.12 * hollow
    knob = centre + joint * along
    plane += 0.25 * ellipse(size, knob[0], knob[1], width * 0.8, width * 0.5, np.degrees(-angle), 1.5)
    return np.asarray(np.clip(plane, 0, 1) + _grain(rng, size), np.float32)


def lateral(rng: Rng, size: int) -> Plane:
    """A chest from the side: one bag of lungs, the spine behind it, the heart low in front, one dome below."""
    face = 1 if rng.random() < 0.5 else -1
    trunk_ = ellipse(size, 0.5, 0.55, rng.uniform(0.33, 0.44), 0.7, soft=2)
    plane = 0.55 * trunk_ + 0.1 * clouds(rng, size, 1.5)
    lung = np.clip(
        ellipse(size, 0.5, 0.42, rng.uniform(0.22, 0.3), 0.32, -8 * face, 3)
        + ellipse(size, 0.5 - 0.08 * face, 0.6, 0.2, 0.28, 0, 3), 0, 1,
    )  # fmt: skip
    plane -= rng.uniform(0.25, 0.45) * lung
    heart = ellipse(size, 0.5 + 0.12 * face, 0.62, 0.15, 0.12, 35 * face, 4)
    plane += rng.uniform(0.15, 0.35) * heart
    plane += 0.4 * ellipse(size, 0.5, 1.02, 0.4, rng.uniform(0.2, 0.3), 12 * face, 3)
    for step in range(11):
        y = 0.08 + 0.075 * step
        x = 0.5 - face * (0.26 + 0.05 * np.sin(3.1 * y))
        plane += rng.uniform(0.12, 0.25) * ellipse(size, x, y, 0.045, 0.028, 6 * face, 1)
        if step % 2:
            reach = np.array([[x, y], [0.5, y + 0.1], [0.5 + 0.25 * face, y + 0.22]])
            plane += 0.07 * stroke(size, reach, 0.018, 1.0)
    spread = np.array([[0.5 + 0.2 * face, 0.1], [0.5 + 0.3 * face, 0.5]])
    plane += 0.15 * stroke(size, spread, 0.03, 1.0)
    return np.asarray(np.clip(plane, 0, 1) + _grain(rng, size), np.float32)


def abdomen(rng: Rng, size: int) -> Plane:
    """A belly or pelvis from the front: a grey trunk, the spine in its middle, gas bubbles, hip bones."""
    plane = rng.uniform(0.4, 0.6) * ellipse(size, 0.5, 0.5, rng.uniform(0.38, 0.5), 0.75, soft=3)
    for step in range(7):
        plane += 0.2 * ellipse(size, 0.5, 0.06 + 0.1 * step, 0.07, 0.04, 0, 1)
    for _ in range(int(rng.integers(3, 14))):
        at = rng.uniform(0.22, 0.78), rng.uniform(0.1, 0.85)
        plane -= rng.uniform(0.08, 0.3) * blob(rng, size, *at, rng.uniform(0.02, 0.09), 0.35)
    if rng.random() < 0.7:
        low = rng.uniform(0.6, 0.85)
        for side in (-1, 1):
            plane += 0.25 * ellipse(size, 0.5 + side * 0.22, low, 0.15, 0.09, side * 50, 1.5)
            plane += 0.2 * ellipse(size, 0.5 + side * 0.27, low + 0.2, 0.06, 0.06, 0, 1.5)
    return np.asarray(np.clip(plane, 0, 1) + _grain(rng, size), np.float32)


def hand(rng: Rng, size: int) -> Plane:
    """Five rays of small bones from a wrist."""
    plane = np.zeros((size, size), np.float32)
    root = np.array([0.5 + rng.uniform(-0.05, 0.05), 0.85])
    for finger in np.linspace(-0.7, 0.7, 5) + rng.normal(0, 0.05, 5):
        way, start = np.array([np.sin(finger), -np.cos(finger)]), 0.1
        length = rng.uniform(0.5, 0.75)
        plane = np.maximum(plane, 0.3 * stroke(size, np.stack([root, root + length * way]), 0.11, 1.5))
        for part in (0.3, 0.22, 0.15):
            ends = np.stack([root + start * way, root + (start + part * length) * way])
            plane = np.maximum(plane, rng.uniform(0.6, 0.9) * stroke(size, ends, 0.045, 0.8))
            start += part * length + 0.03
    return plane + _grain(rng, size)


def skull(rng: Rng, size: int) -> Plane:
    """A skull from the front: a bright rim, two orbits, a nose, teeth."""
    x, y = 0.5, 0.45
    plane = 0.75 * ellipse(size, x, y, 0.33, 0.38, soft=1) - 0.25 * ellipse(size, x, y, 0.3, 0.35, soft=1)
    for side in (-1, 1):
        plane -= 0.25 * ellipse(size, x + side * 0.13, y + 0.08, 0.08, 0.07, soft=1)
    plane -= 0.2 * ellipse(size, x, y + 0.22, 0.05, 0.08, soft=1)
    for tooth in np.linspace(-0.12, 0.12, 7):
        plane += 0.25 * ellipse(size, x + tooth, y + 0.36, 0.014, 0.03, soft=0.5)
    plane += 0.1 * clouds(rng, size, 1.4) * (plane > 0.1)
    return np.asarray(np.clip(plane, 0, 1) + _grain(rng, size), np.float32)
