"""The parts that need no page: words for waiting, what a threshold means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import LabelCard
from cxr_core.records import Interval, OperatingPoint
from ui import markup
from ui.queue import reach, waited
from ui.thresholds import meaning

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(-5, "< 1 min"), (0, "< 1 min"), (1, "1 min"), (59, "59 min"), (60, "1 h 00"), (185, "3 h 05"),
     (1440, "1 d 0 h"), (3000, "2 d 2 h")],
)  # fmt: skip
def test_waiting_is_said_as_on_a_ward(minutes, said):
    assert waited(NOON - timedelta(minutes=minutes), NOON) == said


def label(**points):
    return LabelCard(1, "nodule", "Nodule", operating_points=points)


def point(threshold, sensitivity, specificity):
    return OperatingPoint(
        threshold,
        Interval(sensitivity, sensitivity - 0.05, sensitivity + 0.04),
        Interval(specificity, specificity - 0.05, specificity + 0.04),
    )


MEASURED = label(sensitive=point(0.2, 0.9, 0.6), balanced=point(0.4, 0.8, 0.8), specific=point(0.7, 0.5, 0.95))


def test_at_a_measured_point_its_figures_stand_with_their_intervals():
    assert meaning(MEASURED, 0.4) == "sens .80 [.75-.84] · spec .80 [.75-.84]"


def test_between_two_measured_points_their_figures_are_bounds():
    assert meaning(MEASURED, 0.5) == "sens .50-.80 · spec .80-.95"


def test_outside_the_measured_points_one_bound_is_known():
    assert meaning(MEASURED, 0.1) == "sens at least .90 · spec at most .60"
    assert meaning(MEASURED, 0.9) == "sens at most .50 · spec at least .95"


def test_an_unmeasured_label_promises_nothing():
    assert meaning(None, 0.5) == meaning(label(), 0.5) == meaning(label(balanced=OperatingPoint(0.4)), 0.4) == ""


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_score_s_sentence_never_contradicts_itself(score, threshold):
    words = markup.score_sentence(score, threshold, "mine")
    said = float(words.split()[2].rstrip(",")), float(words.split()[-2])
    if "above" in words:
        assert score > threshold
        assert said[0] >= said[1]
    elif "below" in words:
        assert score < threshold
        assert said[0] <= said[1]
    else:
        assert score == threshold


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_bar_passes_its_tick_when_the_score_passes_the_threshold_and_grows_with_it(score, higher, threshold):
    score, higher = sorted((score, higher))
    assert 0 <= reach(score, threshold) <= reach(higher, threshold) <= 1
    if score > threshold:
        assert reach(score, threshold) >= 0.5
    if score < threshold:
        assert reach(score, threshold) <= 0.5


def test_a_bar_shows_a_small_step_over_a_small_threshold():
    assert reach(0.087, 0.087) == pytest.approx(0.5)
    assert reach(0.12, 0.087) > 0.55
    assert reach(0.06, 0.087) < 0.45


def test_text_from_a_file_name_never_becomes_markup():
    assert "<script>" not in markup.study("<script>alert(1)</script>.png", ["<b>"], "")
    assert "<img" not in markup.reasons(["<img src=x>"])
