"""Figures of merit against brute force and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import Platt
from training import calibrate, metrics

SCORED = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30)


@given(SCORED)
def test_auc_is_the_share_of_pairs_in_order(rows):
    scores, truth = (np.array(column, float) for column in zip(*rows, strict=True))
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth > 0] for b in scores[truth == 0]]
    found = metrics.auc(scores, truth, np.ones(len(rows)))
    assert found == pytest.approx(np.mean(pairs)) if pairs else np.isnan(found)


@given(SCORED, st.integers(0, 99))
def test_a_weight_counts_a_film_so_often(rows, seed):
    scores, truth = (np.array(column, float) for column in zip(*rows, strict=True))
    weight = np.random.default_rng(seed).integers(0, 4, len(rows))
    often = np.repeat(np.arange(len(rows)), weight)
    one = metrics.auc(scores, truth, weight.astype(float))
    two = metrics.auc(scores[often], truth[often], np.ones(len(often))) if len(often) else float("nan")
    assert one == pytest.approx(two, nan_ok=True)


def test_a_group_is_drawn_as_a_whole():
    weights = metrics.resamples(["a", "a", "b", "c"], 200)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(1) == 3).all()


def test_the_interval_holds_the_value():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200).astype(float)
    scores = truth + rng.normal(0, 1, 200)
    weights = metrics.resamples([str(i) for i in range(200)], 200)
    found = metrics.figure(lambda w: metrics.auc(scores, truth, w), weights, 200)
    assert 0.6 < found.low < found.value < found.high < 0.95


def boxes(*rows):
    return np.array(rows, float).reshape(-1, 4)


def test_one_true_box_is_found_once():
    true = boxes((0, 0, 1, 1))
    twice = boxes((0, 0, 1, 0.9), (0, 0, 1, 1))
    found = metrics.match([twice], [np.array([0.9, 0.8])], [true], 0.5)
    assert found.hit.tolist() == [True, False]


def test_average_precision_by_hand():
    true = [boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1)), boxes()]
    found = [boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1))]
    item = metrics.match(found, [np.array([0.9]), np.array([0.5]), np.array([0.7])], true, 0.5)
    assert metrics.average_precision(item, np.ones(3)) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert metrics.sensitivity_at(item, np.ones(3), 0.2) == 0.5
    assert metrics.sensitivity_at(item, np.ones(3), 0.4) == 1.0
    assert metrics.average_precision(item, np.array([1.0, 1, 0])) == pytest.approx(1)


def test_platt_finds_the_slope_that_made_the_labels():
    rng = np.random.default_rng(2)
    raw = rng.uniform(0.02, 0.98, 20_000)
    truth = (rng.random(20_000) < Platt(1.7, -0.6)(raw)).astype(float)
    found = metrics.fit_platt(raw, truth)
    assert found.slope == pytest.approx(1.7, abs=0.1)
    assert found.intercept == pytest.approx(-0.6, abs=0.1)


def test_a_score_that_points_the_wrong_way_is_left_alone():
    assert metrics.fit_platt(np.linspace(0.1, 0.9, 50), (np.arange(50) < 25).astype(float)) == Platt()


def test_calibration_lowers_the_error():
    rng = np.random.default_rng(4)
    raw = rng.uniform(0.01, 0.99, 3000)
    truth = (rng.random(3000) < Platt(0.4, -1.5)(raw)).astype(float)
    groups = [f"p{i // 2}" for i in range(3000)]
    found = calibrate.calibrate(raw, truth, groups, metrics.resamples(groups, 20))
    assert found.crossed_error < 0.04 < found.raw_error


@given(st.integers(0, 10**6), st.integers(5, 60))
def test_presets_are_in_order_and_do_what_they_promise(seed, count):
    rng = np.random.default_rng(seed)
    truth = np.array([1.0, 0.0] * count)
    raw = np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0.01, 0.99)
    groups = [str(i) for i in range(2 * count)]
    points = calibrate.calibrate(raw, truth, groups, metrics.resamples(groups, 5)).points
    marks = [points[name].threshold for name in ("sensitive", "balanced", "specific")]
    assert marks == sorted(marks)
    assert points["sensitive"].sensitivity.value >= 0.95


def test_a_curve_is_thinned_to_its_ends():
    points = np.column_stack([np.linspace(0, 1, 500)] * 2)
    found = calibrate.thin(points)
    assert len(found) <= 40
    assert found[0] == [0, 0]
    assert found[-1] == [1, 1]


def test_figures_without_a_value_are_left_out_of_the_card():
    nothing = metrics.Figure(float("nan"), float("nan"), float("nan"), 0)
    some = metrics.Figure(0.51234, 0.4, 0.6, 9)
    assert calibrate.as_card({"a": {"b": nothing, "c": some}, "d": 1}) == {
        "a": {"c": {"value": 0.5123, "low": 0.4, "high": 0.6, "n": 9}},
        "d": 1,
    }
