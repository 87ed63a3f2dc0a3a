"""Draws a chest-like film from a seed, with numpy and OpenCV alone.

The picture is a sum of what stands in the beam: body, minus the air of the lungs, plus bone and signs. Lengths are
fractions of the picture; x to the right, so the patient's right lung is on the left. Planes are (H, W) float32, about
0 (air, black) to 1 (bone, white). This module knows no file format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Sign = Literal["effusion", "nodule", "opacity", "cardiomegaly", "pneumothorax"]
SIGNS: tuple[Sign, ...] = ("effusion", "nodule", "opacity", "cardiomegaly", "pneumothorax")

Plane = npt.NDArray[np.float32]
Points = npt.ArrayLike  # (n, 2) fractions of width and height

_RIGHT_LUNG = (
    (0.375, 0.105), (0.31, 0.12), (0.245, 0.19), (0.195, 0.30), (0.165, 0.43), (0.15, 0.57), (0.145, 0.69),
    (0.155, 0.765), (0.20, 0.715), (0.27, 0.685), (0.34, 0.685), (0.40, 0.71), (0.43, 0.735), (0.425, 0.62),
    (0.405, 0.54), (0.41, 0.44), (0.43, 0.36), (0.44, 0.26), (0.425, 0.15),
)  # fmt: skip
_LEFT_LUNG = (
    (0.625, 0.105), (0.69, 0.12), (0.755, 0.19), (0.805, 0.30), (0.835, 0.43), (0.85, 0.57), (0.855, 0.70),
    (0.845, 0.785), (0.80, 0.74), (0.73, 0.715), (0.66, 0.725), (0.63, 0.74), (0.60, 0.66), (0.575, 0.56),
    (0.565, 0.46), (0.57, 0.38), (0.565, 0.26), (0.575, 0.15),
)  # fmt: skip
_BODY = (
    (0.40, -0.1), (0.39, 0.03), (0.30, 0.065), (0.14, 0.085), (0.03, 0.15), (-0.08, 0.24), (-0.08, 0.50), (0.02, 0.53),
    (0.06, 0.60), (0.07, 0.70), (0.065, 0.85), (0.05, 1.1), (0.95, 1.1), (0.935, 0.85), (0.93, 0.70), (0.94, 0.60),
    (0.98, 0.53), (1.08, 0.50), (1.08, 0.24), (0.97, 0.15), (0.86, 0.085), (0.70, 0.065), (0.61, 0.03), (0.60, -0.1),
)  # fmt: skip
_BAND = (
    (0.455, -0.1), (0.452, 0.2), (0.45, 0.4), (0.44, 1.1), (0.56, 1.1), (0.55, 0.4), (0.55, 0.2), (0.545, -0.1),
)  # fmt: skip
_SPINE = ((0.468, -0.1), (0.466, 0.5), (0.462, 1.1), (0.538, 1.1), (0.534, 0.5), (0.532, -0.1))


@dataclass(frozen=True, slots=True)
class Canvas:
    """Draws soft shapes at one size; ``rng`` moves everything a little from film to film."""

    height: int
    width: int
    rng: np.random.Generator

    @property
    def rows(self) -> Plane:
        """(H, 1) height of each row as a fraction."""
        return np.asarray(np.arange(self.height)[:, None] / self.height, np.float32)

    @property
    def columns(self) -> Plane:
        """(1, W) place of each column as a fraction."""
        return np.asarray(np.arange(self.width)[None, :] / self.width, np.float32)

    def blank(self) -> Plane:
        """Nothing in the beam."""
        return np.zeros((self.height, self.width), np.float32)

    def soft(self, plane: Plane, sigma: float) -> Plane:
        """``plane`` blurred by ``sigma`` widths; wide blurs at lower resolution, where they cost little."""
        pixels = max(sigma * self.width, 0.3)
        shrink = int(pixels / 4)
        if shrink < 2:
            return np.asarray(cv2.GaussianBlur(plane, (0, 0), pixels))
        size = (max(self.width // shrink, 8), max(self.height // shrink, 8))
        small = cv2.GaussianBlur(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), (0, 0), pixels / shrink)
        return np.asarray(cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_LINEAR))

    def fill(self, outlines: Iterable[Points], sigma: float) -> Plane:
        """1 inside any of the closed smooth outlines, edges blurred."""
        plane = self.blank()
        for outline in outlines:
            cv2.fillPoly(plane, [self._pixels(smooth(outline, closed=True))], 1.0, shift=4)
        return self.soft(plane, sigma)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Points:
        """The outline of an ellipse turned by ``turn`` degrees."""
        angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        dx, dy = radii[0] * np.cos(angles), radii[1] * np.sin(angles)
        return np.stack([centre[0] + dx * cos - dy * sin, centre[1] + dx * sin + dy * cos], axis=1)

    def strokes(self, paths: Iterable[tuple[Points, float, float]], sigma: float) -> Plane:
        """Smooth open lines, each (points, thickness in widths, weight); where they cross the heavier one shows."""
        plane = self.blank()
        for points, thick, weight in sorted(paths, key=lambda path: path[2]):
            pixels = max(1, round(thick * self.width))
            cv2.polylines(plane, [self._pixels(smooth(points, closed=False))], False, weight, pixels, cv2.LINE_AA, 4)
        return self.soft(plane, sigma)

    def noise(self, grain: float) -> Plane:
        """Smooth noise of about unit deviation; ``grain`` is its length as a fraction of the width."""
        rows, columns = max(2, round(self.height / self.width / grain)), max(2, round(1 / grain))
        coarse = self.rng.standard_normal((min(rows, self.height), min(columns, self.width)), np.float32)
        return np.asarray(cv2.resize(coarse, (self.width, self.height), interpolation=cv2.INTER_CUBIC))

    def jitter(self, points: Points, amount: float) -> Points:
        """The points, each moved by about ``amount``."""
        given = np.asarray(points, np.float64)
        return given + self.rng.normal(0, amount, given.shape)

    def _pixels(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Fractions to pixels with 4 fractional bits, as OpenCV's ``shift=4`` wants."""
        return np.round(points * (self.width, self.height) * 16).astype(np.int32)


