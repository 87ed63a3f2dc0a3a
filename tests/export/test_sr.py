"""A structured report, read back by highdicom: the same boxes, codes, numbers, words; no error of other validators."""

import io
from dataclasses import replace
from functools import cache

import highdicom
import pydicom
import pytest
from hypothesis import given, settings

from cxr_core.export import codes, sr
from cxr_core.export.gsps import presentation
from cxr_core.export.objects import finished, person_name
from cxr_core.export.origin import origin_of_picture
from cxr_core.export.result import NOTICE, marks
from cxr_core.export.upright import upright
from cxr_core.records import LABELS, Box, Finding, FindingReview, ModelRef, Opinion
from tests.export.peers import complaints, dumped
from tests.export.results import (
    AT,
    FLAGGED,
    HEIGHT,
    SHA256,
    UNDER,
    WIDTH,
    boxes,
    header,
    origin,
    refused,
    result,
    results,
    review,
    screening,
)  # fmt: skip

WHERE = origin()


def _written(made, where=None, **more) -> bytes:
    return finished(sr.report(made, where or origin(), **more), made.told_at)


def _read(data: bytes):
    return highdicom.sr.srread(io.BytesIO(data))


@cache
def _plain():
    """The report of the plain result, which many tests read and none changes."""
    return _read(_written(result()))


def _boxes(read):
    return [sr.box_of(group.roi) for group in read.content.get_planar_roi_measurement_groups()]


def _evaluations(group):
    return {item.name.value: item.value.value for item in group.get_qualitative_evaluations()}


def _numbers(group):
    return {(item.name.value, item.method.value if item.method else ""): item for item in group.get_measurements()}


def _whole(read):
    return {group.tracking_identifier: group for group in read.content.get_image_measurement_groups()}


@settings(max_examples=8)  # half a second each; the property of a single region below takes a hundred
@given(results())
def test_read_back_it_gives_the_same_boxes_to_the_pixel(made):
    turned = upright((notice.code for notice in made.screening.warnings), WIDTH, HEIGHT)
    expected = [turned.box(mark.box) for mark in marks(made)]
    found = _boxes(_read(_written(made)))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        # Graphic Data is of 32 bits (PS3.3 C.18.6): a thousandth of a pixel is far below what it rounds.
        assert one.as_tuple() == pytest.approx(other.as_tuple(), abs=1e-3)


@given(boxes())
def test_a_region_gives_its_box_back_to_the_pixel(box):
    again = sr.box_of(sr.region(box, WHERE))
    assert again.as_tuple() == pytest.approx(box.as_tuple(), abs=1e-3)


