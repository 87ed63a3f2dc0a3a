"""A result as a DICOM Structured Report: Measurement Report, TID 1500 (PS3.16), as a Comprehensive SR.

    Imaging Measurement Report
      observers: the device (models, versions, weights' hashes); once reviewed, the person beside it
      the film as a whole (TID 1501): its lane, the reader's decision
      nine labels (TID 1501): score of the whole film, the site's threshold, flagged or not, the reader's verdict
      a box each (TID 1410): SCOORD in the source's pixels, finding and site, its score, the threshold, verdict
      comment, impression, warnings, and that it is for research

In: a Result and the film's Origin. Out: a dataset in the film's study and a series of its own. A box that the reader
rejected stays and says so. This module knows no store and no pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard

from cxr_core.errors import RecordError
from cxr_core.export import codes
from cxr_core.export.codes import Coding
from cxr_core.export.objects import MANUFACTURER, MODEL_NAME, common, device_uid, film, person_name, series_uid
from cxr_core.export.origin import Origin
from cxr_core.export.result import NOTICE, Mark, Result, clean, marks, second_opinions
from cxr_core.export.uids import uid_of
from cxr_core.export.upright import Upright, upright
from cxr_core.records import LABELS, Box, ModelRef, Review

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"
_TITLE = "Chest X-ray triage, research use only"


def report(result: Result, origin: Origin, *, replaces: str = "") -> Dataset:
    """The report; ``replaces`` is the SOP Instance UID of the version before, which the new one names."""
    source = film(origin)
    content = MeasurementReport(
        observation_context=_observers(result),
        procedure_reported=concept(codes.PROCEDURE),
        imaging_measurements=[*_whole(result, origin), *_boxes(result, origin)],
    )
    for name, text in _texts(result, origin):
        contains = RelationshipTypeValues.CONTAINS
        content[0].ContentSequence.append(TextContentItem(concept(name), text, relationship_type=contains))
    made = ComprehensiveSR(
        evidence=[source],
        content=content[0],
        is_complete=True,
        is_final=_signed(result.review) is not None,
        coding_schemes=[_scheme()],
        **common(origin, result, "sr", _TITLE, result.digest(replaces)),
    )
    _verify(made, result.review)
    if replaces:
        made.PredecessorDocumentsSequence = [_predecessor(origin, replaces)]
    return made


def concept(coding: Coding) -> CodedConcept:
    """A code as highdicom wants it."""
    return CodedConcept(coding.value, coding.scheme, coding.meaning)


def _scheme() -> CodingSchemeIdentificationItem:
    return CodingSchemeIdentificationItem(
        codes.PRIVATE, name=codes.PRIVATE_NAME, uid=codes.PRIVATE_UID, responsible_organization=MANUFACTURER
    )


def _observers(result: Result) -> ObservationContext:
    """The device always; the person beside it once there is a review."""
    device = DeviceObserverIdentifyingAttributes(
        uid=device_uid(result), name=MODEL_NAME, manufacturer_name=MANUFACTURER, model_name=MODEL_NAME
    )
    person = None
    if result.review and result.reviewed:
        named = PersonObserverIdentifyingAttributes(name=person_name(result.review.reader))
        person = ObserverContext(standard.DCM.Person, named)
    return ObservationContext(
        observer_person_context=person, observer_device_context=ObserverContext(standard.DCM.Device, device)
    )


def _whole(result: Result, origin: Origin) -> Iterator[MeasurementsAndQualitativeEvaluations]:
    """The film, then each label as the whole film was scored for it."""
    images = [_image(origin)]
    decision = result.review.decision if result.review and result.reviewed else ""
    yield MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(origin, "film"),
        source_images=images,
        finding_type=concept(codes.FILM),
        finding_sites=[FindingSite(concept(codes.CHEST))],
        qualitative_evaluations=[
            _evaluation(codes.LANE, codes.LANES[result.lane]),
            _evaluation(codes.DECISION, codes.VERDICTS[decision]),
        ],
    )
    for label in (label for label in LABELS if label in result.screening.scores):
        verdict = result.verdict(label)
        yield MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracked(origin, f"whole film {label}"),
            source_images=images,
            finding_type=concept(codes.FINDINGS[label]),
            finding_sites=[FindingSite(concept(codes.SITES[label]))],
            algorithm_id=_algorithm(result.speakers.get(label)),
            measurements=[_score(result.screening.scores[label], codes.OF_FILM), _threshold(result, label)],
            qualitative_evaluations=_said(label in result.assessment.flagged, verdict),
        )


def _boxes(result: Result, origin: Origin) -> Iterator[PlanarROIMeasurementsAndQualitativeEvaluations]:
    """One planar group a box."""
    found = marks(result)
    if not found:
        return
    turned = upright((notice.code for notice in result.screening.warnings), origin.width, origin.height)
    for number, mark in enumerate(found, 1):
        yield _group(mark, f"box {number} {mark.label} {mark.by}", result, origin, turned)


def _group(
    mark: Mark, name: str, result: Result, origin: Origin, turned: Upright
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    score = [] if mark.by == "reader" or mark.score is None else [_score(mark.score, codes.OF_BOX)]
    # A model of the site's own may find what is none of the nine: it has neither threshold nor public code.
    known = mark.label in codes.FINDINGS
    ref = result.speakers.get(mark.label) if mark.by == "model" else None
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(origin, name),
        referenced_region=region(turned.box(mark.box), origin),
        finding_type=concept(codes.FINDINGS[mark.label] if known else codes.other(mark.label)),
        finding_sites=[FindingSite(concept(codes.SITES.get(mark.label, codes.CHEST)))],
        algorithm_id=_algorithm(ref),
        measurements=[*score, *([_threshold(result, mark.label)] if mark.label in result.thresholds else [])],
        qualitative_evaluations=_said(mark.flagged, mark.verdict),
    )


def region(box: Box, origin: Origin) -> ImageRegion:
    """A rectangle in the source's pixels as a closed polyline of (column, row): PS3.3 C.18.6.1.2 knows no rectangle."""
    x1, y1, x2, y2 = box.as_tuple()
    return ImageRegion(
        GraphicTypeValues.POLYLINE,
        np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]], np.float32),
        SourceImageForRegion(origin.class_uid, origin.instance_uid, [origin.frame] if origin.frame else None),
    )