def smooth(points: Points, *, closed: bool) -> npt.NDArray[np.float64]:
    """A Catmull-Rom curve through the points, ten steps a span (Catmull and Rom 1974)."""
    given = np.asarray(points, np.float64)
    ends = (given[-1:], given[:2]) if closed else (given[:1], given[-1:])
    padded = np.concatenate([ends[0], given, ends[1]])
    t = np.linspace(0, 1, 10, endpoint=False)[:, None]
    spans = []
    for i in range(1, len(padded) - 2):
        a, b, c, d = padded[i - 1 : i + 3]
        spans.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*spans, padded[-2:-1]])


def draw(canvas: Canvas, signs: Sequence[Sign]) -> Plane:
    """The whole film, (H, W) in [0, 1], without letters."""
    body = canvas.fill([canvas.jitter(_BODY, 0.004)], 0.006)
    right, left = (canvas.fill([canvas.jitter(lung, 0.004)], 0.004) for lung in (_RIGHT_LUNG, _LEFT_LUNG))
    heart = _heart(canvas, 1.32 if "cardiomegaly" in signs else 1.0)
    air = np.clip(np.maximum(right, left) - 0.93 * heart, 0, 1)
    depth = body * (0.30 + 0.36 * canvas.soft(body, 0.05)) + 0.025 * canvas.noise(0.35) * body
    beam = depth - air * (0.45 + 0.025 * canvas.noise(0.2)) * (0.85 + 0.3 * np.abs(canvas.rows - 0.4))
    beam += 0.08 * heart * np.clip((0.76 - canvas.rows) / 0.08, 0, 1)
    beam += _mediastinum(canvas) + _bones(canvas) * body + air * _vessels(canvas) + (1 - air) * _abdomen(canvas)
    # A generator of its own for each sign: without the sign the rest of the film is the same, to the last grain.
    for sign, own in zip(SIGNS, canvas.rng.spawn(len(SIGNS)), strict=True):
        if sign in signs:
            beam = _with_sign(replace(canvas, rng=own), sign, beam, air)
    beam += 0.010 * canvas.noise(0.004) + 0.009 * canvas.rng.standard_normal(beam.shape, np.float32)
    return np.asarray(0.02 + 0.95 * np.clip(beam, 0.0, 1.0) ** 0.9, np.float32)


