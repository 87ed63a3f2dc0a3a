"""What all DICOM objects of this product share: patient and study of the film, our equipment, fixed times, bytes.

In: an Origin. Out: a dataset that stands for the film where one is referred to, keyword arguments for highdicom's
classes, and a finished object as a file. Everything is Unicode (ISO_IR 192) and Explicit VR Little Endian.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cxr_core.export.origin import Origin
from cxr_core.export.result import EXPORTER, Result, clean
from cxr_core.export.uids import uid_of

MANUFACTURER = "Chest X-ray triage"
MODEL_NAME = "CXR triage, research use only"
CHARACTER_SET = "ISO_IR 192"

_FIRST_SERIES = 7700
"""Series numbers from here on: far from those of a modality, so that a viewer lists ours last."""

SERIES = {"source": 0, "sr": 1, "gsps": 2, "sc": 3}


def series_uid(origin: Origin, kind: str) -> str:
    """The series of one kind of object of one film: every version of it lies there."""
    return uid_of("series", origin.study_uid, origin.instance_uid, kind)


def instance_uid(origin: Origin, kind: str, digest: str) -> str:
    """The instance: another one as soon as anything in it is another."""
    return uid_of("instance", origin.study_uid, origin.instance_uid, kind, digest)


def film(origin: Origin) -> Dataset:
    """The film as a dataset without pixels, of clean texts: what others refer to and take patient and study from."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SpecificCharacterSet = CHARACTER_SET
    found.SOPClassUID, found.SOPInstanceUID = origin.class_uid, origin.instance_uid
    found.StudyInstanceUID, found.SeriesInstanceUID = origin.study_uid, origin.series_uid
    found.PatientName, found.PatientID = origin.patient_name, origin.patient_id
    found.PatientBirthDate, found.PatientSex = origin.birth_date, origin.sex
    found.StudyDate, found.StudyTime, found.StudyID = origin.study_date, origin.study_time, origin.study_id
    found.AccessionNumber, found.ReferringPhysicianName = origin.accession, origin.referrer
    for keyword, value in (
        ("IssuerOfPatientID", origin.issuer),
        ("PatientAge", origin.age),
        ("StudyDescription", origin.description),
    ):
        if value:
            setattr(found, keyword, value)
    found.Modality = origin.modality
    found.Rows, found.Columns = origin.height, origin.width
    found.SamplesPerPixel, found.PhotometricInterpretation = origin.samples, origin.photometric
    if origin.multi_frame:
        # Where highdicom looks for the greys of frames; the film's own are in the state, and not taken from here.
        found.NumberOfFrames, found.SharedFunctionalGroupsSequence = origin.frames, [Dataset()]
        found.PerFrameFunctionalGroupsSequence = []
    return found


def common(origin: Origin, result: Result, kind: str, title: str, digest: str) -> dict[str, Any]:
    """The arguments that all of highdicom's classes ask for."""
    at = result.told_at.astimezone()
    # A presentation state has a time of creation of its own in the place of a time of content (PS3.3 C.11.10).
    dated = {"content_date": at.date(), "content_time": at.time().replace(microsecond=0)} if kind != "gsps" else {}
    return dated | {
        "series_instance_uid": series_uid(origin, kind),
        "series_number": _FIRST_SERIES + SERIES[kind],
        "sop_instance_uid": instance_uid(origin, kind, digest),
        "instance_number": 1 + (result.review.version if result.review else 0),
        "manufacturer": MANUFACTURER,
        "series_description": title[:64],
        "specific_character_set": CHARACTER_SET,
    }


def equipment(result: Result) -> dict[str, Any]:
    """Which software it was, for the classes that ask."""
    return {
        "manufacturer_model_name": MODEL_NAME,
        "software_versions": _versions(result) or [f"exporter {EXPORTER}"],
        "device_serial_number": device_uid(result)[-16:],
    }


def _versions(result: Result) -> list[str]:
    return [f"{ref.name} {ref.version} {ref.sha256[:12]}"[:64] for ref in result.screening.models]


def device_uid(result: Result) -> str:
    """The device as an observer: this software with these weights."""
    return uid_of("device", *(f"{ref.name} {ref.version} {ref.sha256}" for ref in result.screening.models))


def finished(dataset: Dataset, at: datetime) -> bytes:
    """The object as a file (PS3.10); its time of creation is that of its content, so that a second export is equal."""
    local = at.astimezone()
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = f"{local:%Y%m%d}", f"{local:%H%M%S}"
    if "DateOfSecondaryCapture" in dataset:
        dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = f"{local:%Y%m%d}", f"{local:%H%M%S}"
    if "PresentationCreationDate" in dataset:
        dataset.PresentationCreationDate, dataset.PresentationCreationTime = f"{local:%Y%m%d}", f"{local:%H%M%S}"
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{local:%Y%m%d%H%M%S}"
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def person_name(text: str) -> str:
    """What a reader typed as a name -> a person's name (PS3.5 6.2): the last word is the family name."""
    words = clean(text.replace("\\", " ").replace("=", " ")).split()
    if not words:
        return "Reader^Not named"
    if "^" in text:
        return " ".join(words)[:64]
    return "^".join((words[-1], " ".join(words[:-1])))[:64]
