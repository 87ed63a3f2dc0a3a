"""DICOM bytes -> Radiograph: CR, DX and secondary captures of X-rays, with or without a preamble.

Joins what the neighbours know: dataset.py (what the file says), decode.py (its pixels), transforms.py (its greys).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from cxr_core.read.dataset import BROKEN, check_body_part, check_kind, layout_of, looks_like_dicom, parse, word
from cxr_core.read.decode import first_frame
from cxr_core.read.grey import flat_end, picture_greys, to_grey
from cxr_core.read.quiet import contain
from cxr_core.read.transforms import greys_of
from cxr_core.records import Notice, Radiograph, View
from cxr_core.settings import Settings

__all__ = ["looks_like_dicom", "read_dicom"]

_VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}
_RAW_CLASS = "1.2.840.10008.5.1.4.1.1.1.1.1"  # Digital X-Ray, for processing
_OBLIQUE = frozenset(("RAO", "LAO", "RPO", "LPO", "RLO", "LLO"))
_LATERAL = frozenset(("LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT"))


def read_dicom(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """The first frame of a DICOM film.

    pydicom converts a value when it is first touched, so any touch may fail: the whole way is contained.
    """
    return contain(lambda: _read(data, name, sha256, settings), BROKEN)


def _read(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    dataset = parse(data, settings)
    check_kind(dataset)
    check_body_part(dataset)
    layout = layout_of(dataset, settings)
    stored, depth = first_frame(dataset, layout)
    notices: tuple[Notice, ...] = ()
    if stored.ndim == 3:
        # Colour has no modality and VOI transforms (PS3.3 C.11.1, C.11.2): what it shows is what it holds.
        stored, notices = to_grey(stored, depth)
        pixels, mended = picture_greys(stored)
    else:
        pixels, mended = greys_of(dataset, stored, depth, inverted=layout.photometric == "MONOCHROME1")
    position = word(dataset, "ViewPosition")
    notices += mended + _frames_notice(layout.frames) + _view_notice(position) + _raw_notice(dataset)
    notices += flat_end(pixels)
    return Radiograph(name, sha256, pixels, "dicom", _VIEWS.get(position), notices)


def _frames_notice(frames: int) -> tuple[Notice, ...]:
    if frames == 1:
        return ()
    return (Notice("first_frame", f"The file holds {frames} frames; only the first was read."),)


def _view_notice(position: str) -> tuple[Notice, ...]:
    """View Position (0018,5101) names another view than a frontal one (PS3.3 C.8.11.5)."""
    if position in _LATERAL:
        return (Notice("lateral_view", "The film is a lateral view; the models know frontal views only."),)
    if position in _OBLIQUE:
        return (Notice("oblique_view", "The film is an oblique view; the models know frontal views only."),)
    return ()


def _raw_notice(dataset: Dataset) -> tuple[Notice, ...]:
    """A raw image was never meant to be looked at (PS3.3 C.7.6.1.1.3, C.8.11.3): its greys are not a film's."""
    if word(dataset, "PresentationIntentType") != "FOR PROCESSING" and word(dataset, "SOPClassUID") != _RAW_CLASS:
        return ()
    told = "The file holds the detector's raw image, for processing; the models know processed films. Send that one."
    return (Notice("for_processing", told),)
