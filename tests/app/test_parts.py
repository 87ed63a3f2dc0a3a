"""The parts that need no page: words for waiting, what a threshold means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.operating import Operating
from cxr_core.records import Interval
from ui import markup
from ui.meaning import said
from ui.queue import reach, waited

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(-5, "< 1 min"), (0, "< 1 min"), (1, "1 min"), (59, "59 min"), (60, "1 h 00"), (185, "3 h 05"),
     (1440, "1 d 0 h"), (3000, "2 d 2 h")],
)  # fmt: skip
def test_waiting_is_said_as_on_a_ward(minutes, said):
    assert waited(NOON - timedelta(minutes=minutes), NOON) == said


def at(value, sens, spec, *, measured=True):
    return Operating(value, Interval(*sens), Interval(*spec), measured)


def test_below_a_slider_stand_what_it_catches_and_what_that_means_here():
    words = said(at(0.4, (0.8, 0.75, 0.84), (0.7, 0.65, 0.74)), 0.06)
    assert words.caught == "sens .80 [.75-.84] \u00b7 spec .70 [.65-.74]"
    assert words.foreseen == "PPV .15 \u00b7 NPV .98 at 6% \u00b7 ~33 flags / 100"
    assert "measured at this threshold" in words.whole
    assert "33 of 100 films are flagged (29 to 38)" in words.whole


def test_what_was_not_measured_is_marked_and_what_lies_beyond_is_a_bound():
    assert said(at(0.5, (0.7, 0.6, 0.8), (0.8, 0.7, 0.9), measured=False), 0.1).caught == (
        "sens ~.70 [.60-.80] \u00b7 spec ~.80 [.70-.90]"
    )
    beyond = said(at(0.9, (0.2, 0.0, 0.3), (0.9, 0.85, 1.0), measured=False), 0.1)
    assert beyond.caught == "sens \u2264.30 \u00b7 spec \u2265.85"
    assert beyond.foreseen == "PPV, NPV not known \u00b7 0 to 17 flags / 100 at 10%"
    assert "bounds" in beyond.whole
    assert "0.20" not in beyond.whole, "the nearest measured point's own figure says nothing here"
    assert "0 to 17 of 100 films are flagged." in beyond.whole


def test_an_unmeasured_label_promises_nothing():
    assert said(None, 0.1).caught == "not measured"
    assert said(None, 0.1).foreseen == ""


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