def box_of(found: ImageRegion) -> Box:
    """The rectangle of a region that ``region`` made, in the source's pixels."""
    points = np.asarray(found.value, np.float64)
    (x1, y1), (x2, y2) = points.min(0), points.max(0)
    if len(points) != 5:
        raise RecordError(f"a rectangle has four corners and comes back to the first, got {len(points)} points")
    return Box(float(x1), float(y1), float(x2), float(y2))


def _image(origin: Origin) -> SourceImageForMeasurementGroup:
    return SourceImageForMeasurementGroup(
        origin.class_uid, origin.instance_uid, [origin.frame] if origin.frame else None
    )


def _tracked(origin: Origin, name: str) -> TrackingIdentifier:
    """The name of a group, the same in every version of the report."""
    return TrackingIdentifier(uid=uid_of("group", origin.study_uid, origin.instance_uid, name), identifier=name)


def _algorithm(ref: ModelRef | None) -> AlgorithmIdentification | None:
    """TID 4019; the weights' digest stands among the parameters."""
    if ref is None:
        return None
    return AlgorithmIdentification(ref.name, ref.version, [f"sha256:{ref.sha256}"], manufacturer=MANUFACTURER)


def _score(value: float, method: Coding) -> Measurement:
    return Measurement(concept(codes.SCORE), round(value, 6), concept(codes.UNIT), method=concept(method))


def _threshold(result: Result, label: str) -> Measurement:
    value = round(result.thresholds[label], 6)
    return Measurement(concept(codes.THRESHOLD), value, concept(codes.UNIT), method=concept(codes.BY_SITE))


def _said(flagged: bool, verdict: str) -> list[QualitativeEvaluation]:
    flag = _evaluation(codes.FLAG, codes.FLAGS[flagged])
    return [flag, _evaluation(codes.VERDICT, codes.VERDICTS[verdict])]


def _evaluation(name: Coding, value: Coding) -> QualitativeEvaluation:
    return QualitativeEvaluation(concept(name), concept(value))


def _texts(result: Result, origin: Origin) -> Iterator[tuple[Coding, str]]:
    """What is said in words; PS3.16 lets a report of TID 1500 hold more content (it is extensible)."""
    yield codes.COMMENT, NOTICE
    if result.synthetic:
        yield codes.COMMENT, "Generated phantom, not a radiograph of a person."
    if result.screening.refusal:
        refusal = result.screening.refusal
        yield codes.COMMENT, clean(f"Not screened ({refusal.code}): {refusal.message}")
    for notice in (*result.screening.warnings, *origin.notices):
        yield codes.COMMENT, clean(f"{notice.code}: {notice.message}")
    if result.screening.scores:
        yield codes.COMMENT, f"Thresholds: {clean(result.preset)}."
    for said in second_opinions(result):
        yield codes.COMMENT, clean(said)
    review = result.review
    if review and review.said:
        if review.role:
            yield codes.COMMENT, f"Reader's role: {clean(review.role)}"
        if review.comment:
            yield codes.COMMENT, f"Reader: {clean(review.comment)}"
        if clean(review.impression):
            yield codes.IMPRESSION, clean(review.impression)


def _signed(review: Review | None) -> Review | None:
    return review if review and review.said and review.signed_at else None


def _verify(made: Dataset, review: Review | None) -> None:
    """A signature is a verification (PS3.3 C.17.2); the site's name is not known here."""
    signed = _signed(review)
    if signed is None or signed.signed_at is None:
        return
    observer = Dataset()
    observer.VerifyingObserverName = person_name(signed.reader)
    observer.VerifyingOrganization = "Not stated"
    observer.VerificationDateTime = f"{signed.signed_at:%Y%m%d%H%M%S%z}"
    observer.VerifyingObserverIdentificationCodeSequence = []
    made.VerificationFlag, made.VerifyingObserverSequence = "VERIFIED", [observer]


def _predecessor(origin: Origin, replaces: str) -> Dataset:
    """The version before, which lies in the same series (PS3.3 C.17.2, table 10-3b)."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = SOP_CLASS, replaces
    series.SeriesInstanceUID, series.ReferencedSOPSequence = series_uid(origin, "sr"), [instance]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = origin.study_uid, [series]
    return study