def _heart(canvas: Canvas, size: float) -> Plane:
    """The heart, two thirds of it left of the midline, its lower edge on the diaphragm."""
    lift = 0.09 * (size - 1)
    left = canvas.ellipse((0.545 + 0.06 * (size - 1), 0.625 - lift), (0.13 * size, 0.115 * size), 35)
    right = canvas.ellipse((0.485, 0.625 - lift), (0.085 * size, 0.115 * size))
    return canvas.fill([left, right], 0.006)


def _mediastinum(canvas: Canvas) -> Plane:
    """Great vessels, spine with its discs, trachea and main bronchi (dark), hila."""
    discs = (0.75 + 0.25 * np.sign(np.sin(canvas.rows * 2 * np.pi * 16))).astype(np.float32)
    spine = canvas.fill([_SPINE], 0.006) * canvas.soft(discs * np.ones_like(canvas.blank()), 0.003)
    airways = [
        ([(0.50, -0.02), (0.498, 0.15), (0.505, 0.30)], 0.034, 1.0),
        ([(0.505, 0.30), (0.45, 0.37)], 0.022, 0.6),
        ([(0.505, 0.30), (0.56, 0.37)], 0.020, 0.6),
    ]
    knob = canvas.fill([canvas.ellipse((0.565, 0.275), (0.032, 0.035))], 0.006)
    hila = canvas.fill(
        [canvas.ellipse((0.410, 0.43), (0.030, 0.062), 12), canvas.ellipse((0.596, 0.41), (0.028, 0.057), -12)], 0.012
    )
    grown = 0.11 * canvas.fill([_BAND], 0.01) + 0.09 * spine + 0.14 * knob + 0.16 * hila
    return np.asarray(grown - 0.12 * canvas.strokes(airways, 0.006), np.float32)


def _bones(canvas: Canvas) -> Plane:
    """Ribs (behind: steep and sharp; in front: faint and shallow), clavicles, shoulder blades, upper arms."""
    ribs, solid = [], []
    for side in (-1, 1):
        for i in range(10):
            top, reach = 0.115 + 0.068 * i, min(0.17 + 0.045 * i, 0.365)
            behind = ((0.045, 0.0), (0.045 + 0.35 * (reach - 0.045), -0.018), (reach - 0.03, 0.05), (reach, 0.115))
            ribs.append((_mirrored(behind, side, top), 0.020, 1.0))
            if 1 < i < 8:
                ribs.append((_mirrored(((reach, 0.10), (reach - 0.06, 0.155), (0.16, 0.185)), side, top), 0.024, 0.5))
        collar = ((0.04, 0.165), (0.13, 0.125), (0.24, 0.118), (0.36, 0.085))
        ribs.append((_mirrored(collar, side), 0.026, 1.5))
        solid.append(_mirrored(((0.33, 0.13), (0.43, 0.14), (0.40, 0.28), (0.345, 0.42), (0.33, 0.28)), side))
        solid.append(_mirrored(((0.41, 0.12), (0.46, 0.13), (0.56, 0.36), (0.52, 0.40), (0.46, 0.26)), side))
    moved = [(canvas.jitter(points, 0.0025), thick, weight) for points, thick, weight in ribs]
    marrow = [(points, thick * 0.55, 0.45 * weight) for points, thick, weight in moved]
    rims = canvas.strokes(moved, 0.0016) - canvas.strokes(marrow, 0.002)
    return np.asarray(0.095 * rims + 0.06 * canvas.fill(solid, 0.005), np.float32)


def _mirrored(points: Sequence[tuple[float, float]], side: int, top: float = 0.0) -> list[tuple[float, float]]:
    """Points given from the midline outward, on one side of it and ``top`` further down."""
    return [(0.5 + side * x, top + y) for x, y in points]


