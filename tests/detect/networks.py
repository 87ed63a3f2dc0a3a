"""A tiny real network with the contract's outputs, and its exports as ours and as another maker's.

A 6 x 8 grid of cells, three classes, seeded random weights: it finds nothing, but answers like a detector.
"""

import tempfile
from pathlib import Path

import numpy as np

from cxr_core.card import InputSpec, LabelCard, ModelCard, Platt, WeightsFile, sha256_of

SPEC = InputSpec(48, 64)  # not square, so that a swapped axis shows
LABELS = (
    LabelCard(1, "covid_19_negative", None),
    LabelCard(2, "covid_19_positive", "COVID-19", "urgent", Platt(1.3, -0.4)),
    LabelCard(3, "mass", "Mass", calibration=Platt(0.8, 0.2)),
)
LABEL_MAP = """
# written by hand
item { id: 1 name: 'covid_19_negative' }
item { id: 2 name: "covid_19_positive" display_name: "COVID-19 positive" }
item { name: "mass", id: 3 keypoints { id: 9 label: "tip" } }
"""


def tiny_network(tf):
    """(N, 48, 64, 1) in 0..255 to the raw outputs: a 6 x 8 grid of cells, a box a cell and class."""
    keras = tf.keras
    keras.utils.set_random_seed(7)
    wide = keras.initializers.RandomNormal(stddev=0.12, seed=11)
    image = keras.Input((SPEC.height, SPEC.width, 1))
    x = keras.layers.Rescaling(1 / 64, offset=-2.0)(image)
    x = keras.layers.Conv2D(8, 8, strides=8, activation="relu", kernel_initializer=wide)(x)
    scores = keras.layers.Conv2D(3, 1, activation="sigmoid", kernel_initializer=wide)(x)
    deltas = keras.layers.Conv2D(12, 3, padding="same", activation="tanh", kernel_initializer=wide)(x)
    return keras.Model(image, [scores, deltas])


def raw_outputs(tf, net, grey):
    scores, deltas = net(grey)
    scores = tf.reshape(scores, (-1, 48, 3))
    deltas = tf.reshape(deltas, (-1, 48, 3, 4))
    rows, cols = np.mgrid[0:6, 0:8].reshape(2, 48, 1)
    y = ((rows + 0.5) / 6 + deltas[..., 0] / 12)[..., None]
    x = ((cols + 0.5) / 8 + deltas[..., 1] / 16)[..., None]
    half_height = (0.1 + 0.08 * deltas[..., 2])[..., None]
    half_width = (0.1 + 0.08 * deltas[..., 3])[..., None]
    boxes = tf.concat([y - half_height, x - half_width, y + half_height, x + half_width], -1)
    return {
        "image_scores": tf.reduce_max(scores, axis=1),
        "raw_detection_boxes": tf.cast(boxes, tf.float32),
        "raw_detection_scores": scores,
    }


def api_outputs(tf, raw, count=10):
    """The best ``count`` boxes whatever their class, as the Object Detection API lists them."""
    scores = tf.reduce_max(raw["raw_detection_scores"], -1)
    classes = tf.argmax(raw["raw_detection_scores"], -1)
    boxes = tf.gather(raw["raw_detection_boxes"], classes, batch_dims=2)
    best, place = tf.math.top_k(scores, count)
    return {
        "detection_boxes": tf.gather(boxes, place, batch_dims=1),
        "detection_scores": best,
        "detection_classes": tf.cast(tf.gather(classes, place, batch_dims=1), tf.float32) + 1,
        "num_detections": tf.cast(tf.fill([tf.shape(best)[0]], count), tf.float32),
    }


def to_grey(tf, pictures):
    """(N, H, W, 3) uint8 to what the network sees, letterboxed; the same values where the size is already right."""
    grey = tf.reduce_mean(tf.cast(pictures, tf.float32), -1, keepdims=True)
    return tf.image.resize_with_pad(grey, SPEC.height, SPEC.width, antialias=True)


