"""Dense targets and the losses that read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import losses
from training.targets import dense


def logit(p):
    return np.log(p / (1 - p)).astype(np.float32)


@given(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.02, 0.6), st.floats(0.02, 0.6))
def test_every_box_has_one_peak_near_its_centre(x, y, wide, high):
    box = np.array([[x, y, min(1, x + wide), min(1, y + high)]])
    heat, boxes = dense(box, np.array([1]), 20, 3)
    row, column = np.unravel_index(heat[..., 1].argmax(), (20, 20))
    assert heat[row, column, 1] == pytest.approx(1)
    assert abs((column + 0.5) / 20 - box[0, [0, 2]].mean()) <= 0.0251
    assert abs((row + 0.5) / 20 - box[0, [1, 3]].mean()) <= 0.0251
    assert boxes[row, column, 1] == pytest.approx(box[0], abs=1e-6)
    assert not heat[..., [0, 2]].any()


def test_each_cell_answers_for_the_nearer_of_two_boxes():
    two = np.array([[0.0, 0.0, 0.4, 0.4], [0.6, 0.6, 1.0, 1.0]])
    _, boxes = dense(two, np.array([0, 0]), 10, 1)
    assert boxes[1, 1, 0] == pytest.approx(two[0])
    assert boxes[8, 8, 0] == pytest.approx(two[1])


def test_unknown_targets_cost_nothing():
    logits, known = np.array([[3.0, -50.0]], "f4"), np.array([[1.0, 0.0]], "f4")
    found = float(losses.masked_bce(logits, np.array([[1.0, 1.0]], "f4"), known, 0.0))
    assert found == pytest.approx(np.log1p(np.exp(-3.0)), rel=1e-5)


def test_location_is_least_at_its_target():
    heat, _ = dense(np.array([[0.2, 0.2, 0.5, 0.6]]), np.array([0]), 8, 1)
    right = np.log(heat / heat.sum() + 1e-9).astype("f4")[None]
    wrong = np.roll(right, 3, axis=2)
    truth = heat[None]
    assert float(losses.location(right, truth)) < float(losses.location(wrong, truth))
    assert float(losses.location(wrong, np.zeros_like(truth))) == 0


def test_heat_that_is_not_searched_costs_nothing():
    truth = np.zeros((1, 4, 4, 1), "f4")
    loud = np.full((1, 4, 4, 1), logit(0.9))
    assert float(losses.focal(loud, truth, np.zeros((1, 1), "f4"))) == 0
    assert float(losses.focal(loud, truth, np.ones((1, 1), "f4"))) > 1


def test_perfect_boxes_cost_nothing_and_distant_ones_more_than_near_ones():
    heat, boxes = dense(np.array([[0.3, 0.3, 0.6, 0.7]]), np.array([0]), 8, 1)
    truth, weight = boxes[None], heat[None]
    near, far = truth + np.float32(0.1), truth + np.float32(0.6)
    assert float(losses.giou(truth, truth, weight)) == pytest.approx(0, abs=1e-5)
    assert 0 < float(losses.giou(near, truth, weight)) < float(losses.giou(far, truth, weight))
