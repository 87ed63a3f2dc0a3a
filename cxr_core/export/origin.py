"""Where a film comes from: the study, series and instance that every exported object refers to, and its patient.

In: a film's DICOM header as received, or the digest of a picture that has none. Out: an Origin, checked and clean.
Sources: PS3.3 C.7.1.1 (patient), C.7.2.1 (study), C.7.3.1 (series), C.12.1 (SOP common), PS3.5 6.1 and 9.1.

A film without a usable Study, Series or SOP Instance UID gets new ones, derived from its digest: an object that refers
to nothing, or to what no archive can hold, would be lost. ``made`` says so, and the film goes along as a Secondary
Capture.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import SecondaryCaptureImageStorage

from cxr_core.export.uids import fault, uid_of
from cxr_core.records import Notice

_CLASSES = frozenset((
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray Radiofluoroscopic
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, and its multi-frame kinds
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.7.4",
))  # fmt: skip
_OF_FRAMES = frozenset(uid for uid in _CLASSES if uid.startswith("1.2.840.10008.5.1.4.1.1.7.") or uid.endswith(".12.2"))
ALSO = (
    "SpecificCharacterSet", "StudyTime", "StudyID", "StudyDescription", "ReferringPhysicianName", "IssuerOfPatientID",
)  # fmt: skip
"""Attributes that an Origin holds beside those of the reader."""

_DATE, _TIME = re.compile(r"\d{8}"), re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_PARTS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")

PICTURE = Notice(
    "identity_made",
    "The film is a picture without DICOM identity. It was given a new one as a Secondary Capture, derived from its "
    "content; its patient is unknown. Match it to a patient before it goes into an archive.",
)
REPLACED = "text_not_decoded"
CHARSET_WRONG = "charset_wrong"


@dataclass(frozen=True, slots=True, repr=False)
class Origin:
    """The referenced instance, and patient and study as text; "" where nothing is said. Its repr shows nothing.

    ``width`` and ``height``: Columns and Rows, 0 where the film could not be read. ``made``: the identity is ours, so
    the referenced instance is the Secondary Capture that is made of the film.
    """

    study_uid: str
    series_uid: str
    instance_uid: str
    class_uid: str
    width: int = 0
    height: int = 0
    frames: int = 1
    samples: int = 1
    photometric: str = "MONOCHROME2"
    patient_name: str = ""
    patient_id: str = ""
    issuer: str = ""
    birth_date: str = ""
    sex: str = ""
    age: str = ""
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    accession: str = ""
    referrer: str = ""
    description: str = ""
    modality: str = ""
    orientation: tuple[str, ...] = ()
    made: bool = False
    notices: tuple[Notice, ...] = ()

    def __repr__(self) -> str:
        return "Origin(not shown)"

    @property
    def frame(self) -> int | None:
        """The frame that was screened, counted from 1; None where the class has no frames to refer to (PS3.3 10.3)."""
        return 1 if self.multi_frame and self.frames > 1 else None

    @property
    def multi_frame(self) -> bool:
        """Whether the class is one of multi-frame images; a radiograph with frames in spite of its class is not."""
        return self.class_uid in _OF_FRAMES


def origin_of_picture(sha256: str, width: int, height: int) -> Origin:
    """The identity made for a picture: the same for the same bytes, on every machine."""
    return Origin(
        **_new_uids(sha256),
        width=width,
        height=height,
        # Without an ID all such pictures would be one patient to an archive, and some readers open no unnamed one.
        patient_name="UNKNOWN^PICTURE",
        patient_id=f"PICTURE-{sha256[:12].upper()}",
        modality="OT",
        made=True,
        notices=(PICTURE,),
    )


def origin_of_dicom(header: Dataset, sha256: str) -> Origin:
    """The identity that a DICOM file has, as far as it is usable; what was replaced is told in ``notices``."""
    read = _Reader(header)
    uids = {keyword: read.text(keyword) for keyword in _PARTS}
    wrong = [f"{name} ({reason})" for name, text in uids.items() if (reason := fault(text))]
    if not wrong and uids["SOPClassUID"] not in _CLASSES:
        wrong = ["SOPClassUID (not a class of the standard)"]
    made = _new_uids(sha256)
    if not fault(uids["StudyInstanceUID"]):
        made["study_uid"] = uids["StudyInstanceUID"]
    kept: dict[str, Any] = {
        "study_uid": uids["StudyInstanceUID"],
        "series_uid": uids["SeriesInstanceUID"],
        "instance_uid": uids["SOPInstanceUID"],
        "class_uid": uids["SOPClassUID"],
    }
    facts = _facts(read)
    if wrong:
        facts |= {"frames": 1, "samples": 1, "photometric": "MONOCHROME2"}
    return Origin(
        **(made if wrong else kept), **facts, made=bool(wrong), notices=(*read.notices(), *_replaced(wrong, made, kept))
    )


def _new_uids(sha256: str) -> dict[str, Any]:
    kinds = ("study", "series", "instance")
    return {f"{kind}_uid": uid_of("film", sha256, kind) for kind in kinds} | {"class_uid": SecondaryCaptureImageStorage}


def _replaced(wrong: list[str], made: dict[str, Any], kept: dict[str, Any]) -> tuple[Notice, ...]:
    if not wrong:
        return ()
    study = "Its study is kept" if made["study_uid"] == kept["study_uid"] else "It was given a new study"
    told = (
        f"The film's identity cannot be referred to: {', '.join(wrong)}. {study}, and a copy of it with UIDs derived "
        "from its content, as a Secondary Capture, goes along. Correct the UIDs at the sending device."
    )
    return (Notice("identity_made", told),)


def _facts(read: _Reader) -> dict[str, Any]:
    """What Origin keeps beside the UIDs."""
    return {
        "width": read.whole("Columns", 0),
        "height": read.whole("Rows", 0),
        "frames": max(1, read.whole("NumberOfFrames", 1)),
        "samples": read.whole("SamplesPerPixel", 1),
        "photometric": read.text("PhotometricInterpretation").upper(),
        "patient_name": read.text("PatientName"),
        "patient_id": read.text("PatientID"),
        "issuer": read.text("IssuerOfPatientID"),
        "birth_date": read.matching("PatientBirthDate", _DATE),
        "sex": sex if (sex := read.text("PatientSex").upper()) in ("M", "F", "O") else "",
        "age": read.matching("PatientAge", re.compile(r"\d{3}[DWMY]")),
        "study_date": read.matching("StudyDate", _DATE),
        "study_time": read.matching("StudyTime", _TIME),
        "study_id": read.text("StudyID")[:16],
        "accession": read.text("AccessionNumber"),
        "referrer": read.text("ReferringPhysicianName"),
        "description": read.text("StudyDescription"),
        "modality": read.text("Modality").upper()[:16],
        "orientation": tuple(part for part in read.text("PatientOrientation", several=True).split("\\") if part)[:2],
    }


_PARTS_OF_8859 = (100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 203)
_BYTEWISE = frozenset(("", "ISO_IR 6", "ISO_IR 13", *(f"ISO_IR {number}" for number in _PARTS_OF_8859)))
"""Character sets of one byte a character (PS3.3 table C.12-2): any bytes are text in them, so a lie goes unseen."""


class _Reader:
    """A header's values as clean text, in Unicode whatever the file says of its character set."""

    def __init__(self, header: Dataset) -> None:
        self._header = header
        self._lied = self._lost = False
        declared = header.get("SpecificCharacterSet") or ""
        self._declared = declared if isinstance(declared, str) else "\\".join(str(item) for item in declared)

    def text(self, keyword: str, *, several: bool = False) -> str:
        """One line without control characters; the first value, or with ``several`` all, joined by backslashes."""
        value: Any = self._decoded(keyword)
        if value is None:
            return ""
        values = [str(item) for item in value] if isinstance(value, MultiValue) else [str(value)]
        joined = "\\".join(values) if several else values[0] if values else ""
        if "\ufffd" in joined:
            self._lost = True
        plain = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in joined)
        plain = plain if several else plain.replace("\\", " ")
        return " ".join(plain.split())[:194]  # PS3.5 6.2: a person's name, three groups of 64

    def matching(self, keyword: str, pattern: re.Pattern[str]) -> str:
        """A value that has the form its representation asks for, else ""."""
        text = self.text(keyword)
        return text if pattern.fullmatch(text) else ""

    def whole(self, keyword: str, otherwise: int) -> int:
        """A whole number."""
        try:
            return int(self._header.get(keyword) or otherwise)
        except (TypeError, ValueError):
            return otherwise

    def notices(self) -> tuple[Notice, ...]:
        """What was found wrong with the texts that were read."""
        said = (
            (self._lied, CHARSET_WRONG, "The file's text is not in the character set that it names; it was read as "
             "what its bytes are. Compare the patient's name in the archive."),
            (self._lost, REPLACED, "Some of the file's text cannot be read in the character set that it names; those "
             "characters are replaced. Compare the patient's name in the archive."),
        )  # fmt: skip
        return tuple(Notice(code, message) for found, code, message in said if found)

    def _decoded(self, keyword: str) -> Any:
        raw = self._raw(keyword)
        if raw is not None and not raw.isascii():
            # Text that says Latin and is whole UTF-8 is UTF-8: no Latin text reads so by chance (RFC 3629, 1).
            if self._declared in _BYTEWISE and (right := _as("utf-8", raw)) is not None:
                self._lied = True
                return right
            if self._declared in ("", "ISO_IR 6", "ISO_IR 192") and _as("utf-8", raw) is None:
                self._lied = True
                return raw.decode("latin-1")
        return self._header.get(keyword)

    def _raw(self, keyword: str) -> bytes | None:
        """The bytes of a text as they stand in the file, where nobody has touched it yet."""
        try:
            item = self._header.get_item(keyword)
        except (KeyError, ValueError):
            return None
        value = getattr(item, "value", None)
        return value if isinstance(value, bytes) else None


def _as(encoding: str, raw: bytes) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None
