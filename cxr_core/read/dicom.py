"""DICOM bytes -> Radiograph: CR, DX and secondary captures of X-rays, with or without a preamble.

Joins what the neighbours know: dataset.py (what the file says), decode.py (its pixels), transforms.py (its greys).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from cxr_core.read.dataset import (
    BROKEN,
    check_kind,
    is_deflated,
    layout_of,
    looks_like_dicom,
    other_part,
    parse,
    word,
    words,
)
from cxr_core.read.decode import bytes_a_pixel, first_frame
from cxr_core.read.field import bordered_field, common, shutter_field
from cxr_core.read.grey import check_size, flat_end, picture_greys, to_grey
from cxr_core.read.identity import identity_of
from cxr_core.read.quiet import contain
from cxr_core.read.transforms import greys_of, is_raw
from cxr_core.records import Identity, Notice, Radiograph, View
from cxr_core.settings import BYTES_A_PIXEL, Settings

__all__ = ["dicom_bytes", "identify", "looks_like_dicom", "read_dicom"]

_VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}
_OBLIQUE = frozenset(("RAO", "LAO", "RPO", "LPO", "RLO", "LLO"))
_LATERAL = frozenset(("LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT"))


def read_dicom(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """The first frame of a DICOM film.

    pydicom converts a value when it is first touched, so any touch may fail: the whole way is contained.
    """
    return contain(lambda: _read(data, name, sha256, settings), BROKEN)


def identify(data: bytes, settings: Settings) -> Identity:
    """Whose film a DICOM file is, also where the film itself is refused; DamagedImage where not even that is told."""
    return contain(lambda: identity_of(parse(data, settings, whole=False)), BROKEN)


def dicom_bytes(data: bytes, settings: Settings) -> float:
    """Most bytes that reading a DICOM film takes beside the file's own; a Refusal where the header does not tell."""
    if is_deflated(data):
        return settings.largest_film_mb * 1e6
    layout = layout_of(parse(data, settings, whole=False), settings)
    return layout.width * layout.height * max(BYTES_A_PIXEL, bytes_a_pixel(layout))


def _read(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    dataset = parse(data, settings)
    check_kind(dataset)
    layout = layout_of(dataset, settings)
    check_size(layout.width, layout.height, settings, bytes_a_pixel(layout))
    stored, depth = first_frame(dataset, layout)
    notices: tuple[Notice, ...] = ()
    if stored.ndim == 3:
        # Colour has no modality and VOI transforms (PS3.3 C.11.1, C.11.2): what it shows is what it holds.
        stored, notices = to_grey(stored, depth)
        pixels, mended = picture_greys(stored)
    else:
        pixels, mended = greys_of(dataset, stored, depth, inverted=layout.photometric == "MONOCHROME1")
    position = word(dataset, "ViewPosition")
    notices += mended + _frames_notice(layout.frames) + _view_notice(position) + _part_notice(dataset)
    notices += _raw_notice(dataset) + _text_notice(dataset)
    notices += flat_end(pixels)
    field = common(shutter_field(dataset, layout.width, layout.height), bordered_field(pixels))
    orientation = "\\".join(words(dataset, "PatientOrientation")[:2])
    return Radiograph(
        name, sha256, pixels, "dicom", _VIEWS.get(position), notices, field, identity_of(dataset), orientation
    )


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


def _part_notice(dataset: Dataset) -> tuple[Notice, ...]:
    """Body Part Examined (0018,0015) is often left at another part on a chest film: the gate looks at the pixels."""
    part = other_part(dataset)
    if not part:
        return ()
    told = f"The DICOM file says that it shows another part of the body ({part}), not the chest."
    return (Notice("other_body_part", told),)


def _text_notice(dataset: Dataset) -> tuple[Notice, ...]:
    """Burned In Annotation (0028,0301) is YES (PS3.3 C.7.6.1): the picture itself may name the patient."""
    if word(dataset, "BurnedInAnnotation") != "YES":
        return ()
    told = "Text that may identify the patient is burnt into the picture: it stays in every picture shown or exported."
    return (Notice("burned_in_text", told),)


def _raw_notice(dataset: Dataset) -> tuple[Notice, ...]:
    """A raw image was never meant to be looked at: its greys are our guess, and not a film's."""
    if not is_raw(dataset):
        return ()
    told = "The file holds the detector's raw image, for processing; the models know processed films. Send that one."
    return (Notice("for_processing", told),)
