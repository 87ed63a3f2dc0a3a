"""The same film under every view, class and body part, and objects of other kinds.

Sources: PS3.3 C.8.11.5 (view), A.26 (digital X-ray), PS3.4 B.5 (classes).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pydicom import uid
from pydicom.sequence import Sequence

from cxr_core.corpus.row import Expected, Row, refused, screened
from cxr_core.corpus.samples import changed, dataset, dicom, film, plain, saved

_SAME = screened(plain)


def rows() -> Iterator[Row]:
    """Views, kinds of films, other kinds of objects."""
    yield from _views()
    yield from _films()
    yield from _others()


def _views() -> Iterator[Row]:
    hard = "the models know upright frontal views of adults only"

    def row(name: str, what: str, expected: Expected, **tags: Any) -> Row:
        return Row(f"headers/{name}.dcm", what, hard, expected, partial(dicom, film(), **tags))

    for view in ("PA", "AP", ""):
        yield row(f"view-{view.lower() or 'empty'}", f"View Position {view or 'empty'}", _SAME, ViewPosition=view)
    for view in ("LL", "RL", "LATERAL"):
        yield row(
            f"view-{view.lower()}",
            f"View Position {view}",
            Expected(warnings=("lateral_view",), pixels=plain, gate=("lateral_view",)),
            ViewPosition=view,
        )
    for view in ("RAO", "LPO"):
        yield row(f"view-{view.lower()}", f"View Position {view}", screened(plain, "oblique_view"), ViewPosition=view)


def _films() -> Iterator[Row]:
    def row(name: str, what: str, expected: Expected = _SAME, **tags: Any) -> Row:
        return Row(
            f"headers/{name}.dcm", what, "films come under many classes", expected, partial(dicom, film(), **tags)
        )

    yield row("class-cr", "Computed Radiography", SOPClassUID=uid.ComputedRadiographyImageStorage, Modality="CR")
    yield row(
        "class-secondary-capture",
        "Secondary Capture of an X-ray",
        SOPClassUID=uid.SecondaryCaptureImageStorage,
        Modality="OT",
    )
    yield row(
        "class-capture-multi-frame",
        "Multi-frame Grayscale Word Secondary Capture",
        SOPClassUID=uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        Modality="OT",
    )
    yield row("class-absent", "no SOP class and no modality", SOPClassUID=None, Modality=None)
    yield row("modality-home-made", "modality RADIO", Modality="RADIO")
    raw = screened(plain, "for_processing")
    yield row(
        "for-processing",
        "Digital X-Ray, for processing",
        raw,
        SOPClassUID=uid.DigitalXRayImageStorageForProcessing,
        PresentationIntentType="FOR PROCESSING",
    )
    yield row("text-burnt-in", "Burned In Annotation YES", screened(plain, "burned_in_text"), BurnedInAnnotation="YES")
    for part in ("CHEST", "THORAX", "RIB", ""):
        yield row(f"part-{part.lower() or 'empty'}", f"Body Part Examined {part or 'empty'}", BodyPartExamined=part)
    for part in ("HAND", "SKULL", "ABDOMEN", "PELVIS"):
        gate = ("not_a_chest_radiograph", "body_part_doubtful")
        said = Expected(warnings=("other_body_part",), pixels=plain, gate=gate)
        yield row(f"part-{part.lower()}", f"Body Part Examined {part}", said, BodyPartExamined=part)


def _others() -> Iterator[Row]:
    for name, storage, modality in (
        ("ct", uid.CTImageStorage, "CT"),
        ("mr", uid.MRImageStorage, "MR"),
        ("ultrasound", uid.UltrasoundImageStorage, "US"),
        ("mammography", uid.DigitalMammographyXRayImageStorageForPresentation, "MG"),
        ("dental", uid.DigitalIntraOralXRayImageStorageForPresentation, "IO"),
        ("photograph", uid.VLPhotographicImageStorage, "XC"),
        ("capture-of-ultrasound", uid.SecondaryCaptureImageStorage, "US"),
        ("nuclear", uid.NuclearMedicineImageStorage, "NM"),
    ):
        yield Row(
            f"headers/other-{name}.dcm",
            f"{storage.name}, modality {modality}",
            "holds pixels and is no chest film",
            refused("not_a_radiograph"),
            partial(dicom, film(), SOPClassUID=storage, Modality=modality),
        )
    for name, storage, modality in (
        ("report", uid.BasicTextSRStorage, "SR"),
        ("pdf", uid.EncapsulatedPDFStorage, "DOC"),
        ("plan", uid.RTPlanStorage, "RTPLAN"),
        ("presentation-state", uid.GrayscaleSoftcopyPresentationStateStorage, "PR"),
        ("key-objects", uid.KeyObjectSelectionDocumentStorage, "KO"),
        ("film-without-pixels", uid.DigitalXRayImageStorageForPresentation, "DX"),
    ):
        yield Row(
            f"headers/no-pixels-{name}.dcm",
            f"{storage.name} without pixels",
            "lies in every exported folder",
            refused("no_pixels"),
            partial(_no_pixels, storage, modality),
        )
    yield Row(
        "headers/no-pixels-empty.dcm",
        "Pixel Data of length 0",
        "a header with an empty picture",
        refused("no_pixels"),
        partial(dicom, film(), PixelData=b""),
    )
    yield Row(
        "headers/no-pixels-directory",
        "a DICOMDIR under another name",
        "a list of files, not a film",
        refused("no_pixels"),
        _directory,
    )
    yield Row(
        "headers/float-pixels.dcm",
        "Float Pixel Data",
        "fractions are no film",
        refused("unsupported_encoding"),
        _floats,
    )


def _no_pixels(storage: uid.UID, modality: str) -> bytes:
    made = changed(dataset(film()), SOPClassUID=storage, Modality=modality, PixelData=None, Rows=None, Columns=None)
    if modality == "DOC":
        made.EncapsulatedDocument, made.MIMETypeOfEncapsulatedDocument = b"%PDF-1.4 \n%%EOF\n", "application/pdf"
    return saved(made)


def _directory() -> bytes:
    made = changed(dataset(film()), PixelData=None, SOPClassUID=uid.MediaStorageDirectoryStorage, Modality=None)
    made.file_meta.MediaStorageSOPClassUID = uid.MediaStorageDirectoryStorage
    made.DirectoryRecordSequence = Sequence([])
    return saved(made)


def _floats() -> bytes:
    made = changed(dataset(film()), PixelData=None)
    made.BitsAllocated = 32
    made.FloatPixelData = (film() / 4095).astype("<f4").tobytes()
    return saved(made)
