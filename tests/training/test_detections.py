"""Boxes against true boxes, by hand and against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import detections, folds, metrics


def boxes(*rows):
    return np.array(rows, float).reshape(-1, 4)


def test_one_true_box_is_found_once():
    true = boxes((0, 0, 1, 1))
    twice = boxes((0, 0, 1, 0.9), (0, 0, 1, 1))
    found = detections.match([twice], [np.array([0.9, 0.8])], [true], 0.5)
    assert found.hit.tolist() == [True, False]


def test_average_precision_by_hand():
    true = [boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1)), boxes()]
    found = [boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1)), boxes((0, 0, 1, 1))]
    item = detections.match(found, [np.array([0.9]), np.array([0.5]), np.array([0.7])], true, 0.5)
    assert detections.average_precision(item, np.ones(3)) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert detections.sensitivity_at(item, np.ones(3), 0.2) == 0.5
    assert detections.sensitivity_at(item, np.ones(3), 0.4) == 1.0
    assert detections.average_precision(item, np.array([1.0, 1, 0])) == pytest.approx(1)


LISTED = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=25)


def listed(rows):
    """Detections on four films, best first, of six true boxes; whether each is a hit is given."""
    film, hit = (np.array(column) for column in zip(*rows, strict=True))
    return detections.Detections(film, np.linspace(1, 0.1, len(rows)), hit, np.array([2.0, 1, 0, 3]))


@given(LISTED, st.integers(0, 99))
def test_all_resamples_at_once_are_each_alone(rows, seed):
    found, weights = listed(rows), np.random.default_rng(seed).integers(0, 3, (6, 4)).astype(float)
    for measure in (detections.average_precision, lambda d, w: detections.sensitivity_at(d, w, 0.5)):
        each = [measure(found, row) for row in weights]
        assert measure(found, weights) == pytest.approx(each, nan_ok=True)


@given(LISTED)
def test_a_fold_alone_is_the_same_as_no_weight_elsewhere(rows):
    found, films = listed(rows), np.array([1, 3])
    weight = np.array([0.0, 1, 0, 1])
    alone, ones = found.only(films), np.ones(2)
    assert detections.average_precision(alone, ones) == pytest.approx(detections.average_precision(found, weight))
    for rate in (0.0, 0.5, 2.0):
        one = detections.sensitivity_at(alone, ones, rate)
        assert one == pytest.approx(detections.sensitivity_at(found, weight, rate))


@given(LISTED, st.floats(0, 3))
def test_the_tail_is_only_what_no_one_looks_at(rows, rate):
    found = listed(rows)
    cut = found.best(rate)
    assert (~cut.hit).sum() <= rate * 4
    ones = np.ones(4)
    assert detections.sensitivity_at(cut, ones, rate) == detections.sensitivity_at(found, ones, rate)


def test_classes_together_are_ranked_by_score():
    one = listed([(0, True), (1, False)])
    both = detections.together([one, one])
    assert both.score.tolist() == [1, 1, 0.1, 0.1]
    assert both.boxes.tolist() == [4, 2, 0, 6]


def test_a_curve_is_the_mean_of_the_networks():
    sharp, blunt = listed([(0, True), (0, True)]), listed([(2, False), (0, True)])
    curve = detections.froc_curve([sharp, blunt], np.array([0.1, 0.25]))
    assert curve == [[0.1, pytest.approx(1 / 6, abs=1e-4)], [0.25, pytest.approx((2 / 6 + 1 / 6) / 2, abs=1e-4)]]


def test_figures_over_folds_are_the_mean_of_each_alone():
    rng = np.random.default_rng(0)
    truth, networks = np.tile([0.0, 1.0], 20), np.repeat([0, 3], 20)
    scores = rng.random(40) + 0.3 * truth + networks
    weights = metrics.resamples([str(i) for i in range(40)], 30)
    table = folds.Folds(networks, weights)
    each = table.auc(scores, truth)
    own = [metrics.auc(scores[networks == name], truth[networks == name], np.ones(20)) for name in (0, 3)]
    assert each.shape == (31, 2)
    assert table.spread(each) == {"fold 0": round(own[0], 4), "fold 3": round(own[1], 4)}
    assert folds.mean(each, 40).value == pytest.approx(np.mean(own))
    assert each[5, 1] == pytest.approx(metrics.auc(scores[20:], truth[20:], weights[4, 20:]))


def test_the_interval_of_a_precision_holds_it():
    rng = np.random.default_rng(1)
    item = listed(
        [(int(film), bool(hit)) for film, hit in zip(rng.integers(0, 4, 20), rng.random(20) < 0.2, strict=True)]
    )
    weights = metrics.resamples(["a", "b", "c", "d"], 200)
    each = metrics.draws(lambda w: detections.average_precision(item, w), weights)[:, None]
    found = folds.mean_precision(each, 4)
    assert 0 <= found.low <= found.value <= found.high
    assert found.value == pytest.approx(detections.average_precision(item, np.ones(4)))
    assert found.high - found.low <= folds.mean(each, 4).high - folds.mean(each, 4).low + 1e-9
