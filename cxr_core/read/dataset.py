"""DICOM bytes -> the few attributes that reading a film needs, checked; no pixel is decoded here.

Only the tags in _TAGS are parsed: what is never read cannot leak. Those that name a patient go into the Identity and
nowhere else. Sources: PS3.10 (files), PS3.3 C.7.6.3 (image pixel), C.8.11 (digital X-ray), PS3.6 (registry of UIDs).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from cxr_core.errors import DamagedImage, NoPixels, NotARadiograph, TooLarge, UnsupportedEncoding
from cxr_core.read.grey import Depth, check_size
from cxr_core.read.identity import KEYWORDS as IDENTITY
from cxr_core.read.identity import REQUESTS
from cxr_core.read.quiet import contain
from cxr_core.settings import Settings

BROKEN = "The DICOM file is damaged or cut short. Send or export it again from its source."

_PREAMBLE = 128
PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_UNDEFINED = 0xFFFFFFFF  # length (PS3.5 7.1.1)
_MAX_RATIO, _RATIO_MATTERS = 200, 10_000_000
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_SYNTAX, _HEAD = b"\x02\0\x10\0UI", 1000
_TAKEN_APART_HERE = frozenset(
    str(syntax).encode()
    for syntax in (
        ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
        RLELossless,
    )
)  # fmt: skip
_SHUTTER = (
    "{}Shape", "{}LeftVerticalEdge", "{}RightVerticalEdge", "{}UpperHorizontalEdge", "{}LowerHorizontalEdge",
    "CenterOfCircular{}", "RadiusOfCircular{}", "VerticesOfThePolygonal{}",
)  # fmt: skip
_TAGS = (
    "SOPClassUID", "PresentationIntentType", "PixelIntensityRelationship", "PixelIntensityRelationshipSign",
    *IDENTITY.values(), *REQUESTS, "Laterality",
    *(tag.format(kind) for kind in ("Shutter", "Collimator") for tag in _SHUTTER),
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "PresentationLUTShape", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "PatientOrientation", "BurnedInAnnotation",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData", "FloatPixelData", "DoubleFloatPixelData",
)  # fmt: skip

_FILM_CLASSES = frozenset((
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray Radiofluoroscopic: some rooms store their chest films so
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, and its multi-frame kinds
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.7.4",
))  # fmt: skip
# PS3.3 C.7.3.1.1.1: the terms that certainly mean another kind of picture. Free text outside this list is let through
# where the SOP class is a film's, because real archives hold many home-made terms.
_OTHER_MODALITIES = frozenset((
    "AR", "AU", "BI", "BMD", "CT", "DG", "DOC", "ECG", "EPS", "ES", "GM", "HD", "IO", "IVOCT", "IVUS", "KER", "KO",
    "LEN", "LS", "MG", "MR", "NM", "OCT", "OP", "OPM", "OPT", "PR", "PT", "PX", "REG", "RTDOSE", "RTIMAGE", "RTPLAN",
    "RTSTRUCT", "SEG", "SM", "SMR", "SR", "TG", "US", "VA", "XA", "XC",
))  # fmt: skip


# PS3.16 annex L: terms of Body Part Examined (0018,0015) that certainly leave the lungs out. Ribs, sternum and heart
# are taken with a chest film's technique, and free text or an absent term says nothing.
_OTHER_PARTS = frozenset((
    "ABDOMEN", "ANKLE", "ARM", "BLADDER", "BREAST", "CALCANEUS", "CLAVICLE", "COCCYX", "CSPINE", "ELBOW", "EXTREMITY",
    "FEMUR", "FIBULA", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD", "HEEL", "HIP", "HUMERUS", "JAW", "KIDNEY", "KNEE",
    "LEG", "LSPINE", "MANDIBLE", "MAXILLA", "NECK", "NOSE", "ORBIT", "PATELLA", "PELVIS", "RADIUS", "SCAPULA",
    "SHOULDER", "SINUS", "SKULL", "SPINE", "SSPINE", "TEETH", "THIGH", "THUMB", "TIBIA", "TOE", "TSPINE", "ULNA",
    "WRIST", "ZYGOMA",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixel data is laid out (PS3.3 C.7.6.3), checked; ``shift`` is what lies below the bits."""

    width: int
    height: int
    frames: int
    samples: int
    allocated: int
    depth: Depth
    shift: int
    photometric: str
    syntax: UID


