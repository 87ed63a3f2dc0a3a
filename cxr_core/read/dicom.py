"""DICOM bytes -> Radiograph: CR, DX and secondary captures of X-rays, with or without a preamble.

Joins what the neighbours know: dataset.py (what the file says), decode.py (its pixels), transforms.py (its greys).
"""

from __future__ import annotations

from cxr_core.read.dataset import BROKEN, check_kind, layout_of, looks_like_dicom, parse, word
from cxr_core.read.decode import first_frame
from cxr_core.read.grey import flat_end, picture_greys, to_grey
from cxr_core.read.quiet import contain
from cxr_core.read.transforms import greys_of
from cxr_core.records import Notice, Radiograph, View
from cxr_core.settings import Settings

__all__ = ["looks_like_dicom", "read_dicom"]

_VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}
_LATERAL = frozenset(("LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT"))


def read_dicom(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """The first frame of a DICOM film.

    pydicom converts a value when it is first touched, so any touch may fail: the whole way is contained.
    """
    return contain(lambda: _read(data, name, sha256, settings), BROKEN)


def _read(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    dataset = parse(data, settings)
    check_kind(dataset)
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
    notices += mended + _frames_notice(layout.frames) + _view_notice(position) + flat_end(pixels)
    return Radiograph(name, sha256, pixels, "dicom", _VIEWS.get(position), notices)


def _frames_notice(frames: int) -> tuple[Notice, ...]:
    if frames == 1:
        return ()
    return (Notice("first_frame", f"The file holds {frames} frames; only the first was read."),)


def _view_notice(position: str) -> tuple[Notice, ...]:
    if position not in _LATERAL:
        return ()
    return (Notice("lateral_view", "The film is a lateral view; the models know frontal views only."),)
