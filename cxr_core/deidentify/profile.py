"""One DICOM dataset without its patient: the basic profile of PS3.15 annex E, with modified dates.

What to do with which attribute is table E.1-1 as the package dicom-anonymizer keeps it, edition 2026c. How it is done
is ours, because that package looks at the outermost level alone: every sequence is entered. Where the table leaves a
choice (X/Z, Z/D ...), the last letter is taken, which keeps the object's type 1 and 2 attributes. Beyond the table,
attributes that nobody can judge are removed: private ones, unknown ones, and free text that the table does not know.

    X remove    Z empty    D a dummy value    U another UID, the same for the same
    dates of the study and the image move by the patient's own number of days; times of day go (option 113107)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from cxr_core.deidentify.secret import Secret

EDITION = "dicomfields_2026c"
METHOD = "PS3.15 annex E basic profile 2026c, dates shifted"

_LETTERS = {
    "X_TAGS": "X", "Z_TAGS": "Z", "D_TAGS": "D", "U_TAGS": "U", "Z_D_TAGS": "D", "X_Z_TAGS": "Z", "X_D_TAGS": "D",
    "X_Z_D_TAGS": "D", "X_Z_U_STAR_TAGS": "U",
}  # fmt: skip
_FREE_TEXT = frozenset(("LT", "ST", "UT", "UC", "UR", "UN", "PN"))
# Dates of the study, the image and its making; those of the patient (birth, admission) go as the table says.
_SHIFTED_GROUPS = frozenset((0x0008, 0x0018, 0x0020, 0x0040))
_PADDING = 0xFFFCFFFC
_DUMMIES: Mapping[str, Any] = MappingProxyType(
    dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "ANONYMIZED")
    | dict.fromkeys(("DS", "IS"), "0")
    | dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), 0)
    | {"AS": "000Y", "DA": "19000101", "DT": "19000101", "TM": "000000", "UR": "http://removed.invalid"}
)


def _tables() -> tuple[dict[int, str], tuple[tuple[int, int, str], ...]]:
    """Tag -> letter, and (mask, value, letter) of the repeating groups."""
    plain: dict[int, str] = {}
    repeating: list[tuple[int, int, str]] = []
    told = dicom_anonymization_database_selector(EDITION)
    for name, letter in _LETTERS.items():
        for tag in told[name]:
            number = tag[0] << 16 | tag[1]
            if len(tag) == 4:
                repeating.append((tag[2] << 16 | tag[3], number, letter))
            else:
                plain[number] = letter
    return plain, tuple(repeating)


TABLE, _REPEATING = _tables()


def letter_of(tag: int) -> str:
    """What the profile asks for a tag: X, Z, D, U, or K for one that it does not name."""
    if tag in TABLE:
        return TABLE[tag]
    return next((letter for mask, number, letter in _REPEATING if tag & mask == number & mask), "K")


def patient_of(dataset: Dataset, otherwise: str) -> str:
    """What a patient's pseudonym is made from: the ID, else name and birth date, else the study, else ``otherwise``."""
    number = str(dataset.get("PatientID") or "").strip()
    if number:
        return f"id {number}"
    named = f"{dataset.get('PatientName') or ''} {dataset.get('PatientBirthDate') or ''}".strip()
    return f"name {named}" if named else f"study {dataset.get('StudyInstanceUID') or otherwise}"


@dataclass(frozen=True, slots=True)
class Profile:
    """What all files of one patient are treated with."""

    secret: Secret
    patient: str

    def apply(self, dataset: Dataset) -> None:
        """Take the patient out of a dataset, in place, and write down how that was done."""
        accession = str(dataset.get("AccessionNumber") or "").strip()
        self._clean(dataset)
        pseudonym = self.secret.patient(self.patient)
        dataset.PatientName, dataset.PatientID = pseudonym, pseudonym
        if accession:
            dataset.AccessionNumber = self.secret.number(accession)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = METHOD
        dataset.DeidentificationMethodCodeSequence = Sequence(
            [
                _code("113100", "Basic Application Confidentiality Profile"),
                _code("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
            ]
        )
        dataset.LongitudinalTemporalInformationModified = "MODIFIED"

    def _clean(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            if _unjudged(tag):
                del dataset[tag]
                continue
            element = dataset[tag]
            if element.VR == "SQ":
                self._clean_sequence(dataset, element)
            else:
                self._clean_element(dataset, element)

    def _clean_sequence(self, dataset: Dataset, element: DataElement) -> None:
        """Kept ones are cleaned within; of the others only the shell, where a shell is asked for."""
        letter = letter_of(int(element.tag))
        if letter in ("X", "D"):  # no dummy item is one that its readers could use
            del dataset[element.tag]
        elif letter == "Z":
            element.value = Sequence()
        else:
            for item in element.value:
                self._clean(item)

    def _clean_element(self, dataset: Dataset, element: DataElement) -> None:
        letter = letter_of(int(element.tag))
        if element.VR in ("DA", "DT") and element.tag.group in _SHIFTED_GROUPS:
            shift = self.secret.shift(self.patient)
            element.value = _each(element.value, lambda value: _moved(str(value), shift))
        elif letter == "X" or (letter == "K" and element.VR in _FREE_TEXT) or element.VR == "UN":
            del dataset[element.tag]
        elif letter == "U":
            element.value = _each(element.value, lambda value: self.secret.uid(str(value)) if value else value)
        elif letter == "Z":
            element.value = None
        elif letter == "D":
            element.value = _DUMMIES.get(element.VR, b"\0\0")


def _unjudged(tag: BaseTag) -> bool:
    """Private, unknown to the standard's dictionary, or padding."""
    return bool(tag.is_private or (not dictionary_has_tag(tag) and letter_of(int(tag)) == "K") or int(tag) == _PADDING)


def _each(value: Any, change: Any) -> Any:
    """A value changed, or each of several."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return change(value)
    return [change(item) for item in value]


def _moved(text: str, shift: timedelta) -> str:
    """A date, or the date of a date and time, moved by whole days; empty where it is none or leaves the calendar."""
    try:
        return f"{datetime.strptime(text[:8], '%Y%m%d') + shift:%Y%m%d}"
    except (ValueError, OverflowError):
        return ""


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