def looks_like_dicom(data: bytes) -> bool:
    """A preamble and DICM, or, for files that lost them, a first element of group 2 or 8 in either byte order."""
    if data[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or data[:4] == b"DICM":
        return True
    little, big = data[:2] in (b"\x02\0", b"\x08\0"), data[:2] in (b"\0\x02", b"\0\x08")
    if len(data) < 12 or not (little or big):
        return False
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    return explicit or (little and int.from_bytes(data[4:8], "little") < 1024)


def parse(data: bytes, settings: Settings, *, whole: bool = True, also: Sequence[str] = ()) -> Dataset:
    """The dataset with the tags above and a transfer syntax; DamagedImage where it cannot be followed to its end.

    Not ``whole``: only what stands before the pixels. ``also``: further attributes, by keyword.
    """
    if data[:4] == b"DICM":
        data = bytes(_PREAMBLE) + data
    limit = settings.max_file_mb * 1_000_000
    data = _inflated(data, limit)
    dataset = _parse(data, [*_TAGS, *also], whole=whole)
    # The parser stops without a word where a length leads beyond the end of the file.
    hidden = "PixelData" not in dataset and any(tag in data for tag in PIXEL_DATA)
    if whole and not dataset.get("PixelData") and (hidden or _broke_off(data)):
        raise DamagedImage(BROKEN)
    return dataset


def _broke_off(data: bytes) -> bool:
    """Whether a file without pixels ends within an element, or before the first: then they may have stood behind."""
    every = pydicom.dcmread(BytesIO(data), force=True)
    if not every:
        return True
    last = every.get_item(list(every.keys())[-1])
    if not isinstance(last, RawDataElement) or last.length == _UNDEFINED:
        return False  # a sequence that was followed to its end
    return bool(last.value_tell + last.length != len(data))


def _parse(data: bytes, tags: list[str], *, whole: bool) -> Dataset:
    dataset = pydicom.dcmread(BytesIO(data), force=True, specific_tags=tags, stop_before_pixels=not whole)
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def is_deflated(data: bytes) -> bool:
    """Whether all after the file's own header is compressed (PS3.5 A.5), so that nothing is known of its pixels."""
    return _DEFLATED in data[144 : _after_meta(data)]


def is_encapsulated(data: bytes) -> bool:
    """Whether the file's own header names a transfer syntax of compressed pixels other than run lengths (PS3.5 A.4).

    The syntaxes with compressed pixels are those of 1.2.840.10008.1.2.4 and private ones; a file without such a header
    has no compressed pixels (PS3.10 7.1), and where its length is wrong, the first bytes are looked at all the same.
    """
    head = data[: max(_after_meta(data), _HEAD)]
    at = head.find(_SYNTAX)
    length = int.from_bytes(head[at + 6 : at + 8], "little")
    syntax = head[at + 8 : at + 8 + length].strip(b" \0") if at >= 0 else b""
    return bool(syntax) and syntax not in _TAKEN_APART_HERE


def _after_meta(data: bytes) -> int:
    """Where the file meta group ends, by its length element (PS3.10 7.1)."""
    return 144 + (int.from_bytes(data[140:144], "little") if data[132:138] == b"\x02\0\0\0UL" else 0)


def _inflated(data: bytes, limit: int) -> bytes:
    """A deflated dataset (PS3.5 A.5) unpacked to at most ``limit`` bytes, without its header; else ``data`` itself.

    Nor to more than a mostly black film could be packed to: a bomb is not to cost seconds.
    """
    if not is_deflated(data):
        return data
    start = _after_meta(data)
    limit = min(limit, max(_RATIO_MATTERS, _MAX_RATIO * len(data)))
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], limit + 1)
    if len(unpacked) > limit:
        raise TooLarge(
            f"The deflated DICOM file unpacks to more than {limit // 1_000_000} MB. "
            "Send it uncompressed, or raise CXR_MAX_FILE_MB."
        )
    return unpacked


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a numeric attribute; None where it is absent, empty, text or not finite."""
    values = numbers(dataset, keyword)
    return values[0] if values else None


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values of a numeric attribute; () where any of them is no finite number."""

    def convert() -> tuple[float, ...]:
        value: Any = dataset.get(keyword)
        if value is None or value == "":
            return ()
        items = value if isinstance(value, list | tuple) or hasattr(value, "__iter__") else (value,)
        found = tuple(float(item) for item in items)
        return found if all(math.isfinite(item) for item in found) else ()

    try:
        return contain(convert, BROKEN)
    except DamagedImage:
        return ()


