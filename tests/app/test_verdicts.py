"""What clicks and strokes make of a review's findings, and what the viewer is told to draw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.records import LABELS, Box, Finding, FindingReview, ImageFacts, Screening
from tests.strategies import finding_reviews, screenings
from ui.verdicts import (
    agreed_with_all,
    drawn,
    drawn_blind,
    is_place,
    overall,
    places_from,
    verdict,
    with_places,
    with_verdict,
)

SCORES = dict.fromkeys(LABELS, 0.4)
FINDINGS = st.lists(finding_reviews(), max_size=6).map(tuple)
FLAGGED = st.sets(st.sampled_from(LABELS), max_size=4).map(sorted)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["id", "box", "label", "gone"]), inner),
    max_leaves=12,
)


def box(x) -> Box:
    return Box(x, 0, x + 10, 10)


def film(*findings) -> Screening:
    return Screening(
        "a", "0" * 64, "screened", image=ImageFacts(100, 80, None, "png"), scores=SCORES, findings=findings
    )


def own(label, place) -> FindingReview:
    return FindingReview(label, "added", place)


@given(FINDINGS, st.sampled_from(LABELS), st.sampled_from(["agree", "disagree", "added", None]))
def test_a_verdict_is_what_was_said_last_and_touches_no_other_label(findings, label, status):
    after = with_verdict(findings, label, status, 0.4)
    assert verdict(after, label) == status
    assert [item for item in after if item.label != label and is_place(item)] == [
        item for item in findings if item.label != label and is_place(item)
    ]
    for other in set(LABELS) - {label}:
        assert verdict(after, other) == verdict(findings, other)
    if status == "disagree":
        assert not [item for item in after if item.label == label and is_place(item)], "what is not there has no place"
    assert with_verdict(after, label, status, 0.4) == after


@given(FINDINGS, FINDINGS, FLAGGED)
def test_a_place_that_stands_says_that_its_label_is_there(findings, places, flagged):
    places = tuple(item for item in places if is_place(item))
    after = with_places(findings, places, flagged, SCORES)
    assert tuple(item for item in after if is_place(item)) == places
    for item in places:
        if item.box:
            assert verdict(after, item.label) in ("agree", "added")
    assert with_places(after, places, flagged, SCORES) == after


def test_a_label_added_by_its_box_goes_with_it_and_an_agreement_stays():
    drawn_one = with_places((), (own("Nodule", box(1)), own("Mass", box(2))), ["Mass"], SCORES)
    assert (verdict(drawn_one, "Nodule"), verdict(drawn_one, "Mass")) == ("added", "agree")
    after = with_places(drawn_one, (), ["Mass"], SCORES)
    assert (verdict(after, "Nodule"), verdict(after, "Mass")) == (None, "agree")


@given(FINDINGS, FLAGGED)
def test_agreeing_with_all_speaks_of_every_flag_and_changes_no_word_said_before(findings, flagged):
    after = agreed_with_all(findings, flagged, SCORES)
    for label in LABELS:
        before = verdict(findings, label)
        assert verdict(after, label) == (before or ("agree" if label in flagged else None))


@pytest.mark.parametrize(
    ("said", "flagged", "before", "whole"),
    [
        ({}, ["Mass"], "none", "none"),
        ({}, ["Mass"], "disagree", "disagree"),
        ({"Mass": "agree"}, ["Mass"], "none", "agree"),
        ({"Mass": "agree"}, ["Mass", "Nodule"], "none", "none"),
        ({"Mass": "agree"}, ["Mass", "Nodule"], "agree", "none"),
        ({"Mass": "agree"}, ["Mass", "Nodule"], "disagree", "disagree"),
        ({"Mass": "agree", "Nodule": "disagree"}, ["Mass", "Nodule"], "agree", "disagree"),
        ({"Mass": "agree", "Effusion": "added"}, ["Mass"], "none", "disagree"),
        ({}, [], "agree", "agree"),
    ],
)
def test_what_the_verdicts_make_of_the_flags_as_a_whole(said, flagged, before, whole):
    findings = ()
    for label, status in said.items():
        findings = with_verdict(findings, label, status, 0.4)
    assert overall(findings, flagged, before) == whole


@given(JSON, screenings())
def test_whatever_a_browser_sends_becomes_places_on_the_film_or_nothing(raw, screening):
    for item in places_from(raw, screening):
        assert is_place(item)
        if item.status == "added":
            assert item.box.x1 >= 0
            assert item.box.x2 <= screening.image.width


def test_strokes_are_read_for_what_they_are():
    screening = film(Finding("Mass", 0.9, Box(10, 10, 30.04, 30)), Finding("Lung opacity", 0.8, box(3)))
    raw = [
        {"id": "m0", "label": "Nodule", "box": [10, 10, 30, 30]},
        {"id": "m1", "box": [1, 1, 20, 20]},
        {"id": "m7", "box": [1, 1, 20, 20]},
        {"id": "n0", "label": "Nodule", "box": [50, 90, -5, 20]},
        {"id": "n1", "label": "Fracture", "box": [0, 0, 50, 50]},
        {"id": "n2", "label": "Mass", "box": [0, 0, 2, 50]},
        {"id": "n3", "label": "Mass", "box": [0, 0, float("nan"), 50]},
        {"id": "n4", "label": "Mass", "box": [0, True, 10, 50]},
        "m0",
    ]
    mass = screening.findings[0]
    assert places_from(raw, screening) == (
        FindingReview("Mass", "agree", mass.box, mass.box, 0.9),
        FindingReview("Nodule", "added", Box(0, 20, 50, 80)),
    )
    moved = places_from([{"id": "m0", "box": [20, 10, 40, 30]}], screening)
    assert moved == (FindingReview("Mass", "agree", Box(20, 10, 40, 30), mass.box, 0.9),)
    rejected = places_from([{"id": "m0", "gone": True}], screening)
    assert rejected == (FindingReview("Mass", "disagree", None, mass.box, 0.9),)


def test_no_browser_can_flood_the_store():
    raw = [{"id": f"n{number}", "label": "Mass", "box": [0, 0, 50, 50]} for number in range(1000)]
    assert len(places_from(raw, film())) == 200


def test_the_best_box_of_each_label_is_drawn_and_more_of_a_flagged_one():
    findings = (
        Finding("Mass", 0.2, box(0)), Finding("Mass", 0.9, box(1)), Finding("Mass", 0.5, box(2)),
        Finding("Nodule", 0.4, box(3)), Finding("Nodule", 0.6, box(4)), Finding("Lung opacity", 0.1, box(5)),
    )  # fmt: skip
    boxes = drawn(film(*findings), (), ["Mass"], {"Mass": 0.3, "Nodule": 0.3})
    assert [(item["id"], item["label"], item["flagged"], item["fixed"]) for item in boxes] == [
        ("m1", "Mass", True, False), ("m4", "Nodule", False, False), ("m2", "Mass", True, False),
        ("m5", "Lung opacity", False, True),
    ]  # fmt: skip
    assert boxes[0]["box"] == [1, 0, 11, 10]


def test_boxes_are_drawn_as_the_reader_left_them():
    findings = (Finding("Mass", 0.9, box(1)), Finding("Mass", 0.1, box(2)), Finding("Nodule", 0.6, box(4)))
    said = (
        FindingReview("Mass", "agree", box(30), box(2), 0.1),
        FindingReview("Nodule", "disagree", None, box(4), 0.6),
        own("Effusion", box(50)),
    )
    boxes = {item["id"]: item for item in drawn(film(*findings), said, ["Mass"], {})}
    assert boxes["m1"]["box"] == [30, 0, 40, 10], "a judged box is drawn however low its score"
    assert (boxes["m0"]["status"], boxes["m1"]["status"], boxes["m2"]["status"]) == (None, "agree", "gone")
    assert (boxes["n0"]["label"], boxes["n0"]["score"]) == ("Effusion", None)


def test_a_box_of_what_the_reader_denies_says_so_and_is_no_flag():
    findings = (Finding("Mass", 0.9, box(1)), Finding("Nodule", 0.6, box(4)))
    said = with_verdict((), "Mass", "disagree", 0.4)
    boxes = drawn(film(*findings), said, ["Mass", "Nodule"], {})
    assert [(item["denied"], item["flagged"]) for item in boxes] == [(True, False), (False, True)]


@given(screenings(), FINDINGS, FLAGGED)
def test_what_is_drawn_and_sent_back_untouched_says_the_same(screening, findings, flagged):
    """Only what the film can hold: a model's box that was judged is one of the film's."""
    if screening.image is None:
        return
    boxes = drawn(screening, findings, flagged, {})
    sent = [item | {"gone": item["status"] == "gone"} for item in boxes if item["status"]]
    again = places_from(sent, screening)
    assert {item.label for item in again} <= {item.label for item in findings}


def test_a_blind_reader_s_viewer_is_told_of_no_model():
    (one,) = drawn_blind((own("Mass", box(1)),))
    assert one == {
        "id": "n0",
        "label": "Mass",
        "score": None,
        "box": [1, 0, 11, 10],
        "flagged": True,
        "status": "added",
    }
