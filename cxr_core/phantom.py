"""Generated chest-like films, so that the product can be seen and tested without anybody's X-ray.

In: a seed and the signs to draw. Out: (H, W) uint16 greys like those of a Radiograph, or files of them. They look like
chest films from afar and mean nothing: no score on them is a result, which is why SYNTHETIC is burnt into each.

The picture is built as a sum of what stands in the beam: body, minus the air of the lungs, plus bone and signs.
Lengths are fractions of the picture; x to the right, so the patient's right lung is on the left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from cxr_core.errors import RecordError

Sign = Literal["effusion", "nodule", "opacity", "cardiomegaly", "pneumothorax"]
SIGNS: tuple[Sign, ...] = ("effusion", "nodule", "opacity", "cardiomegaly", "pneumothorax")

Plane = npt.NDArray[np.float32]
Points = Sequence[tuple[float, float]]

_RIGHT_LUNG: Points = (
    (0.375, 0.105), (0.31, 0.12), (0.245, 0.19), (0.195, 0.30), (0.165, 0.43), (0.15, 0.57), (0.145, 0.69),
    (0.155, 0.765), (0.20, 0.715), (0.27, 0.685), (0.34, 0.685), (0.40, 0.71), (0.43, 0.735), (0.425, 0.62),
    (0.405, 0.54), (0.41, 0.44), (0.43, 0.36), (0.44, 0.26), (0.425, 0.15),
)  # fmt: skip
_LEFT_LUNG: Points = (
    (0.625, 0.105), (0.69, 0.12), (0.755, 0.19), (0.805, 0.30), (0.835, 0.43), (0.85, 0.57), (0.855, 0.70),
    (0.845, 0.785), (0.80, 0.74), (0.73, 0.715), (0.66, 0.725), (0.63, 0.74), (0.60, 0.66), (0.575, 0.56),
    (0.565, 0.46), (0.57, 0.38), (0.565, 0.26), (0.575, 0.15),
)  # fmt: skip
_BODY: Points = (
    (0.40, -0.1), (0.39, 0.03), (0.30, 0.065), (0.14, 0.085), (0.03, 0.15), (-0.08, 0.24), (-0.08, 0.38), (0.035, 0.44),
    (0.075, 0.55), (0.085, 0.70), (0.075, 0.85), (0.06, 1.1), (0.94, 1.1), (0.925, 0.85), (0.915, 0.70), (0.925, 0.55),
    (0.965, 0.44), (1.08, 0.38), (1.08, 0.24), (0.97, 0.15), (0.86, 0.085), (0.70, 0.065), (0.61, 0.03), (0.60, -0.1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Draws soft shapes at one size; ``rng`` moves everything a little from film to film."""

    height: int
    width: int
    rng: np.random.Generator

    def blank(self) -> Plane:
        return np.zeros((self.height, self.width), np.float32)

    def at(self, points: Points) -> npt.NDArray[np.int32]:
        """Fractions to pixels with 4 fractional bits, as OpenCV's ``shift=4`` wants."""
        return np.round(np.asarray(points, np.float64) * (self.width, self.height) * 16).astype(np.int32)

    def soft(self, plane: Plane, sigma: float) -> Plane:
        """Blurred; only where something is drawn, for a film is hundreds of small shapes on nothing."""
        pixels = max(sigma * self.width, 0.3)
        rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        if not rows.size:
            return plane
        reach = math.ceil(4 * pixels) + 1  # OpenCV's kernel for floats ends at four sigma
        box = tuple(slice(max(0, int(found[0]) - reach), int(found[-1]) + 1 + reach) for found in (rows, columns))
        blurred = plane.copy()
        blurred[box] = cv2.GaussianBlur(plane[box], (0, 0), pixels)
        return blurred

    def shape(self, points: Points, sigma: float) -> Plane:
        """A closed smooth outline, 1 inside, its edge blurred by ``sigma``."""
        return self.soft(cv2.fillPoly(self.blank(), [self.at(_smooth(points, closed=True))], 1.0, shift=4), sigma)

    def blob(self, x: float, y: float, rx: float, ry: float, turn: float = 0.0, sigma: float = 0.01) -> Plane:
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        dx, dy = rx * np.cos(angles), ry * np.sin(angles)
        points = np.stack([x + dx * cos - dy * sin, y + dx * sin + dy * cos], axis=1)
        return self.soft(cv2.fillPoly(self.blank(), [self.at(points)], 1.0, shift=4), sigma)

    def line(self, points: Points, thick: float, sigma: float) -> Plane:
        pixels = max(1, round(thick * self.width))
        path = self.at(_smooth(points, closed=False))
        return self.soft(cv2.polylines(self.blank(), [path], False, 1.0, pixels, cv2.LINE_AA, 4), sigma)

    def noise(self, grain: float) -> Plane:
        """Smooth noise of unit deviation; ``grain`` is its length as a fraction of the width."""
        rows, columns = max(2, round(self.height / self.width / grain)), max(2, round(1 / grain))
        coarse = self.rng.standard_normal((min(rows, self.height), min(columns, self.width))).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (self.width, self.height), interpolation=cv2.INTER_CUBIC), np.float32)

    def jitter(self, points: Points, amount: float) -> Points:
        moved = np.asarray(points) + self.rng.normal(0, amount, (len(points), 2))
        return [(float(x), float(y)) for x, y in moved]


