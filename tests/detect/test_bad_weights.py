"""Files that are broken, or load but are not the detector that their card describes: each is named, none runs."""

import shutil
from dataclasses import replace

import pytest

from cxr_core.card import InputSpec, load_card
from cxr_core.detect import load_detectors
from cxr_core.errors import ModelInvalid
from tests.detect import networks


@pytest.fixture
def folder(exports, tmp_path):
    """A copy of the tiny model that a test may spoil."""
    shutil.copytree(exports.ours, tmp_path / "models")
    return tmp_path / "models" / "tiny"


def load(settings, folder, runtime):
    """Load the folder as it is now: card and digests made new, so that only the content can be wrong."""
    networks.make_card(folder, **{"input": load_card(folder).input, "labels": load_card(folder).labels}).save(folder)
    return load_detectors(replace(settings, models_dir=folder.parent, runtime=runtime))


def recard(folder, **changes):
    replace(load_card(folder), **changes).save(folder)


@pytest.mark.parametrize("content", [b"", b"just text, no flatbuffer", b"\0" * 4000, "first half"])
def test_a_broken_litert_file(settings, folder, content):
    path = folder / "model.tflite"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "first half" else content)
    with pytest.raises(ModelInvalid, match=r"model\.tflite of tiny is not a model that LiteRT can load"):
        load(settings, folder, "litert")


def test_a_litert_file_whose_weights_were_not_frozen(settings, folder, tf):
    """LiteRT would run it on whatever its memory holds, without an error."""
    unfrozen = networks.litert(tf, networks.tiny_network(tf), (1, 48, 64, 1), frozen=False)
    (folder / "model.tflite").write_bytes(unfrozen)
    with pytest.raises(ModelInvalid, match="holds variables instead of weights"):
        load(settings, folder, "litert")


def test_a_litert_file_of_another_input_size(settings, folder):
    recard(folder, input=InputSpec(320, 320))
    with pytest.raises(ModelInvalid, match=r"LiteRT input is image \(1, 48, 64, 1\) float32, expected .*320"):
        load(settings, folder, "litert")


@pytest.mark.parametrize("runtime", ["litert", "tensorflow"])
def test_weights_with_another_number_of_classes(settings, folder, runtime):
    recard(folder, labels=networks.LABELS[:2])
    with pytest.raises(ModelInvalid, match=r"found .*image_scores \(.*3\).*expected image_scores \(N, 2\)"):
        load(settings, folder, runtime)


def test_a_litert_classifier(settings, folder, tf):
    images = tf.keras.Input((48, 64, 1))
    net = tf.keras.Model(images, tf.keras.layers.Dense(3)(tf.keras.layers.Flatten()(images)))
    spec = tf.TensorSpec((1, 48, 64, 1), tf.float32, name="image")
    (folder / "model.tflite").write_bytes(networks.frozen_litert(tf, lambda image: {"logits": net(image)}, spec))
    with pytest.raises(ModelInvalid, match=r"found logits \(1, 3\); expected image_scores"):
        load(settings, folder, "litert")


@pytest.mark.parametrize("content", [b"", b"just text", None])
def test_a_broken_saved_model(settings, folder, content):
    graph = folder / "saved_model" / "saved_model.pb"
    if content is None:
        graph.unlink()
    else:
        graph.write_bytes(content)
    with pytest.raises(ModelInvalid, match=r"saved_model of tiny is not a SavedModel|found signatures none"):
        load(settings, folder, "tensorflow")


def test_a_saved_model_without_its_variables(settings, folder):
    shutil.rmtree(folder / "saved_model" / "variables")
    with pytest.raises(ModelInvalid, match="saved_model of tiny is not a SavedModel that TensorFlow can load"):
        load(settings, folder, "tensorflow")


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((None, 48, 64, 3), "int32"),
        ((4, None, None, 3), "uint8"),
        ((None, 100, 100, 3), "uint8"),
        ((None, 48, 64, 2), "uint8"),
        ((None, 3072), "float32"),
    ],
)
def test_a_saved_model_of_another_input(settings, folder, tf, shape, dtype):
    shutil.rmtree(folder / "saved_model")
    spec = tf.TensorSpec(shape, tf.dtypes.as_dtype(dtype), name="input_tensor")
    networks.save(tf, None, folder, spec, lambda input_tensor: {"sum": tf.reduce_sum(input_tensor)})
    found = ", ".join("any" if side is None else str(side) for side in shape)
    with pytest.raises(
        ModelInvalid, match=rf"SavedModel input is .*\({found}\) {dtype}; expected one, uint8 or float32"
    ):
        load(settings, folder, "tensorflow")


def test_a_saved_model_that_detects_nothing(settings, folder, tf):
    shutil.rmtree(folder / "saved_model")
    spec = tf.TensorSpec((None, None, None, 3), tf.uint8, name="input_tensor")
    networks.save(tf, None, folder, spec, lambda input_tensor: {"size": tf.shape(input_tensor)})
    with pytest.raises(ModelInvalid, match=r"found size \(4\); expected image_scores.* or detection_boxes"):
        load(settings, folder, "tensorflow")


def test_a_saved_model_without_the_serving_signature(settings, folder, tf):
    shutil.rmtree(folder / "saved_model")
    tf.saved_model.save(tf.Module(), str(folder / "saved_model"))
    with pytest.raises(ModelInvalid, match="found signatures none; expected serving_default"):
        load(settings, folder, "tensorflow")
