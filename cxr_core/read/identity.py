"""A DICOM dataset's words about its patient -> Identity: read once, cleaned of what no screen should be given.

Sources: PS3.3 C.7.1.1 (patient), C.7.2.1 (study), C.7.3.1 (series), C.7.5.1 (equipment), PS3.5 6.1 (character sets).
An entry that cannot be decoded is given as far as it can, or empty; it never spoils the reading of the film.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from cxr_core.errors import DamagedImage
from cxr_core.read.quiet import contain
from cxr_core.records import REQUESTED, Identity

KEYWORDS: Mapping[str, str] = MappingProxyType(
    {
        "patient_name": "PatientName",
        "patient_id": "PatientID",
        "birth_date": "PatientBirthDate",
        "sex": "PatientSex",
        "age": "PatientAge",
        "study_uid": "StudyInstanceUID",
        "series_uid": "SeriesInstanceUID",
        "instance_uid": "SOPInstanceUID",
        "accession": "AccessionNumber",
        "study_date": "StudyDate",
        "view": "ViewPosition",
        "laterality": "ImageLaterality",
        "modality": "Modality",
        "body_part": "BodyPartExamined",
        "station": "StationName",
        "priority": "RequestedProcedurePriority",
        "issuer": "IssuerOfPatientID",
    }
)
"""Field of Identity -> DICOM attribute; laterality falls back to the series' own, priority to the request's."""

REQUESTS = ("RequestAttributesSequence", "StudyPriorityID")
"""Where else a film says how urgently it was asked for: its requests, and the retired (0032,000C) of its study."""

# The standard's terms stand for themselves (PS3.3 C.4.13); these are what else is found in that place: HL7's codes of
# TQ1-9 and OBR-27, and plain words.
_PRIORITIES = {term: term for term in REQUESTED} | {
    "S": "STAT", "EMERGENCY": "STAT", "EMERGENT": "STAT", "IMMEDIATE": "STAT", "A": "HIGH", "ASAP": "HIGH",
    "URGENT": "HIGH", "MED": "MEDIUM", "R": "ROUTINE", "NORMAL": "ROUTINE",
}  # fmt: skip

# The longest value of these attributes (a name: three groups of 64); what is longer is no name.
_MOST_CHARACTERS = 3 * 64 + 2
_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})")


def identity_of(dataset: Dataset) -> Identity:
    """What the file says of its patient and its origin; fields that it leaves out, or that cannot be read, are ""."""
    values = {name: _text(dataset, keyword) for name, keyword in KEYWORDS.items()}
    values["laterality"] = values["laterality"] or _text(dataset, "Laterality")
    for name in ("birth_date", "study_date"):
        found = _DATE.match(values[name])
        values[name] = "".join(found.groups()) if found else ""
    values["priority"] = requested_priority(values["priority"], *_requests(dataset))
    return Identity(**values)


def requested_priority(*said: str) -> str:
    """The most urgent of what is said about how urgently a study was asked for; "" where nothing is understood."""
    known = [_PRIORITIES[word] for word in (text.strip().upper() for text in said) if word in _PRIORITIES]
    return min(known, key=REQUESTED.index, default="")


def _requests(dataset: Dataset) -> list[str]:
    """The priorities of the requests that a film answers, and the retired one of its study."""

    def convert() -> list[str]:
        items = dataset.get("RequestAttributesSequence") or ()
        return [_text(item, "RequestedProcedurePriority") for item in items if isinstance(item, Dataset)]

    try:
        return [*contain(convert, ""), _text(dataset, "StudyPriorityID")]
    except DamagedImage:
        return []


def _text(dataset: Dataset, keyword: str) -> str:
    """An attribute as one line of text, without control characters and marks that turn the writing's direction."""

    def convert() -> str:
        value: Any = dataset.get(keyword)
        if value is None:
            return ""
        if isinstance(value, MultiValue):
            value = "\\".join(map(str, value))
        plain = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in str(value))
        return " ".join(plain.split())[:_MOST_CHARACTERS]

    try:
        return contain(convert, "")
    except DamagedImage:
        return ""