def phantom(seed: int, *, height: int = 1024, width: int = 1024, signs: Sequence[Sign] = ()) -> npt.NDArray[np.uint16]:
    """A chest-like film, (height, width) uint16, 0 black to 65535 white, bone bright; the same for the same arguments."""
    unknown = sorted(set(signs) - set(SIGNS))
    if unknown or min(height, width) < 64:
        raise RecordError(
            f"a phantom needs sides of 64 or more and signs among {SIGNS}, got {height}x{width}, {unknown}"
        )
    canvas = _Canvas(height, width, np.random.default_rng(seed))
    body = canvas.shape(canvas.jitter(_BODY, 0.004), 0.006)
    right, left = (canvas.shape(canvas.jitter(lung, 0.004), 0.004) for lung in (_RIGHT_LUNG, _LEFT_LUNG))
    beam = 0.62 * body + 0.03 * canvas.noise(0.35) * body
    heart = _heart(canvas, 1.38 if "cardiomegaly" in signs else 1.0)
    air = np.clip(np.maximum(right, left) - 0.93 * heart, 0, 1)
    beam -= air * (0.47 + 0.02 * canvas.noise(0.2))
    beam += 0.10 * heart + _mediastinum(canvas) + _bones(canvas, body) + air * _vessels(canvas)
    beam += _signs(canvas, signs, right, left, air, beam)
    beam += _abdomen(canvas) * (1 - air)
    beam += 0.012 * canvas.noise(0.004) + 0.010 * canvas.rng.standard_normal(beam.shape).astype(np.float32)
    film = np.clip(beam, 0.0, 1.0) ** 0.9
    return _lettered(np.clip(0.02 + 0.93 * film, 0, 1), canvas)


def _smooth(points: Points, *, closed: bool) -> npt.NDArray[np.float64]:
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


def _heart(canvas: _Canvas, size: float) -> Plane:
    """The heart, two thirds of it left of the midline, its lower edge on the diaphragm."""
    left = canvas.blob(0.545 + 0.03 * (size - 1), 0.625, 0.13 * size, 0.115 * size, 35, 0.007)
    right = canvas.blob(0.485, 0.625, 0.085 * size, 0.115 * size, 0, 0.007)
    return np.maximum(left, right)


