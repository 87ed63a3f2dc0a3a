"""Generated chest-like films, so that the product can be seen and tested without anybody's X-ray.

In: a seed and the signs to draw. Out: (H, W) uint16 greys like those of a Radiograph, or files of them. They look like
chest films from afar and mean nothing: no score on them is a result, which is why SYNTHETIC is burnt into each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from cxr_core.phantom.drawing import SIGNS, Canvas, Sign, draw

__all__ = ["SIGNS", "Sign", "as_dicom", "as_png", "phantom", "sample_files"]

Greys = npt.NDArray[np.uint16]


def phantom(seed: int, *, height: int = 1024, width: int = 1024, signs: Sequence[Sign] = ()) -> Greys:
    """A chest-like film, (height, width) uint16, 0 black to 65535 white, bone bright.

    The same for the same arguments. RecordError for sides under 64 or an unknown sign.
    """
    unknown = sorted(set(signs) - set(SIGNS))
    if unknown:
        raise RecordError(f"signs must be among {', '.join(SIGNS)}, got {', '.join(unknown)}")
    if min(height, width) < 64:
        raise RecordError(f"a phantom needs at least 64 pixels on each side, got {width} x {height}")
    canvas = Canvas(height, width, np.random.default_rng(seed))
    return _lettered(draw(canvas, signs))


def _lettered(film: npt.NDArray[np.float32]) -> Greys:
    """Greys of a film in [0, 1], with SYNTHETIC and a side letter burnt in."""
    height, width = film.shape
    ink = np.zeros(film.shape, np.uint8)
    size, thick = width / 1024, max(1, round(3 * width / 1024))
    for text, x, y, scale in (("SYNTHETIC", 0.035, 0.06, 1.35), ("L", 0.90, 0.07, 1.8)):
        where = (round(x * width), round(y * height))
        cv2.putText(ink, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale * size, 255, thick, cv2.LINE_AA)
    return np.round(np.maximum(film, ink.astype(np.float32) / 255) * 65535).astype(np.uint16)


def as_png(pixels: Greys, bits: Literal[8, 16] = 16) -> bytes:
    """A grey PNG of (H, W) uint16 greys, 16 or 8 bits."""
    stored = pixels if bits == 16 else (pixels >> 8).astype(np.uint8)
    return bytes(cv2.imencode(".png", stored)[1].tobytes())


def as_dicom(
    pixels: Greys,
    *,
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
    bits: int = 12,
    view: Literal["PA", "AP"] = "PA",
    seed: int = 0,
) -> bytes:
    """A digital X-ray (DX, for presentation) of (H, W) uint16 greys; MONOCHROME1 stores it inverted.

    ``bits`` (8 to 16) are stored of 16 allocated. UIDs derive from ``seed`` and the pixels, so that the same film
    is the same file every time. The patient is SYNTHETIC^PHANTOM.
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
    # SYNTHETIC is burnt in, and names nobody: the attribute means text that identifies (PS3.3 C.7.6.1).
    dataset.PresentationIntentType, dataset.BurnedInAnnotation = "FOR PRESENTATION", "NO"
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


def _sample_name(seed: int, signs: Sequence[Sign], kind: str) -> str:
    suffix = "png" if kind.startswith("png") else "dcm"
    return f"synthetic-{seed:02d}{'-' if signs else ''}{'-'.join(signs)}.{suffix}"


def _sample_bytes(seed: int, signs: Sequence[Sign], kind: str) -> bytes:
    pixels = phantom(seed, signs=signs)
    if kind.startswith("png"):
        return as_png(pixels, 8 if kind == "png8" else 16)
    polarity: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME1" if kind == "dicom1" else "MONOCHROME2"
    return as_dicom(pixels, photometric=polarity, view="AP" if seed % 3 else "PA", seed=seed)
