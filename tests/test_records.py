"""Records refuse values that contradict each other, and cannot be changed."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.records import (
    LABELS,
    Assessment,
    BlindRead,
    Box,
    Context,
    Finding,
    FindingReview,
    ImageFacts,
    ModelRef,
    Notice,
    OperatingPoint,
    Radiograph,
    Review,
    Screening,
    models_key,
)
from tests.strategies import MODELS, screenings

FACTS = ImageFacts(100, 100, "PA", "png")
SCORES = dict.fromkeys(LABELS, 0.5)
SCREENED = Screening("a", "0" * 64, "screened", image=FACTS, scores=SCORES)
REFUSED = Screening("a", "0" * 64, "refused", refusal=Notice("empty_file", "The file is empty."))
NAN = float("nan")


def test_the_nine_labels_are_those_of_the_contract():
    assert LABELS == (
        "COVID-19", "Atelectasis", "Cardiomegaly", "Effusion", "Infiltrate", "Mass", "Nodule", "Pneumonia",
        "Pneumothorax",
    )  # fmt: skip


@pytest.mark.parametrize("corners", [(0, 0, 0, 5), (0, 5, 5, 5), (5, 0, 0, 5), (0, 0, NAN, 5), (0, 0, float("inf"), 5)])
def test_a_box_has_a_finite_positive_area(corners):
    with pytest.raises(RecordError, match="box"):
        Box(*corners)


@pytest.mark.parametrize("score", [-0.001, 1.001, NAN])
def test_a_score_lies_between_0_and_1(score):
    with pytest.raises(RecordError):
        Finding("Mass", score, Box(0, 0, 1, 1))
    with pytest.raises(RecordError):
        OperatingPoint(score)
    with pytest.raises(RecordError):
        Assessment((), "routine", score, ())
    with pytest.raises(RecordError, match="Mass"):
        replace(SCREENED, scores=SCORES | {"Mass": score})


@pytest.mark.parametrize(
    "changes",
    [
        {"image": None},
        {"scores": {}},
        {"scores": {"Mass": 0.5}},
        {"scores": SCORES | {"Fracture": 0.5}},
        {"refusal": Notice("x", "y")},
    ],
)
def test_a_screened_image_has_facts_and_all_scores_and_no_refusal(changes):
    with pytest.raises(RecordError):
        replace(SCREENED, **changes)


@pytest.mark.parametrize(
    "changes", [{"refusal": None}, {"scores": SCORES}, {"findings": (Finding("Mass", 0.5, Box(0, 0, 1, 1)),)}]
)
def test_a_refused_image_has_its_refusal_and_nothing_else(changes):
    with pytest.raises(RecordError):
        replace(REFUSED, **changes)


@given(screenings())
def test_a_screening_cannot_be_changed_not_even_its_scores(screening):
    with pytest.raises(FrozenInstanceError):
        screening.file = "b"
    with pytest.raises(TypeError):
        screening.scores["Mass"] = 1.0


def test_a_screening_keeps_its_scores_when_the_callers_dict_changes():
    scores = dict(SCORES)
    screening = replace(SCREENED, scores=scores)
    scores["Mass"] = 0.9
    assert screening.scores["Mass"] == 0.5


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 1), np.uint16), np.zeros(4, np.uint16)])
def test_a_radiograph_is_a_grey_picture_of_16_bits(pixels):
    with pytest.raises(RecordError, match="uint16"):
        Radiograph("a", "0" * 64, pixels, "png")


def test_the_pixels_of_a_radiograph_cannot_be_changed():
    film = Radiograph("a", "0" * 64, np.zeros((3, 5), np.uint16), "png")
    assert (film.height, film.width) == (3, 5)
    with pytest.raises(ValueError, match="read-only"):
        film.pixels[0, 0] = 1


def test_a_review_has_a_known_decision_and_a_time_with_its_zone():
    with pytest.raises(RecordError, match="agree"):
        Review("maybe", "", datetime.now(UTC))
    with pytest.raises(RecordError, match="zone"):
        Review("agree", "", datetime(2026, 1, 1))  # noqa: DTZ001, RUF100


HERE, THERE = Box(0, 0, 10, 10), Box(5, 5, 15, 15)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        ("Fracture", "agree", None),
        ("Mass", "perhaps", None),
        ("Mass", "disagree", HERE),
        ("Mass", "added", HERE, THERE),
        ("Mass", "agree", None, THERE),
        ("Mass", "agree", HERE, THERE, 1.5),
    ],
)
def test_what_a_reader_said_of_a_finding_does_not_contradict_itself(said):
    with pytest.raises(RecordError):
        FindingReview(*said)


@pytest.mark.parametrize(
    "facts", [{"spo2": 0.97}, {"spo2": 101}, {"age": -1}, {"age": NAN}, {"pcr": "maybe"}, {"sex": "X"}]
)
def test_context_is_within_what_a_living_patient_can_have(facts):
    with pytest.raises(RecordError):
        Context(**facts)


def test_a_blind_read_has_seen_no_answer_of_a_model():
    drawn = FindingReview("Mass", "added", HERE)
    assert BlindRead((drawn,), ("Mass", "Nodule"), NOW).flagged == ("Mass", "Nodule")
    for findings, flagged in (
        ((drawn,), ()),
        ((FindingReview("Mass", "agree", HERE, THERE),), ("Mass",)),
        ((replace(drawn, score=0.5),), ("Mass",)),
        ((), ("Fracture",)),
    ):
        with pytest.raises(RecordError):
            BlindRead(findings, flagged, NOW)


def test_a_review_tells_what_it_says_of_a_label_apart_from_its_boxes():
    said = (FindingReview("Mass", "disagree", None, HERE), FindingReview("Mass", "agree", None, None, 0.7))
    review = Review("none", "", NOW, said)
    assert (review.verdict("Mass"), review.verdict("Nodule")) == ("agree", None)
    assert review.said
    assert not Review("none", "", NOW).said


@given(MODELS, st.randoms())
def test_the_key_of_models_does_not_depend_on_their_order(models, random):
    shuffled = list(models)
    random.shuffle(shuffled)
    assert models_key(shuffled) == models_key(models)


def test_other_weights_give_another_key():
    one, two = ModelRef("covid_ssd", "1", "a" * 64), ModelRef("covid_ssd", "1", "b" * 64)
    assert len({models_key([one]), models_key([two]), models_key([one, two]), models_key([])}) == 4