def _mediastinum(canvas: _Canvas) -> Plane:
    """Great vessels, spine with its discs, trachea (dark), hila."""
    band = canvas.shape(
        [(0.455, -0.1), (0.452, 0.2), (0.45, 0.4), (0.44, 1.1), (0.56, 1.1), (0.55, 0.4), (0.55, 0.2), (0.545, -0.1)],
        0.01,
    )
    spine = canvas.shape([(0.468, -0.1), (0.466, 0.5), (0.462, 1.1), (0.538, 1.1), (0.534, 0.5), (0.532, -0.1)], 0.006)
    rows = np.arange(canvas.height, dtype=np.float32)[:, None] / canvas.height
    discs = (0.75 + 0.25 * np.sign(np.sin(rows * 2 * np.pi * 16))).astype(np.float32)
    trachea = canvas.line([(0.50, -0.02), (0.498, 0.15), (0.505, 0.30)], 0.034, 0.006)
    trachea += 0.5 * canvas.line([(0.505, 0.30), (0.45, 0.37)], 0.022, 0.006)
    trachea += 0.5 * canvas.line([(0.505, 0.30), (0.56, 0.37)], 0.020, 0.006)
    knob = canvas.blob(0.565, 0.275, 0.032, 0.035, 0, 0.006)
    hila = canvas.blob(0.415, 0.43, 0.028, 0.06, 12, 0.016) + canvas.blob(0.592, 0.41, 0.026, 0.055, -12, 0.016)
    return (
        0.10 * band
        + 0.09 * spine * canvas.soft(discs * np.ones_like(spine), 0.003)
        - 0.13 * trachea
        + 0.16 * knob
        + 0.17 * hila
    )


def _bones(canvas: _Canvas, body: Plane) -> Plane:
    """Ribs (behind: steep and sharp; in front: faint and shallow), clavicles, shoulder blades."""
    ribs = canvas.blank()
    for i in range(10):
        top, reach = 0.115 + 0.068 * i, min(0.17 + 0.045 * i, 0.365)
        for side in (-1, 1):
            x = 0.5 + side * 0.045
            far = 0.5 + side * reach
            path = [
                (x, top),
                (x + side * 0.35 * (reach - 0.045), top - 0.018),
                (far - side * 0.03, top + 0.05),
                (far, top + 0.115),
            ]
            ribs = np.maximum(ribs, _hollow(canvas, path, 0.020))
            if 1 < i < 8:
                front = [(far, top + 0.10), (far - side * 0.06, top + 0.155), (0.5 + side * 0.16, top + 0.185)]
                ribs = np.maximum(ribs, 0.55 * _hollow(canvas, front, 0.024))
    collar = canvas.blank()
    blades = canvas.blank()
    for side in (-1, 1):
        path = [(0.5 + side * x, y) for x, y in ((0.04, 0.165), (0.13, 0.125), (0.24, 0.118), (0.36, 0.085))]
        collar = np.maximum(collar, _hollow(canvas, path, 0.026))
        blade = [
            (0.5 + side * x, y) for x, y in ((0.33, 0.13), (0.43, 0.14), (0.40, 0.28), (0.345, 0.42), (0.33, 0.28))
        ]
        blades = np.maximum(blades, canvas.shape(blade, 0.006))
        arm = [(0.5 + side * x, y) for x, y in ((0.43, 0.13), (0.47, 0.2), (0.5, 0.4))]
        blades = np.maximum(blades, canvas.line(arm, 0.05, 0.006))
    return (0.10 * ribs + 0.15 * collar + 0.07 * blades) * body


def _hollow(canvas: _Canvas, path: Points, thick: float) -> Plane:
    """A bone from the side: dense rim, lighter marrow."""
    path = canvas.jitter(path, 0.0025)
    return canvas.line(path, thick, 0.0016) - 0.45 * canvas.line(path, thick * 0.55, 0.002)


def _vessels(canvas: _Canvas) -> Plane:
    """Lung markings that branch outward from the hila and thin out."""
    plane = canvas.blank()
    for x, y, side in ((0.41, 0.43, -1), (0.595, 0.41, 1)):
        for _ in range(34):
            angle = canvas.rng.uniform(-1.25, 1.25)
            length, bend = canvas.rng.uniform(0.10, 0.30), canvas.rng.normal(0, 0.3)
            ends = [(x, y)]
            for step in np.linspace(0.25, 1, 4):
                turn = angle + bend * step
                ends.append((x + side * length * step * np.cos(turn), y + 1.25 * length * step * np.sin(turn)))
            for thick, part in ((0.007, ends[:3]), (0.0045, ends[1:4]), (0.0028, ends[2:])):
                plane = np.maximum(plane, thick / 0.007 * canvas.line(part, thick, 0.0018))
    return 0.11 * plane + 0.020 * canvas.noise(0.02) + 0.012 * canvas.noise(0.008)