def _vessels(canvas: Canvas) -> Plane:
    """Lung markings that branch outward from the hila and thin out."""
    paths = []
    for x, y, side in ((0.41, 0.43, -1), (0.595, 0.41, 1)):
        for _ in range(44):
            angle, bend = canvas.rng.uniform(-1.3, 1.3), canvas.rng.normal(0, 0.35)
            length = canvas.rng.uniform(0.10, 0.30)
            steps = np.linspace(0, 1, 5)
            turn = angle + bend * steps
            ends = np.stack(
                [x + side * length * steps * np.cos(turn), y + 1.25 * length * steps * np.sin(turn)], axis=1
            )
            for thick, part in ((0.0065, ends[:3]), (0.0045, ends[1:4]), (0.0028, ends[2:])):
                paths.append((part, thick, thick / 0.0065))
    drawn = 0.10 * canvas.strokes(paths, 0.0018) + 0.020 * canvas.noise(0.02) + 0.012 * canvas.noise(0.008)
    return np.asarray(drawn, np.float32)


def _abdomen(canvas: Canvas) -> Plane:
    """Below the diaphragm it is brighter (liver), with the stomach's bubble on the left."""
    below = np.clip((canvas.rows - 0.66) / 0.3, 0, 1)
    bubble = canvas.fill([canvas.ellipse((0.70, 0.82), (0.055, 0.03), -8)], 0.008)
    return np.asarray(0.10 * below - 0.13 * bubble, np.float32)


def _with_sign(canvas: Canvas, sign: Sign, beam: Plane, air: Plane) -> Plane:
    """The beam with one sign in it, on a side that the seed chooses."""
    side = -1 if canvas.rng.random() < 0.5 else 1
    half = (side * (canvas.columns - 0.5) > 0).astype(np.float32)
    if sign == "effusion":
        level = 0.64 - 0.13 * np.clip(side * (canvas.columns - 0.5) / 0.36, 0, 1) ** 3
        fluid = air * half * canvas.soft((canvas.rows > level).astype(np.float32), 0.010)
        return beam + 0.8 * fluid * (0.66 - beam)
    if sign == "nodule":
        centre = (0.5 + side * canvas.rng.uniform(0.17, 0.26), canvas.rng.uniform(0.26, 0.52))
        radius = canvas.rng.uniform(0.016, 0.026)
        return beam + 0.24 * canvas.fill([canvas.ellipse(centre, (radius, radius * 0.92))], 0.003)
    if sign == "opacity":
        return beam + _patches(canvas) * air
    return _collapsed(canvas, side, beam, air * half) if sign == "pneumothorax" else beam


def _patches(canvas: Canvas) -> Plane:
    """Hazy patches toward the lower and outer parts of both lungs."""
    outlines = []
    for side in (-1, 1):
        for _ in range(4):
            centre = (0.5 + side * canvas.rng.uniform(0.19, 0.32), canvas.rng.uniform(0.40, 0.68))
            rx, ry = canvas.rng.uniform(0.03, 0.06, 2)
            outlines.append(canvas.ellipse(centre, (rx, ry), canvas.rng.uniform(0, 90)))
    return np.asarray(canvas.fill(outlines, 0.022) * (0.25 + 0.05 * canvas.noise(0.03)), np.float32)


def _collapsed(canvas: Canvas, side: int, beam: Plane, air: Plane) -> Plane:
    """Air around the upper lung: no markings between the chest wall and a thin bright line, the lung's edge."""
    lung = np.asarray(_RIGHT_LUNG if side < 0 else _LEFT_LUNG)
    shrunk = (lung - (0.5, 0.105)) * (0.86, 0.93) + (0.5, 0.17)
    inner = canvas.fill([shrunk], 0.002)
    upper = np.clip((0.60 - canvas.rows) / 0.1, 0, 1)
    edge = canvas.strokes([(np.concatenate([shrunk, shrunk[:1]]), 0.003, 1.0)], 0.001)
    emptied = beam + air * (1 - inner) * upper * (0.12 - beam) * 0.8
    return np.asarray(emptied + 0.10 * edge * air * upper, np.float32)