def test_it_lies_in_the_films_study_and_a_series_of_its_own():
    source, read = header(), _plain()
    assert read.StudyInstanceUID == source.StudyInstanceUID
    assert read.SeriesInstanceUID != source.SeriesInstanceUID
    assert (read.PatientID, str(read.PatientName)) == (source.PatientID, str(source.PatientName))
    assert (read.Modality, read.SOPClassUID, read.SpecificCharacterSet) == ("SR", sr.SOP_CLASS, "ISO_IR 192")
    (study,) = read.CurrentRequestedProcedureEvidenceSequence
    (referenced,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID
    group = read.content.get_planar_roi_measurement_groups()[0]
    assert group.roi.ContentSequence[0].referenced_sop_instance_uid == source.SOPInstanceUID


def test_a_box_says_what_where_how_sure_and_by_whom():
    group = _plain().content.get_planar_roi_measurement_groups()[0]
    assert (group.finding_type.value, group.finding_type.scheme_designator) == ("60046008", "SCT")
    assert [site.value.value for site in group.finding_sites] == [codes.PLEURA.value]
    numbers = _numbers(group)
    score = numbers[codes.SCORE.value, codes.OF_BOX.value]
    assert (float(score.value), score.unit.value) == (0.8, "1")
    assert float(numbers[codes.THRESHOLD.value, codes.BY_SITE.value].value) == 0.5
    assert _evaluations(group) == {codes.FLAG.value: "FLAGGED", codes.VERDICT.value: "NOT_REVIEWED"}
    said = {item.name.value: item.value for item in group[0].ContentSequence if item.ValueType == "TEXT"}
    assert said["111001"] == "nih_ssd"
    assert said["111003"] == "1.0+abc"
    assert said["111002"] == f"sha256:{'9a' * 32}"


def test_each_label_of_the_whole_film_has_score_threshold_and_flag():
    whole = _whole(_plain())
    assert set(whole) == {"film", *(f"whole film {label}" for label in LABELS)}
    for label in LABELS:
        group = whole[f"whole film {label}"]
        expected = 0.9 if label == "Effusion" else 0.1
        assert float(_numbers(group)[codes.SCORE.value, codes.OF_FILM.value].value) == expected
        assert float(_numbers(group)[codes.THRESHOLD.value, codes.BY_SITE.value].value) == 0.5
        assert _evaluations(group)[codes.FLAG.value] == ("FLAGGED" if label == "Effusion" else "NOT_FLAGGED")
        assert group.finding_type.value == codes.FINDINGS[label].value
    assert _evaluations(whole["film"])[codes.LANE.value] == "LANE_SOON"


def test_before_a_review_the_device_is_the_only_observer():
    text = _plain().content[0]
    observers = [item.value.value for item in text.ContentSequence if item.name.value == "121005"]
    assert observers == ["121007"]


def test_a_disagreement_and_a_readers_box_are_told_beside_what_the_model_said():
    own = Box(200, 50, 250.5, 90)
    moved = Box(12, 22, 110, 210)
    said = review(
        FindingReview("Effusion", "agree", moved, Box(10.5, 20.3, 100, 200), 0.8),  # as the viewer rounded it
        FindingReview("Mass", "disagree", None, UNDER, 0.2),
        FindingReview("Nodule", "added", own),
        FindingReview("Pneumonia", "disagree", None),
    )
    read = _read(_written(result(review=said)))
    groups = read.content.get_planar_roi_measurement_groups()
    told = [(g.finding_type.meaning, sr.box_of(g.roi), _evaluations(g)[codes.VERDICT.value]) for g in groups]
    assert told == [
        ("Pleural effusion", FLAGGED, "MOVED"),
        ("Pleural effusion", moved, "MOVED"),
        ("Mass", UNDER, "DISAGREE"),
        ("Nodule", own, "ADDED"),
    ]
    reader = groups[3]
    assert (codes.SCORE.value, codes.OF_BOX.value) not in _numbers(reader)  # no model gave it a score
    whole = _whole(read)
    assert _evaluations(whole["whole film Pneumonia"])[codes.VERDICT.value] == "DISAGREE"
    assert _evaluations(whole["whole film Effusion"])[codes.VERDICT.value] == "SEE_BOXES"
    assert _evaluations(whole["film"])[codes.DECISION.value] == "DISAGREE"
    names = [item.value for item in read.content[0].ContentSequence if item.ValueType == "PNAME"]
    assert names == ["Roe^Jane"]


def test_a_box_that_was_judged_and_is_no_longer_kept_stays_in_the_report():
    gone = Box(5, 5, 50, 60)
    said = review(FindingReview("Nodule", "disagree", None, gone, 0.11))
    assert gone in _boxes(_read(_written(result(review=said))))


def test_a_signature_makes_it_final_and_verified():
    draft = _read(_written(result(review=review())))
    assert (draft.VerificationFlag, draft.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    signed = _read(_written(result(review=review(signed_at=AT))))
    assert (signed.VerificationFlag, signed.PreliminaryFlag) == ("VERIFIED", "FINAL")
    (observer,) = signed.VerifyingObserverSequence
    assert str(observer.VerifyingObserverName) == "Roe^Jane"
    assert str(observer.VerificationDateTime) == "20261121160000+0000"


def test_a_second_version_names_the_first_and_is_another_instance_of_the_same_series():
    first = _plain()
    second = _read(_written(result(review=review()), replaces=first.SOPInstanceUID))
    assert second.SOPInstanceUID != first.SOPInstanceUID
    assert second.SeriesInstanceUID == first.SeriesInstanceUID
    (before,) = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert before.ReferencedSOPInstanceUID == first.SOPInstanceUID


def test_the_same_result_gives_the_same_bytes_and_another_threshold_another_instance():
    assert _written(result()) == _written(result())
    other = result(thresholds=result().thresholds | {"Mass": 0.05})
    assert _read(_written(other)).SOPInstanceUID != _plain().SOPInstanceUID


def test_a_refused_film_is_reported_as_such_without_scores():
    read = _read(_written(refused()))
    assert _boxes(read) == []
    assert _evaluations(_whole(read)["film"])[codes.LANE.value] == "LANE_REFUSED"
    texts = [item.value for item in read.content[0].ContentSequence if item.ValueType == "TEXT"]
    assert any(text.startswith("Not screened (lateral_view)") for text in texts)


def test_second_opinions_are_told_in_words():
    opinion = Opinion(ModelRef("covid_cnn", "1.0", "cc" * 32), {"COVID-19": 0.43})
    read = _read(_written(result(replace(screening(), opinions=(opinion,)))))
    texts = [item.value for item in read.content[0].ContentSequence if item.ValueType == "TEXT"]
    expected = f"Second opinion, not used for flags: covid_cnn 1.0 sha256:{'cc' * 32}: COVID-19 0.43."
    assert expected in texts


def test_it_says_that_it_is_for_research():
    texts = [item.value for item in _plain().content[0].ContentSequence if item.ValueType == "TEXT"]
    assert NOTICE in texts


MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7.2"


@pytest.mark.parametrize(("class_uid", "frames"), [(MULTI_FRAME, [1]), (None, None)], ids=["of frames", "DX"])
def test_a_box_names_the_frame_that_was_screened_where_the_class_has_frames(class_uid, frames, tmp_path):
    where = origin(NumberOfFrames="3", **({"SOPClassUID": class_uid} if class_uid else {}))
    data = _written(result(), where)
    group = _read(data).content.get_planar_roi_measurement_groups()[0]
    assert group.roi.ContentSequence[0].referenced_frame_numbers == frames
    assert complaints(data, tmp_path) == []
    assert complaints(finished(presentation(result(), where, None), AT), tmp_path) == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Jane Roe", "Roe^Jane"), ("Roe^Jane", "Roe^Jane"), ("", "Reader^Not named"), ("Dr. A=B\\C\x07", "C^Dr. A B")],
)
def test_a_readers_name_becomes_a_persons_name(typed, name):
    assert person_name(typed) == name


ODD = "line\r\nbreak \x00 | ^ & ~ \\ \ud800 <b> ß 漢字 '"

KINDS = {
    "unreviewed": lambda: (result(), origin()),
    "signed, odd text": lambda: (
        result(
            review=review(
                FindingReview("Nodule", "added", UNDER), reader=ODD, comment=ODD, impression=ODD, signed_at=AT
            )
        ),
        origin(),
    ),
    "refused": lambda: (refused(), origin()),
    "picture": lambda: (result(), origin_of_picture(SHA256, WIDTH, HEIGHT)),
    "turned": lambda: (result(screening(codes=("turned_90_mended",), Mass=0.8)), origin(Rows=WIDTH, Columns=HEIGHT)),
    "another finding": lambda: (result(screening(Finding("Rib fracture, old", 0.7, UNDER))), origin()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_dciodvfy_and_dsrdump_find_no_error(kind, tmp_path):
    made, where = KINDS[kind]()
    data = _written(made, where, replaces="2.25.1" if kind.startswith("signed") else "")
    assert complaints(data, tmp_path) == []
    said = dumped(data, tmp_path)
    assert "Imaging Measurement Report" in said
    assert said.count("SCOORD") == len(marks(made))


def test_odd_text_is_kept_as_far_as_the_format_can_hold_it():
    read = pydicom.dcmread(io.BytesIO(_written(*KINDS["signed, odd text"]())))
    texts = [item.TextValue for item in read.ContentSequence if item.ValueType == "TEXT"]
    assert "line break | ^ & ~ \\ <b> ß 漢字 '" in texts


def test_a_score_of_a_film_whose_models_are_gone_has_no_algorithm():
    read = _read(_written(replace(result(), speakers={})))
    group = read.content.get_planar_roi_measurement_groups()[0]
    assert "111001" not in [item.name.value for item in group[0].ContentSequence]