def _abdomen(canvas: _Canvas) -> Plane:
    """Below the diaphragm it is brighter (liver), with the stomach's bubble on the left."""
    rows = np.arange(canvas.height, dtype=np.float32)[:, None] / canvas.height
    below = np.clip((rows - 0.66) / 0.3, 0, 1) * np.ones((1, canvas.width), np.float32)
    bubble = canvas.blob(0.70, 0.82, 0.055, 0.03, -8, 0.008)
    return np.asarray(0.10 * below - 0.13 * bubble, np.float32)


def _signs(canvas: _Canvas, signs: Sequence[Sign], right: Plane, left: Plane, air: Plane, beam: Plane) -> Plane:
    """What the signs add to the beam, each on a side that the seed chooses."""
    added = canvas.blank()
    rows = np.arange(canvas.height, dtype=np.float32)[:, None] / canvas.height
    columns = np.arange(canvas.width, dtype=np.float32)[None, :] / canvas.width
    for sign in (sign for sign in SIGNS if sign in signs):
        side = -1 if canvas.rng.random() < 0.5 else 1
        lung = right if side < 0 else left
        if sign == "effusion":
            outward = np.clip(side * (columns - 0.5) / 0.36, 0, 1)
            level = 0.64 - 0.13 * outward**3
            added += 0.46 * air * lung * canvas.soft((rows > level).astype(np.float32), 0.010)
        elif sign == "nodule":
            x, y = 0.5 + side * canvas.rng.uniform(0.17, 0.26), canvas.rng.uniform(0.26, 0.52)
            radius = canvas.rng.uniform(0.016, 0.026)
            added += 0.26 * canvas.blob(x, y, radius, radius, 0, 0.003)
        elif sign == "opacity":
            added += _patches(canvas) * air
        elif sign == "pneumothorax":
            inner = canvas.shape(
                [
                    (0.5 + (x - 0.5) * 0.86, 0.17 + (y - 0.105) * 0.93)
                    for x, y in (_RIGHT_LUNG if side < 0 else _LEFT_LUNG)
                ],
                0.002,
            )
            rim = np.clip(lung - inner, 0, 1) * np.clip((0.60 - rows) / 0.1, 0, 1)
            edge = np.clip(canvas.soft(inner, 0.003) * (1 - canvas.soft(inner, 0.003)) * 4, 0, 1)
            added += rim * (0.10 - np.clip(beam, 0.03, 1)) * 0.8 + 0.10 * edge * lung * np.clip(
                (0.60 - rows) / 0.1, 0, 1
            )
    return added


def _patches(canvas: _Canvas) -> Plane:
    """Hazy patches toward the lower and outer parts of both lungs."""
    plane = canvas.blank()
    for side in (-1, 1):
        for _ in range(4):
            x, y = 0.5 + side * canvas.rng.uniform(0.19, 0.32), canvas.rng.uniform(0.40, 0.68)
            rx, ry = canvas.rng.uniform(0.03, 0.06, 2)
            plane = np.maximum(plane, canvas.blob(x, y, rx, ry, canvas.rng.uniform(0, 90), 0.022))
    return plane * (0.24 + 0.05 * canvas.noise(0.03))


def _lettered(film: Plane, canvas: _Canvas) -> npt.NDArray[np.uint16]:
    """Greys with SYNTHETIC and a side letter burnt in."""
    size = canvas.width / 1024
    ink = np.zeros(film.shape, np.uint8)
    thick = max(1, round(3 * size))
    for text, x, y, scale in (("SYNTHETIC", 0.035, 0.06, 1.35), ("L", 0.90, 0.07, 1.8)):
        where = (round(x * canvas.width), round(y * canvas.height))
        cv2.putText(ink, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale * size, 255, thick, cv2.LINE_AA)
    inked = np.maximum(film, ink.astype(np.float32) / 255)
    return np.round(inked * 65535).astype(np.uint16)


def as_png(pixels: npt.NDArray[np.uint16], bits: Literal[8, 16] = 16) -> bytes:
    """A grey PNG of (H, W) uint16 greys, 16 or 8 bits."""
    stored = pixels if bits == 16 else (pixels >> 8).astype(np.uint8)
    return bytes(cv2.imencode(".png", stored)[1].tobytes())