def save(tf, net, folder, spec, answer):
    """A SavedModel whose serving function is ``answer`` of pictures of ``spec``."""
    module = tf.Module()
    module.net = net
    module.serve = tf.function(answer, input_signature=[spec])
    signature = module.serve.get_concrete_function()
    tf.saved_model.save(module, str(folder / "saved_model"), signatures={"serving_default": signature})


def export_ours(tf, net, folder):
    pictures = tf.TensorSpec((None, None, None, 3), tf.uint8, name="input_tensor")

    def serve(input_tensor):
        raw = raw_outputs(tf, net, to_grey(tf, input_tensor))
        return raw | api_outputs(tf, raw)

    save(tf, net, folder, pictures, serve)
    (folder / "model.tflite").write_bytes(litert(tf, net, (1, SPEC.height, SPEC.width, 1)))
    make_card(folder).save(folder)


def export_foreign(tf, net, folder, batch, dtype="uint8"):
    pictures = tf.TensorSpec((batch, None, None, 3), tf.dtypes.as_dtype(dtype), name="input_tensor")

    def serve(input_tensor):
        return api_outputs(tf, raw_outputs(tf, net, to_grey(tf, input_tensor)))

    save(tf, net, folder, pictures, serve)
    (folder / "label_map.pbtxt").write_text(LABEL_MAP)
    (folder / "pipeline.config").write_text(
        "model { ssd { image_resizer { fixed_shape_resizer { height: 48 width: 64 } } } }"
    )


def litert(tf, net, shape, frozen=True) -> bytes:
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    if frozen:
        return frozen_litert(tf, lambda image: raw_outputs(tf, net, image), spec)
    function = tf.function(lambda image: raw_outputs(tf, net, image), input_signature=[spec])
    return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], net).convert()


def frozen_litert(tf, answer, spec) -> bytes:
    """The weights made constants first: otherwise they stay variables, of which the file holds no values."""
    from tensorflow.python.framework import convert_to_constants  # noqa: PLC0415  (as tensorflow itself)

    function = tf.function(answer, input_signature=[spec]).get_concrete_function()
    constant = convert_to_constants.convert_variables_to_constants_v2(function)
    names = sorted(function.structured_outputs)
    with tempfile.TemporaryDirectory() as folder:
        save(tf, None, Path(folder), spec, lambda image: dict(zip(names, constant(image), strict=True)))
        return tf.lite.TFLiteConverter.from_saved_model(f"{folder}/saved_model").convert()


def make_card(folder: Path, **changes) -> ModelCard:
    files = {
        key: WeightsFile(name, sha256_of(folder / name))
        for key, name in (("litert", "model.tflite"), ("saved_model", "saved_model"))
        if (folder / name).exists()
    }
    facts = {
        "name": folder.name, "version": "1", "title": "Tiny", "task": "detection", "created": "2026-01-01",
        "input": SPEC, "labels": LABELS, "files": files,
    }  # fmt: skip
    return ModelCard(**(facts | changes))


def opinion_outputs(tf, net, grey):
    """A classifier of the same cells: each adds its share to each class's logit."""
    scores, _ = net(grey)
    shares = (scores - 0.5) / 8
    maps = tf.reshape(shares, (-1, 6, 8, 3))
    return {"image_scores": tf.sigmoid(tf.reduce_sum(maps, axis=(1, 2)) + 0.25), "class_maps": maps}


def export_opinion(tf, net, folder, *, maps=True, role="second_opinion"):
    """A second opinion without boxes, with or without class_maps, for both runtimes."""
    pictures = tf.TensorSpec((None, None, None, 3), tf.uint8, name="input_tensor")

    def answer(grey):
        said = opinion_outputs(tf, net, grey)
        return said if maps else {"image_scores": said["image_scores"]}

    save(tf, net, folder, pictures, lambda input_tensor: answer(to_grey(tf, input_tensor)))
    spec = tf.TensorSpec((1, SPEC.height, SPEC.width, 1), tf.float32, name="image")
    (folder / "model.tflite").write_bytes(frozen_litert(tf, answer, spec))
    make_card(folder, role=role).save(folder)
