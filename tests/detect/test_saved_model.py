"""What TensorFlow is given, and what an Object Detection API answer becomes."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core.card import InputSpec
from cxr_core.detect import load_detectors
from cxr_core.detect.saved_model import SavedModelRuntime, from_api
from cxr_core.errors import ModelInvalid
from tests.detect import networks


def test_any_value_range_reaches_the_network_as_the_same_greys(exports, batch):
    folder = exports.ours / "tiny"
    plain = networks.make_card(folder)
    expected = SavedModelRuntime(folder / "saved_model", plain, 1).run(batch)
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (-127.0, 128.0)):
        card = replace(plain, input=InputSpec(48, 64, value_range=(low, high)))
        scaled = (batch * ((high - low) / 255) + low).astype(np.float32)
        answer = SavedModelRuntime(folder / "saved_model", card, 1).run(scaled)
        np.testing.assert_array_equal(answer.scores, expected.scores)


def test_an_export_that_takes_floats_gives_what_one_for_bytes_gives(exports, settings, tf, tmp_path, batch):
    networks.export_foreign(tf, networks.tiny_network(tf), tmp_path / "m" / "export", batch=None, dtype="float32")
    films = np.repeat(batch, 3, axis=-1)
    (floats,) = load_detectors(replace(settings, models_dir=tmp_path / "m"))
    (whole,) = load_detectors(replace(settings, models_dir=exports.foreign))
    np.testing.assert_array_equal(floats.runtime.run(films).scores, whole.runtime.run(films).scores)


def answer(**changes):
    facts = {
        "detection_boxes": np.array([[[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.1, 0.1, 0.2, 0.2]]], np.float32),
        "detection_scores": np.array([[0.9, 0.6, 0.5]], np.float32),
        "detection_classes": np.array([[2.0, 3.0, 2.0]], np.float32),
        "num_detections": np.array([3.0], np.float32),
    }
    return facts | changes


@pytest.fixture
def card(tmp_path):
    return networks.make_card(tmp_path)


def test_each_decoded_box_is_a_candidate_of_its_one_class(card):
    raw = from_api(answer(), card)
    np.testing.assert_allclose(raw.scores[0], [[0, 0.9, 0], [0, 0, 0.6], [0, 0.5, 0]])
    np.testing.assert_allclose(raw.image_scores, [[0, 0.9, 0.6]])
    assert raw.boxes.shape == (1, 3, 1, 4)


def test_padding_after_the_last_detection_counts_for_nothing(card):
    raw = from_api(answer(num_detections=np.array([1.0], np.float32)), card)
    np.testing.assert_allclose(raw.image_scores, [[0, 0.9, 0]])
    nothing = from_api(answer(num_detections=np.array([0.0])), card)
    assert nothing.scores.sum() == 0


def test_padding_may_have_any_class(card):
    padded = answer(detection_scores=np.array([[0.9, 0, 0]]), detection_classes=np.array([[2.0, 0.0, 99.0]]))
    assert from_api(padded, card).scores.sum() == pytest.approx(0.9)


@pytest.mark.parametrize("number", [0.0, 4.0])
def test_a_class_that_the_label_map_does_not_name_is_refused(card, number):
    with pytest.raises(ModelInvalid, match=f"class {number:.0f}, its label map names 1 to 3"):
        from_api(answer(detection_classes=np.array([[2.0, number, 2.0]])), card)
