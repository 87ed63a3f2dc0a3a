"""Figures of merit against brute force and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import Platt
from cxr_core.drift import Reference
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


@given(SCORED, st.integers(0, 99))
def test_auc_knows_only_the_order(rows, seed):
    scores, truth = (np.array(column, float) for column in zip(*rows, strict=True))
    weight = np.random.default_rng(seed).integers(0, 3, len(rows)).astype(float)
    one = metrics.auc(scores, truth, weight)
    assert metrics.auc(np.exp(scores) - 7, truth, weight) == pytest.approx(one, nan_ok=True)
    assert metrics.auc(-scores, truth, weight) == pytest.approx(1 - one, nan_ok=True)
    assert metrics.auc(-scores, 1 - truth, weight) == pytest.approx(one, nan_ok=True)


@given(SCORED, st.integers(0, 99))
def test_all_resamples_at_once_are_each_alone(rows, seed):
    scores, truth = (np.array(column, float) for column in zip(*rows, strict=True))
    weights = np.random.default_rng(seed).integers(0, 3, (7, len(rows))).astype(float)
    measures = (
        lambda w: metrics.auc(scores, truth, w),
        metrics.rate_at(scores, truth > 0, 3.0),
        metrics.share(scores > 2, truth < 1),
    )
    for measure in measures:
        assert measure(weights) == pytest.approx([measure(row) for row in weights], nan_ok=True)


def test_the_fast_interval_is_the_slow_one():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 60).astype(float)
    scores = truth + rng.normal(0, 1, 60)
    weights = metrics.resamples([str(i // 2) for i in range(60)], 150)
    slow = metrics.figure(lambda w: metrics.auc(scores, truth, w), weights, 60)
    assert metrics.figure_at_once(lambda w: metrics.auc(scores, truth, w), weights, 60) == slow


def test_no_film_has_no_auc():
    assert np.isnan(metrics.auc(np.zeros(0), np.zeros(0), np.zeros(0)))
    assert np.isnan(metrics.auc(np.zeros(0), np.zeros(0), np.zeros((3, 0)))).all()


def test_precision_and_recall_by_hand():
    found = metrics.precision_recall(np.array([0.9, 0.8, 0.8, 0.1]), np.array([1.0, 0, 1, 0]))
    assert found.tolist() == [[0.5, 1.0, 0.9], [1.0, pytest.approx(2 / 3), 0.8], [1.0, 0.5, 0.1]]


def test_the_calibration_error_by_hand():
    p, truth = np.array([0.2] * 5 + [0.8] * 5), np.array([0, 0, 0, 0, 1, 1, 1, 0, 0, 0.0])
    assert metrics.calibration_error(p, truth, bins=2) == pytest.approx(0.5 * 0 + 0.5 * 0.4)
    weight = np.array([[1.0] * 5 + [0.0] * 5, [0.0] * 5 + [2.0] * 5])
    assert metrics.calibration_error(p, truth, weight, 2) == pytest.approx([0, 0.4])


def test_a_sister_network_is_judged_by_what_the_others_chose():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 900).astype(float)
    raw = np.clip(rng.normal(0.3 + 0.3 * truth, 0.15), 0.01, 0.99)
    networks, groups = np.arange(900) % 3, [str(i) for i in range(900)]
    weights = metrics.resamples(groups, 20)
    found = calibrate.calibrate(raw, truth, groups, weights, networks)
    others = networks != 1
    platt = metrics.fit_platt(raw[others], truth[others])
    assert found.crossed[networks == 1] == pytest.approx(platt(raw[networks == 1]))
    chosen = calibrate.thresholds(platt(raw[others]), truth[others])["balanced"]
    assert (found.flagged["balanced"][networks == 1] == (platt(raw[networks == 1]) >= chosen)).all()
    assert found.platt == metrics.fit_platt(raw, truth)
    cells = found.confusion["balanced"]
    assert found.points["balanced"].sensitivity.value == pytest.approx(cells["tp"] / truth.sum(), abs=1e-4)
    assert sum(cells.values()) == 900


def test_a_network_on_another_scale_shows_in_the_calibration_error():
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 3000).astype(float)
    raw = np.clip(rng.normal(0.4 + 0.2 * truth, 0.1), 0.01, 0.99)
    networks, groups = np.arange(3000) % 5, [str(i) for i in range(3000)]
    weights = metrics.resamples(groups, 5)
    same = calibrate.calibrate(raw, truth, groups, weights, networks)
    other = calibrate.calibrate(np.where(networks == 2, raw**4, raw), truth, groups, weights, networks)
    assert other.crossed_error > same.crossed_error + 0.02
    assert metrics.auc(other.scale, truth, np.ones(3000)) > metrics.auc(other.crossed, truth, np.ones(3000))


def test_one_scale_keeps_each_networks_order_and_its_auc():
    rng = np.random.default_rng(7)
    truth, networks = rng.integers(0, 2, 400).astype(float), np.repeat([0, 1], 200)
    raw = np.where(networks == 1, 0.01, 1.0) * (0.3 * rng.random(400) + 0.3 * truth + 0.2)
    scale = calibrate.one_scale(raw, truth, networks)
    each = []
    for number in (0, 1):
        mine = networks == number
        each.append(metrics.auc(raw[mine], truth[mine], np.ones(200)))
        assert metrics.auc(scale[mine], truth[mine], np.ones(200)) == pytest.approx(each[-1])
    assert min(each) <= metrics.auc(scale, truth, np.ones(400)) <= max(each)


def test_networks_that_know_nothing_are_at_chance_together():
    truth, networks = (np.arange(100) % 7 < 2).astype(float), np.arange(100) // 20
    assert metrics.auc(calibrate.one_scale(np.full(100, 0.3), truth, networks), truth, np.ones(100)) == 0.5


@given(st.integers(0, 200))
def test_the_interval_of_the_calibration_error_holds_it(seed):
    rng = np.random.default_rng(seed)
    p = rng.random(150)
    truth = (rng.random(150) < p).astype(float)
    weights = metrics.resamples([str(i) for i in range(150)], 60)
    found = metrics.centred(metrics.draws(lambda w: metrics.calibration_error(p, truth, w), weights), 150)
    assert 0 <= found.low <= found.value <= found.high
    assert found.value == pytest.approx(metrics.calibration_error(p, truth))


def test_the_card_keeps_its_scores_by_tenths_so_that_drift_is_seen():
    rng = np.random.default_rng(4)
    truth = (rng.random(400) < 0.3).astype(int)
    p = np.clip(rng.normal(0.3 + 0.3 * truth, 0.15), 0, 1)
    kept = calibrate.histogram(p, truth)
    held = Reference(*(np.asarray(kept[name], float) for name in ("edges", "present", "absent")), source="scores")
    assert (held.present.sum(), held.absent.sum()) == (truth.sum(), (1 - truth).sum())
    assert held.counts(p).tolist() == (held.present + held.absent).tolist()
    assert len(held.edges) == 9
    assert held.counts(p).min() > 20, "bins of about a tenth"


def test_the_card_tells_sliders_of_the_highest_scores_too():
    """Most of a slider lies above nine in ten films: there, too, sensitivity and specificity are counted."""
    rng = np.random.default_rng(5)
    truth = (rng.random(2000) < 0.2).astype(int)
    p = np.clip(rng.normal(0.35 + 0.2 * truth, 0.08), 0, 1)
    kept = calibrate.histogram(p, truth, calibrate.TAILS)
    assert len(kept["edges"]) == len(calibrate.TAILS)
    assert (p > kept["edges"][-1]).mean() <= 0.0015
    for place, edge in enumerate(kept["edges"], 1):
        assert sum(kept["present"][place:]) == ((p >= edge) & (truth > 0)).sum()
        assert sum(kept["absent"][:place]) == ((p < edge) & (truth <= 0)).sum()


def test_scores_that_are_all_alike_are_one_bin():
    kept = calibrate.histogram(np.full(10, 0.25), np.array([1] * 4 + [0] * 6))
    assert kept == {"edges": [], "present": [4], "absent": [6]}
