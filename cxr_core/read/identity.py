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
from cxr_core.records import Identity

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
    }
)
"""Field of Identity -> DICOM attribute; laterality falls back to the series' own."""

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
    return Identity(**values)


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
