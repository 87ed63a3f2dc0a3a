"""What a threshold catches and costs: checked against counting, against the model it assumes, and against the cards."""

import math
from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cxr_core.card import LabelCard, load_card
from cxr_core.errors import SettingsError
from cxr_core.operating import Operating, Prevalence, operating, prevalence_of, table_of, wilson
from cxr_core.records import LABELS, PRESETS, Interval, OperatingPoint
from cxr_core.settings import Settings
from cxr_core.site import read_site, write_section
from tests import fakes

UNIT = st.floats(0, 1)
SHIPPED = ("covid_ssd", "nih_ssd")
NORMAL = NormalDist()


def exact(value: float) -> Interval:
    return Interval(value, value, value)


def card(points, **curves):
    made = fakes.card("nih_ssd", ["Mass"])
    label = LabelCard(1, "mass", "Mass", operating_points=points)
    return replace(made, labels=(label,), curves=curves)


@st.composite
def intervals(draw) -> Interval:
    low, value, high = sorted(draw(st.tuples(UNIT, UNIT, UNIT)))
    return Interval(value, low, high)


OPERATINGS = st.builds(Operating, UNIT, intervals(), intervals(), st.booleans())


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_predictive_values_and_flags_are_what_counting_gives(tp, fn, fp, tn):
    assume(tp + fn and fp + tn)
    here = Operating(0.5, wilson(tp, tp + fn), wilson(tn, tn + fp), measured=True)
    everyone = tp + fn + fp + tn
    share = (tp + fn) / everyone
    assert here.flags(share, everyone).value == pytest.approx(tp + fp)
    if tp + fp:
        assert here.ppv(share).value == pytest.approx(tp / (tp + fp))
    if fn + tn:
        assert here.npv(share).value == pytest.approx(tn / (fn + tn))


@given(OPERATINGS, UNIT)
def test_every_interval_holds_its_value_within_bounds(here, share):
    for found, most in ((here.ppv(share), 1), (here.npv(share), 1), (here.flags(share), 100)):
        assert -1e-9 <= found.low <= found.value + 1e-9
        assert found.value <= found.high + 1e-9
        assert found.high <= most + 1e-9


@given(OPERATINGS, UNIT, UNIT)
def test_the_commoner_a_finding_the_likelier_a_flag_is_right(here, one, other):
    rarer, commoner = sorted((one, other))
    assert here.ppv(rarer).value <= here.ppv(commoner).value + 1e-9
    assert here.npv(rarer).value >= here.npv(commoner).value - 1e-9 or here.npv(rarer).value == 0


def test_wilson_is_as_published():
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (hits, of), (low, high) in published.items():
        found = wilson(hits, of)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert wilson(0, 0) == Interval(0, 0, 1)


def test_at_a_measured_point_the_card_s_own_figures_stand():
    point = OperatingPoint(0.4, Interval(0.8, 0.7, 0.9), Interval(0.6, 0.5, 0.7))
    found = operating(card({"balanced": point}), "Mass", 0.4002)
    assert found.measured
    assert (found.sensitivity, found.specificity) == (point.sensitivity, point.specificity)


def test_counts_stand_in_where_a_card_has_no_intervals():
    counts = {"Mass": {"balanced": {"tp": 80, "fn": 20, "fp": 30, "tn": 70}}}
    found = operating(card({"balanced": OperatingPoint(0.4)}, confusion=counts), "Mass", 0.4)
    assert (found.sensitivity, found.specificity) == (wilson(80, 100), wilson(70, 100))


def test_a_histogram_gives_a_point_at_each_of_its_edges():
    histogram = {"Mass": {"edges": [0.2, 0.6], "present": [1, 3, 6], "absent": [70, 20, 10]}}
    found = operating(card({}, rates=histogram), "Mass", 0.6)
    assert (found.sensitivity, found.specificity) == (wilson(6, 10), wilson(90, 100))


def test_an_edge_that_contradicts_a_preset_is_left_out():
    """Both are measured, in two ways: a slider moved up must not seem to catch more."""
    point = OperatingPoint(0.5, Interval(0.5, 0.4, 0.6), Interval(0.9, 0.8, 1.0))
    rates = {"Mass": {"edges": [0.6], "present": [4, 6], "absent": [95, 5]}}
    found = operating(card({"balanced": point}, rates=rates), "Mass", 0.6)
    assert not found.measured
    assert found.sensitivity.high == 0.6


