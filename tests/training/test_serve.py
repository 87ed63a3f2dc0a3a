"""What the SavedModel repeats in its graph is what the core does in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from cxr_core.card import Decoding, InputSpec
from cxr_core.detect.decode import decode
from cxr_core.prepare import letterbox as core_letterbox
from training import serve


@pytest.mark.parametrize("seed", range(4))
def test_suppression_and_voting_agree_with_the_core(seed):
    rng = np.random.default_rng(seed)
    centre, half = rng.uniform(0.2, 0.8, (2, 120, 3, 2)), rng.uniform(0.02, 0.25, (2, 120, 3, 2))
    boxes = np.clip(np.concatenate([centre - half, centre + half], -1), 0, 1).astype(np.float32)
    scores = rng.uniform(0, 1, (2, 120, 3)).astype(np.float32)
    decoding, spec = Decoding(max_per_label=6), InputSpec(1, 1)
    found, marks = (x.numpy() for x in serve.suppress(tf.constant(boxes), tf.constant(scores), decoding, 0.2))
    for image, expected in enumerate(decode(boxes, scores, spec, decoding, 0.2)):
        for kind in range(3):
            mine = expected.classes == kind
            there = marks[image, kind] > 0
            np.testing.assert_allclose(marks[image, kind][there], expected.scores[mine], atol=1e-6)
            np.testing.assert_allclose(found[image, kind][there][:, [1, 0, 3, 2]], expected.boxes[mine], atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 64), (64, 40), (30, 64)])
def test_a_film_of_the_right_scale_is_not_resampled(shape):
    film = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    expected, _ = core_letterbox(film.astype(np.uint16) * np.uint16(257), InputSpec(64, 64))
    found, _, _ = serve.letterbox(tf.constant(np.repeat(film[None, ..., None], 3, -1)), 64)
    assert (found.numpy()[0] == expected).all()


@pytest.mark.parametrize("shape", [(300, 200), (150, 401), (20, 30)])
def test_a_film_of_another_size_lies_where_the_core_puts_it(shape):
    smooth = np.add.outer(np.linspace(20, 120, shape[0]), np.linspace(0, 100, shape[1])).astype(np.uint8)
    expected, placement = core_letterbox(smooth.astype(np.uint16) * np.uint16(257), InputSpec(64, 64))
    found, ratio, offset = serve.letterbox(tf.constant(np.repeat(smooth[None, ..., None], 3, -1)), 64)
    assert abs(found.numpy()[0] - expected).mean() < 1.5
    assert offset.numpy() * 64 == pytest.approx([placement.top, placement.left])
    assert ratio.numpy() * 64 == pytest.approx([placement.drawn_height, placement.drawn_width])


def test_boxes_come_back_as_fractions_of_the_given_picture():
    """One box over the drawn film of a wide picture covers the whole picture."""
    raw = {
        "image_scores": tf.ones((1, 2)),
        "raw_detection_boxes": tf.constant([[[[0.25, 0.0, 0.75, 1.0]]]]),
        "raw_detection_scores": tf.constant([[[0.0, 0.8]]]),
    }
    function = serve.serving(lambda _film: raw, 64, Decoding(), 0.05)
    found = {key: value.numpy() for key, value in function(tf.zeros((1, 50, 100, 3), tf.uint8)).items()}
    assert found["num_detections"].tolist() == [1.0]
    assert found["detection_boxes"].shape == (1, serve.MOST, 4)
    assert found["detection_boxes"][0, 0] == pytest.approx([0, 0, 1, 1])
    assert found["detection_classes"][0, 0] == 2
    assert found["detection_scores"][0, 0] == pytest.approx(0.8)
    assert found["detection_scores"].dtype == found["detection_classes"].dtype == np.float32