def as_dicom(
    pixels: npt.NDArray[np.uint16],
    *,
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
    bits: int = 12,
    view: Literal["PA", "AP"] = "PA",
    seed: int = 0,
) -> bytes:
    """A digital X-ray (DX, for presentation) of (H, W) uint16 greys; MONOCHROME1 stores it inverted.

    ``bits`` (8 to 16) are stored of 16 allocated. UIDs derive from ``seed`` and the pixels, so that the file is the same
    every time. The patient is SYNTHETIC^PHANTOM.
    """
    if not 8 <= bits <= 16:
        raise RecordError(f"a phantom stores 8 to 16 bits, got {bits}")
    top = (1 << bits) - 1
    stored = np.round(pixels.astype(np.float64) / 65535 * top).astype("<u2")
    inverted = photometric == "MONOCHROME1"
    if inverted:
        stored = (top - stored).astype("<u2")
    dataset = _header(f"{seed}-{sha256(pixels.tobytes()).hexdigest()}", view)
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, bits, bits - 1, 0
    dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", 1 if inverted else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    # LINEAR_EXACT over exactly the stored range, so that showing the film changes nothing.
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = top / 2, top, "LINEAR_EXACT"
    dataset.PixelData = stored.tobytes()
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _header(seed: str, view: str) -> FileDataset:
    """The attributes of a DX object that are not pixels (PS3.3 A.26)."""

    def uid(what: str) -> str:
        return str(generate_uid(entropy_srcs=["cxr phantom", seed, what]))

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = uid("instance")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid("study"), uid("series")
    dataset.PatientName, dataset.PatientID = "SYNTHETIC^PHANTOM", "SYNTHETIC"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber, dataset.StudyID = "20200101", "000000", "", ""
    dataset.ReferringPhysicianName, dataset.Manufacturer = "", "Generated, not a radiograph"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", view
    dataset.PresentationIntentType, dataset.BurnedInAnnotation = "FOR PRESENTATION", "YES"
    dataset.ImageType, dataset.ImageLaterality = ["DERIVED", "PRIMARY"], "U"
    dataset.PatientOrientation, dataset.LossyImageCompression = ["L", "F"], "00"
    return dataset


_SAMPLES: tuple[tuple[tuple[Sign, ...], str], ...] = (
    ((), "png"),
    (("opacity",), "dicom"),
    (("effusion",), "dicom1"),
    (("cardiomegaly",), "png8"),
    (("nodule",), "dicom"),
    ((), "dicom1"),
    (("pneumothorax",), "png"),
    (("opacity", "effusion"), "png8"),
    ((), "dicom"),
    (("cardiomegaly", "effusion"), "dicom1"),
    (("nodule",), "png"),
    (("opacity",), "png8"),
)


def sample_files() -> tuple[tuple[str, Callable[[], bytes]], ...]:
    """The sample studies as (name, what makes its bytes), so that a queue can start before the last one is drawn."""
    return tuple(
        (_sample_name(seed, signs, kind), partial(_sample_bytes, seed, signs, kind))
        for seed, (signs, kind) in enumerate(_SAMPLES, start=1)
    )


def sample_studies() -> tuple[tuple[str, bytes], ...]:
    """Twelve named files, PNG and DICOM mixed, with and without signs: the first queue of a newcomer."""
    return tuple((name, make()) for name, make in sample_files())


def _sample_name(seed: int, signs: Sequence[Sign], kind: str) -> str:
    suffix = "png" if kind.startswith("png") else "dcm"
    return f"synthetic-{seed:02d}{'-' if signs else ''}{'-'.join(signs)}.{suffix}"


def _sample_bytes(seed: int, signs: Sequence[Sign], kind: str) -> bytes:
    pixels = phantom(seed, signs=signs)
    if kind.startswith("png"):
        return as_png(pixels, 8 if kind == "png8" else 16)
    polarity: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME1" if kind == "dicom1" else "MONOCHROME2"
    return as_dicom(pixels, photometric=polarity, view="AP" if seed % 3 else "PA", seed=seed)