@pytest.mark.parametrize(
    "broken",
    [
        None, [], {"edges": [0.5]}, {"edges": ["x"], "present": [1, 2], "absent": [1, 2]},
        {"edges": [0.5], "present": [1], "absent": [1, 2]}, {"edges": [0.5], "present": [0, 0], "absent": [1, 2]},
    ],
)  # fmt: skip
def test_a_histogram_of_another_shape_is_left_out(broken):
    assert operating(card({}, rates={"Mass": broken}), "Mass", 0.5) is None


def test_without_a_measurement_nothing_is_said():
    assert operating(card({}), "Mass", 0.5) is None
    assert operating(card({"balanced": OperatingPoint(0.4)}), "Mass", 0.4) is None
    assert operating(card({}), "Nodule", 0.5) is None


def test_beyond_the_measured_thresholds_there_are_bounds():
    point = OperatingPoint(0.4, Interval(0.8, 0.7, 0.9), Interval(0.6, 0.5, 0.7))
    lower, higher = (operating(card({"balanced": point}), "Mass", value) for value in (0.1, 0.9))
    assert (lower.sensitivity.low, lower.sensitivity.high) == (0.7, 1.0)
    assert (lower.specificity.low, lower.specificity.high) == (0.0, 0.7)
    assert (higher.sensitivity.low, higher.sensitivity.high) == (0.0, 0.9)
    assert not lower.measured


@given(st.floats(0.02, 0.98), st.floats(0.5, 2), st.floats(0.5, 3))
def test_between_measured_points_the_line_is_exact_where_scores_are_binormal(threshold, spread, apart):
    """Log-odds of the scores normal in both groups, as the line assumes."""

    def rates(value):
        mark = math.log(value / (1 - value))
        return OperatingPoint(
            value, exact(1 - NORMAL.cdf((mark - apart) / spread)), exact(NORMAL.cdf((mark + 1) / spread))
        )

    ends = [rates(value) for value in (0.01, 0.4, 0.99)]
    found = operating(card(dict(zip(PRESETS, ends, strict=True))), "Mass", threshold)
    truth = rates(threshold)
    for mine, true in ((found.sensitivity, truth.sensitivity), (found.specificity, truth.specificity)):
        if all(1e-3 < getattr(end, name).value < 1 - 1e-3 for end in ends for name in ("sensitivity", "specificity")):
            assert mine.value == pytest.approx(true.value, abs=5e-3)


@pytest.mark.parametrize("name", SHIPPED)
def test_moving_a_slider_up_never_catches_more_by_the_shipped_cards(name):
    shipped = load_card(Settings().models_dir / name)
    for label in shipped.finding_labels:
        found = [operating(shipped, label.finding, value) for value in np.linspace(0, 1, 201)]
        assert all(found)
        for lower, higher in pairwise(found):
            assert lower.sensitivity.value >= higher.sensitivity.value - 1e-9
            assert lower.specificity.value <= higher.specificity.value + 1e-9


@pytest.mark.parametrize("name", SHIPPED)
def test_the_line_over_the_whole_gap_misses_the_middle_point_by_little(name):
    shipped = load_card(Settings().models_dir / name)
    for label in shipped.finding_labels:
        points = dict(label.operating_points)
        middle = points.pop("balanced")
        alone = replace(shipped, labels=(replace(label, id=1, operating_points=points),), curves={})
        found = operating(alone, label.finding, middle.threshold)
        assert found.sensitivity.value == pytest.approx(middle.sensitivity.value, abs=0.12)
        assert found.specificity.value == pytest.approx(middle.specificity.value, abs=0.12)


@given(UNIT, st.dictionaries(st.sampled_from(LABELS), UNIT))
def test_prevalence_is_read_as_it_was_written(tmp_path_factory, default, own):
    settings = Settings(data_dir=tmp_path_factory.mktemp("site"))
    told = Prevalence(default, own)
    write_section(settings, "prevalence", table_of(told))
    assert prevalence_of(read_site(settings)) == told
    for label in LABELS:
        assert told.of(label) == own.get(label, default)


@pytest.mark.parametrize("table", [{"default": 7}, {"Mass": "often"}, {"Mas": 0.1}])
def test_a_prevalence_that_makes_no_sense_is_named(table):
    with pytest.raises(SettingsError, match="prevalence"):
        prevalence_of({"prevalence": table})