def present(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute has any content, readable or not."""
    try:
        return contain(lambda: dataset.get(keyword) not in (None, "", [], ()), BROKEN)
    except DamagedImage:
        return True


def words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of a code string in capitals; () where it is absent, empty or unreadable."""

    def convert() -> tuple[str, ...]:
        value: Any = dataset.get(keyword)
        if not value:
            return ()
        found = (str(item or "").strip(" \0").upper() for item in ([value] if isinstance(value, str) else value))
        return tuple(item for item in found if item)

    try:
        return contain(convert, BROKEN)
    except DamagedImage:
        return ()


def word(dataset: Dataset, keyword: str) -> str:
    """The first value of a code string in capitals; "" where it is absent or unreadable."""
    return next(iter(words(dataset, keyword)), "")


def check_kind(dataset: Dataset) -> None:
    """NoPixels for an object without an image, NotARadiograph for one of another kind than an X-ray film."""
    if not bool(dataset.get("PixelData")):
        if any(key in dataset for key in ("FloatPixelData", "DoubleFloatPixelData")):
            raise UnsupportedEncoding(
                "The DICOM file holds fractional pixel values, which no X-ray film has. Send the film itself."
            )
        raise NoPixels("The DICOM file holds no image (a report, a mark-up or a header only). Send the film itself.")
    modality, uid = word(dataset, "Modality"), UID(word(dataset, "SOPClassUID"))
    if modality in _OTHER_MODALITIES:
        raise NotARadiograph(f"The DICOM file is of modality {modality}, not an X-ray film. Send CR or DX images.")
    if uid and uid not in _FILM_CLASSES and uid.name != uid:
        raise NotARadiograph(f"The DICOM object is a {uid.name}, not an X-ray film. Send CR or DX images.")


def other_part(dataset: Dataset) -> str:
    """The part of the body, where the file says that it shows another one than the chest; else ""."""
    part = word(dataset, "BodyPartExamined")
    return part if part in _OTHER_PARTS else ""


def layout_of(dataset: Dataset, settings: Settings) -> Layout:
    """The pixel layout; DamagedImage where it contradicts itself, TooLarge or TooSmall by Rows and Columns."""

    def whole(keyword: str, default: int | None = None) -> int:
        value = number(dataset, keyword)
        if value is None and default is None:
            raise DamagedImage(f"The DICOM file lacks {keyword}, so its pixels cannot be laid out. {BROKEN}")
        return int(default if value is None else value)  # type: ignore[arg-type]

    width, height = whole("Columns"), whole("Rows")
    check_size(width, height, settings)
    allocated = whole("BitsAllocated", 16)
    bits = whole("BitsStored", allocated)
    high = whole("HighBit", bits - 1)
    if allocated not in (8, 16):
        raise UnsupportedEncoding(
            f"The DICOM file allocates {allocated} bits a pixel; films have 8 or 16. Send the film itself."
        )
    if not 1 <= bits <= allocated or not bits - 1 <= high < allocated:
        # A contradiction (BitsStored 12, HighBit 7) is common and harmless: the bits then lie at the bottom.
        bits = bits if 1 <= bits <= allocated else allocated
        high = bits - 1
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    samples = whole("SamplesPerPixel", 1)
    photometric = word(dataset, "PhotometricInterpretation")
    if samples == 1 and photometric not in ("MONOCHROME1", "PALETTE COLOR"):
        photometric = "MONOCHROME2"
    depth = Depth(bits, whole("PixelRepresentation", 0) == 1)
    return Layout(
        width,
        height,
        max(1, whole("NumberOfFrames", 1)),
        samples,
        allocated,
        depth,
        high - bits + 1,
        photometric,
        syntax,
    )
