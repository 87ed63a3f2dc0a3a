"""Triage: flags, lanes, order and reasons are consequences of scores and thresholds alone."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.records import COVID, LABELS, URGENCIES, ImageFacts, ModelRef, Notice, Screening, models_key
from cxr_core.triage import assess, rank
from tests.strategies import SCORES, UNIT, screenings

THRESHOLDS = st.fixed_dictionaries(dict.fromkeys(LABELS, UNIT))
LANES = st.fixed_dictionaries(dict.fromkeys(LABELS, st.sampled_from(URGENCIES)))
HALF = dict.fromkeys(LABELS, 0.5)
URGENT_COVID = dict.fromkeys(LABELS, "soon") | {COVID: "urgent"}
DOUBT = Notice("inverted_mended", "The film was inverted and has been mended; compare with the original.")


def _screened(warnings=(), **scores: float) -> Screening:
    told = dict.fromkeys(LABELS, 0.1) | {name.replace("COVID", COVID): score for name, score in scores.items()}
    return Screening("a.png", "0" * 64, "screened", warnings=warnings, image=ImageFacts(9, 9, None, "png"), scores=told)


REFUSED = Screening("b.png", "1" * 64, "refused", refusal=Notice("too_small", "1x1 pixels. Send the original."))


def _worth(screening, thresholds, urgencies) -> tuple[int, float]:
    found = assess(screening, thresholds, urgencies)
    return -URGENCIES.index(found.urgency), found.priority


@given(screenings(), THRESHOLDS, LANES, st.sampled_from(LABELS), UNIT)
def test_a_rising_score_never_lowers_a_study(screening, thresholds, urgencies, label, score):
    if screening.status == "refused":
        assert assess(screening, thresholds, urgencies).urgency == "check"
        return
    higher = replace(screening, scores=dict(screening.scores) | {label: max(score, screening.scores[label])})
    before, after = _worth(screening, thresholds, urgencies), _worth(higher, thresholds, urgencies)
    assert after[0] >= before[0]
    assert after[1] >= before[1]
    flags = set(assess(screening, thresholds, urgencies).flagged)
    assert flags <= set(assess(higher, thresholds, urgencies).flagged)


@given(screenings(), THRESHOLDS, LANES, st.sampled_from(LABELS), UNIT)
def test_a_lower_threshold_never_lowers_a_study(screening, thresholds, urgencies, label, threshold):
    looser = thresholds | {label: min(threshold, thresholds[label])}
    before, after = _worth(screening, thresholds, urgencies), _worth(screening, looser, urgencies)
    assert after[0] >= before[0]
    assert after[1] >= before[1]


@given(st.lists(screenings(), max_size=8), THRESHOLDS, LANES)
def test_the_queue_is_a_total_stable_order_of_everything_given(given_order, thresholds, urgencies):
    queue = rank(given_order, thresholds, urgencies)
    assert [item.rank for item in queue] == list(range(1, len(given_order) + 1))
    assert sorted(map(id, given_order)) == sorted(id(item.screening) for item in queue)
    keys = [(URGENCIES.index(item.assessment.urgency), -item.assessment.priority) for item in queue]
    assert keys == sorted(keys)
    place = {id(screening): index for index, screening in enumerate(given_order)}
    for first, second in pairwise(queue):
        if first.assessment.priority == second.assessment.priority:
            assert place[id(first.screening)] <= place[id(second.screening)]


@given(st.lists(screenings(), min_size=2, max_size=8), THRESHOLDS, LANES)
def test_a_lane_never_shares_a_priority_with_another(given_order, thresholds, urgencies):
    queue = rank(given_order, thresholds, urgencies)
    for first, second in pairwise(queue):
        if first.assessment.urgency != second.assessment.urgency:
            assert first.assessment.priority > second.assessment.priority


@given(SCORES, THRESHOLDS, LANES)
def test_flags_are_exactly_the_scores_that_reach_their_threshold(scores, thresholds, urgencies):
    screening = replace(_screened(), scores=scores)
    found = assess(screening, thresholds, urgencies)
    assert set(found.flagged) == {label for label in LABELS if scores[label] >= thresholds[label]}
    lanes = [urgencies[label] for label in found.flagged]
    assert found.urgency == min([*lanes, "routine"], key=URGENCIES.index)
    assert lanes == sorted(lanes, key=URGENCIES.index), "the most urgent flag is named first"


def test_lanes_stand_in_their_order():
    queue = rank(
        [_screened(), REFUSED, _screened(Effusion=0.99), _screened(COVID=0.51), _screened(warnings=(DOUBT,))],
        HALF,
        URGENT_COVID,
    )
    assert [item.assessment.urgency for item in queue] == ["urgent", "soon", "check", "check", "routine"]


def test_a_doubtful_reading_is_checked_even_with_a_routine_flag():
    routine = dict.fromkeys(LABELS, "routine")
    assert assess(_screened(warnings=(DOUBT,), Nodule=0.9), HALF, routine).urgency == "check"


def test_within_a_lane_the_larger_margin_above_its_threshold_comes_first():
    thresholds = HALF | {"Nodule": 0.2}
    queue = rank([_screened(Effusion=0.6), _screened(Nodule=0.5)], thresholds, URGENT_COVID)
    assert queue[0].assessment.flagged == ("Nodule",), "0.5 lies further above 0.2 than 0.6 above 0.5"


def test_doubtful_films_stand_by_how_near_their_scores_come_to_a_flag():
    queue = rank(
        [_screened(warnings=(DOUBT,), COVID=0.2), _screened(warnings=(DOUBT,), COVID=0.45)], HALF, URGENT_COVID
    )
    assert [item.screening.scores[COVID] for item in queue] == [0.45, 0.2]


def test_a_flag_stands_before_a_near_miss_in_the_same_lane():
    check = dict.fromkeys(LABELS, "check")
    queue = rank([_screened(warnings=(DOUBT,), Mass=0.499), _screened(Nodule=0.5)], HALF, check)
    assert [item.assessment.flagged for item in queue] == [("Nodule",), ()]


def test_the_surest_routine_flag_stays_below_an_image_to_check():
    routine = dict.fromkeys(LABELS, "routine")
    refused, sure = rank([_screened(Mass=1.0), REFUSED], HALF, routine)
    assert refused.assessment.priority > sure.assessment.priority


def test_flags_of_a_lane_are_named_by_their_margin():
    found = assess(_screened(Mass=0.7, Nodule=0.9, Effusion=0.8, COVID=0.6), HALF, URGENT_COVID)
    assert found.flagged == (COVID, "Nodule", "Effusion", "Mass")


def test_reasons_say_score_and_threshold_and_side():
    assert assess(_screened(Effusion=0.83), HALF | {"Effusion": 0.6}, URGENT_COVID).reasons == (
        "Effusion: model score 0.83, above your threshold 0.60.",
    )
    assert assess(_screened(Effusion=0.5), HALF, URGENT_COVID).reasons == (
        "Effusion: model score 0.50, at your threshold 0.50.",
    )


def test_a_score_next_to_its_threshold_is_shown_with_the_decimals_that_tell_them_apart():
    (reason,) = assess(_screened(Effusion=0.5996), HALF | {"Effusion": 0.6}, URGENT_COVID).reasons
    assert reason == (
        "No score reaches its threshold. Nearest: Effusion: model score 0.5996, below your threshold 0.6000."
    )


def test_refusals_and_doubts_give_their_own_words_as_the_reason():
    assert assess(REFUSED, HALF, URGENT_COVID).reasons == ("Not screened: 1x1 pixels. Send the original.",)
    flagged = assess(_screened(warnings=(DOUBT,), COVID=0.9), HALF, URGENT_COVID)
    assert flagged.urgency == "urgent"
    assert flagged.reasons[1] == f"Doubtful reading: {DOUBT.message}"


@given(screenings(file=st.just("a.png")), THRESHOLDS, LANES)
def test_no_reason_concludes_that_a_film_is_healthy(screening, thresholds, urgencies):
    plain = replace(screening, warnings=(), refusal=Notice("x", "y") if screening.refusal else None)
    said = " ".join(assess(plain, thresholds, urgencies).reasons).lower()
    assert not any(word in said for word in ("normal", "negative", "healthy", "clear"))


@pytest.mark.parametrize("thresholds", [{}, HALF | {"Mass": 1.5}, HALF | {"Mass": float("nan")}])
def test_thresholds_that_make_no_sense_are_an_error(thresholds):
    with pytest.raises(RecordError, match="threshold"):
        assess(_screened(), thresholds, URGENT_COVID)


def test_a_label_without_an_urgency_is_an_error():
    with pytest.raises(RecordError, match="Nodule"):
        assess(_screened(), HALF, {label: "soon" for label in LABELS if label != "Nodule"})


def test_what_other_models_screened_is_looked_at_and_said():
    now, before = ModelRef("covid_ssd", "2", "b" * 64), ModelRef("covid_ssd", "1", "a" * 64)
    quiet, flagged = replace(_screened(), models=(before,)), replace(_screened(COVID=0.9), models=(before,))
    current = replace(_screened(), models=(now,))
    queue = rank([current, quiet, flagged, REFUSED], HALF, URGENT_COVID, running=models_key([now]))
    assert [item.assessment.urgency for item in queue] == ["urgent", "check", "check", "routine"]
    assert queue[-1].screening is current
    for item in queue:
        told = any("another model version" in reason for reason in item.assessment.reasons)
        assert told == (item.screening in (quiet, flagged))
    assert rank([quiet], HALF, URGENT_COVID)[0].assessment.urgency == "routine", "not asked, not said"
