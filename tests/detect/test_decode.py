"""Suppression and voting as properties; no network."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cxr_core.card import Decoding, InputSpec
from cxr_core.detect.decode import Boxes, _best_first, _merge, decode, overlap

SPEC = InputSpec(100, 200)


@st.composite
def candidates(draw):
    """(boxes, classes, scores) with many overlaps, equal boxes and equal scores among them."""
    count = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = rng.integers(0, 30, (count, 2)).astype(float)
    boxes = np.concatenate([corner, corner + rng.integers(1, 30, (count, 2))], axis=1)
    return boxes, rng.integers(0, 3, count), rng.integers(1, 20, count) / 20


rules = st.builds(Decoding, st.floats(0.0, 0.95), st.integers(1, 12))


def merge(boxes, classes, scores, rule) -> Boxes:
    """Suppression and voting in one image, in whole numbers: through ``decode`` they would be rounded to float32."""
    return _best_first(*_merge(boxes, classes, scores, rule))


def columns(found: Boxes):
    return found.boxes, found.classes, found.scores


@given(candidates(), rules)
def test_no_two_boxes_of_a_label_overlap_above_the_limit(given_boxes, rule):
    boxes, classes, _ = columns(merge(*given_boxes, rule))
    for label in set(classes.tolist()):
        mine = boxes[classes == label]
        among = overlap(mine[:, None], mine[None])
        np.fill_diagonal(among, 0)
        assert (among <= rule.iou).all()


@given(candidates(), rules)
def test_the_best_score_of_every_label_stays(given_boxes, rule):
    _, classes, scores = given_boxes
    found = merge(*given_boxes, rule)
    assert set(found.classes.tolist()) == set(classes.tolist())
    for label in set(classes.tolist()):
        assert found.scores[found.classes == label].max() == scores[classes == label].max()


@given(candidates(), rules, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(given_boxes, rule, random):
    order = list(range(len(given_boxes[0])))
    random.shuffle(order)
    shuffled = [column[order] for column in given_boxes]
    for one, other in zip(columns(merge(*given_boxes, rule)), columns(merge(*shuffled, rule)), strict=True):
        np.testing.assert_array_equal(one, other)


@given(candidates(), rules)
def test_merging_again_changes_nothing(given_boxes, rule):
    once = merge(*given_boxes, rule)
    for one, other in zip(columns(once), columns(merge(*columns(once), rule)), strict=True):
        np.testing.assert_array_equal(one, other)


@given(candidates(), rules)
def test_a_label_keeps_few_boxes_best_first(given_boxes, rule):
    found = merge(*given_boxes, rule)
    assert (np.bincount(found.classes, minlength=1) <= rule.max_per_label).all()
    assert (np.diff(found.scores) <= 0).all()


@given(candidates(), rules)
def test_labels_do_not_see_each_other(given_boxes, rule):
    found = merge(*given_boxes, rule)
    for label in set(given_boxes[1].tolist()):
        alone = merge(*(column[given_boxes[1] == label] for column in given_boxes), rule)
        np.testing.assert_array_equal(found.boxes[found.classes == label], alone.boxes)


@given(
    hnp.arrays(np.float32, (2, 30, 3), elements=st.floats(0, 1, width=32)),
    hnp.arrays(np.float32, (2, 30, 1, 4), elements=st.floats(-0.5, 1.5, width=32)),
    st.floats(0, 1),
)
def test_every_box_is_above_the_floor_and_inside_the_input(scores, boxes, floor):
    for found in decode(boxes, scores, SPEC, Decoding(), floor):
        assert (found.scores >= floor).all()
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [200, 100, 200, 100]).all()
        assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()


def test_overlapping_boxes_become_their_weighted_mean():
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], float)
    found = merge(boxes, np.zeros(3, int), np.array([0.6, 0.2, 0.4]), Decoding(iou=0.45))
    np.testing.assert_allclose(found.boxes, [[0.5, 0, 10.5, 10], [50, 50, 60, 60]])
    np.testing.assert_array_equal(found.scores, [0.6, 0.4])


def test_a_mean_that_lies_on_an_earlier_box_is_dropped():
    """The second box escapes the winner itself, but not the mean that the winner forms with the third."""
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [1, 0, 11, 10]], float)
    found = merge(boxes, np.zeros(3, int), np.array([0.9, 0.8, 0.7]), Decoding(iou=0.45))
    assert len(found.boxes) == 1
    assert found.scores[0] == 0.9


def test_axes_and_scale_are_the_input_s():
    boxes = np.array([[[[0.1, 0.2, 0.5, 0.8]]]], np.float32)  # ymin, xmin, ymax, xmax
    (found,) = decode(boxes, np.array([[[0.9]]], np.float32), SPEC, Decoding(), 0.5)
    np.testing.assert_allclose(found.boxes, [[40, 10, 160, 50]], rtol=1e-6)


def test_each_class_has_its_own_box_where_the_network_gives_one():
    boxes = np.array([[[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]]], np.float32)
    (found,) = decode(boxes, np.array([[[0.3, 0.9]]], np.float32), SPEC, Decoding(), 0.1)
    np.testing.assert_array_equal(found.classes, [1, 0])
    np.testing.assert_array_equal(found.boxes, [[100, 50, 200, 100], [0, 0, 100, 50]])


def test_senseless_candidates_fall_out():
    boxes = np.array([[0, 0, np.nan, 1], [0, 0, np.inf, 1], [0.4, 0.4, 0.4, 0.9], [0.9, 0, 0.1, 1], [2, 2, 3, 3]])
    boxes = np.concatenate([boxes, [[0, 0, 1, 1]] * 3])[None, :, None].astype(np.float32)
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.9, np.nan, 0.0, 0.2], np.float32)[None, :, None]
    (found,) = decode(boxes, scores, SPEC, Decoding(), 0.0)
    np.testing.assert_array_equal(found.boxes, [[0, 0, 200, 100]])
    np.testing.assert_allclose(found.scores, [0.2])


def test_overlap_is_symmetric_and_one_with_itself():
    a, b = np.array([0.0, 0, 4, 4]), np.array([2.0, 0, 6, 4])
    assert overlap(a, b) == overlap(b, a) == 8 / 24
    assert overlap(a, a) == 1
    assert overlap(a, np.array([9.0, 9, 12, 12])) == 0


def test_a_network_that_fires_everywhere_is_still_decoded():
    rng = np.random.default_rng(0)
    boxes = rng.random((1, 20_000, 1, 4), np.float32)
    boxes[..., 2:] += boxes[..., :2]
    (found,) = decode(boxes, np.full((1, 20_000, 8), 0.5, np.float32), SPEC, Decoding(), 0.05)
    assert set(found.classes.tolist()) == set(range(8))
    assert len(found.boxes) <= 80
