"""Secondary Captures (PS3.3 A.8.1): a result as a picture with its boxes burnt in, and a picture that becomes a film.

In: a Result, the film's Origin, greys. Out: datasets. The capture shows the film as it was judged (mended upright,
through the reader's window), in colour, and says that its marks are burnt in; a strip below the film says what it is.
``film_of`` gives a PNG or JPEG the DICOM identity that its Origin says. This module knows no store and reads no file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from highdicom import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from cxr_core.errors import NotExportable
from cxr_core.export.objects import common, equipment, film
from cxr_core.export.origin import Origin
from cxr_core.export.picture import annotated
from cxr_core.export.result import NOTICE, Result, Window, clean

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"

Greys = npt.NDArray[np.uint16]


def capture(result: Result, origin: Origin, shown: Greys, *, replaces: str = "") -> Dataset:
    """The film ``shown``, (H, W) uint16 as Review shows it, its boxes burnt in; NotExportable if it was refused."""
    if result.screening.status == "refused":
        raise NotExportable("the film was not screened, so there is nothing to draw on it; export sr, fhir or hl7")
    picture = annotated(windowed(shown, result.window or Window()), result, lines=_below(result))
    made = SCImage(
        pixel_array=picture,
        photometric_interpretation=PhotometricInterpretationValues.RGB,
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=("L", "F"),
        **_patient(origin),
        **common(origin, result, "sc", "Chest X-ray triage picture, research use only", result.digest(replaces)),
        **equipment(result),
    )
    # Of the capture, not of the film: it is turned as a frontal film is hung, but nobody measured that.
    made.PatientOrientation = []
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.BurnedInAnnotation = "YES"
    made.RecognizableVisualFeatures = "NO"
    made.ConversionType = "WSD"
    made.BodyPartExamined = "CHEST"
    made.DerivationDescription = _derived(result, replaces)
    made.SourceImageSequence = [_reference(origin)]
    made.ContentQualification = "RESEARCH"
    return made


def _below(result: Result) -> tuple[str, ...]:
    """What stands below the film: a number is worth nothing without the model that gave it and its threshold's name."""
    models = ", ".join(f"{ref.name} {ref.version}" for ref in result.screening.models)
    lines = (NOTICE, clean(f"Scores: {models or 'no model'}. Thresholds: {result.preset}."))
    return (*lines, "Generated phantom, not a radiograph of a person.") if result.synthetic else lines


def film_of(origin: Origin, result: Result, read: Greys) -> Dataset:
    """The Secondary Capture that a picture becomes: its greys as read, neither turned nor windowed, under its Origin.

    8 bits where the picture had no more, else 16. ``read``: (H, W) uint16, bone bright.
    """
    low = (read & 255).astype(np.uint8)
    high = (read >> 8).astype(np.uint8)
    narrow = bool(np.array_equal(low, high))
    arguments = common(origin, result, "source", "Film sent as a picture, identity made here", "") | {
        "series_instance_uid": origin.series_uid,
        "sop_instance_uid": origin.instance_uid,
        "series_number": 1,
        "instance_number": 1,
    }
    del arguments["content_date"], arguments["content_time"]  # the film is the same whatever is said of it later
    made = SCImage(
        pixel_array=high if narrow else read,
        photometric_interpretation=PhotometricInterpretationValues.MONOCHROME2,
        bits_allocated=8 if narrow else 16,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=("L", "F"),
        **_patient(origin),
        **arguments,
    )
    made.ContentDate, made.ContentTime = "", ""
    made.PatientOrientation = []
    made.ImageType = ["DERIVED", "PRIMARY"]
    made.ConversionType = "WSD"
    made.BodyPartExamined = "CHEST"
    made.DerivationDescription = " ".join(notice.message for notice in origin.notices)[:1024]
    made.ImageComments = "Study, Series and SOP Instance UID were derived from the digest of the file as received."
    return made


def windowed(shown: Greys, window: Window) -> Greys:
    """Greys through the reader's window, uint16."""
    greys = (shown.astype(np.float32) / 65535 - window.low) / (window.high - window.low)
    greys = np.clip(1.0 - greys if window.inverted else greys, 0.0, 1.0)
    return np.asarray(np.round(greys * 65535), np.uint16)


def _patient(origin: Origin) -> dict[str, Any]:
    """Patient and study for a class that has no film to take them from."""
    source = film(origin)
    names = {
        "study_instance_uid": "StudyInstanceUID",
        "patient_id": "PatientID",
        "patient_name": "PatientName",
        "patient_birth_date": "PatientBirthDate",
        "patient_sex": "PatientSex",
        "accession_number": "AccessionNumber",
        "study_id": "StudyID",
        "study_date": "StudyDate",
        "study_time": "StudyTime",
        "referring_physician_name": "ReferringPhysicianName",
    }
    return {name: source.get(keyword) for name, keyword in names.items()} | {
        "transfer_syntax_uid": ExplicitVRLittleEndian
    }


def _derived(result: Result, replaces: str) -> str:
    """What was done to the film, for Derivation Description (ST, 1,024 characters)."""
    mends = [notice.message for notice in result.screening.warnings if notice.code.endswith(("_mended", "_by_pixels"))]
    said = [
        NOTICE,
        "Boxes and words are burnt into the picture.",
        *mends,
        *([f"Replaces {replaces}."] if replaces else []),
    ]
    return clean(" ".join(said))[:1024]


def _reference(origin: Origin) -> Dataset:
    """The film (PS3.3 C.12.4, table 10-3)."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = origin.class_uid, origin.instance_uid
    if origin.frame:
        item.ReferencedFrameNumber = origin.frame
    return item
