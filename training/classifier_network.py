"""The classifiers' networks in keras.ops alone: a small CNN as published, or EfficientNet-Lite0 with a head.

In: float32 (N, S, S, 1), 0-255, letterboxed. Out, while training: ``logits`` (N, C), one yes-or-no a class, and of the
trunk also ``class_maps`` (N, S/32, S/32, C), whose sum over cells plus one constant a class is the logit. ``inference``
turns them into ``image_scores`` (N, C) in [0, 1] and the same maps. It knows no class's name.

The trunk's head is a dense layer on each cell and a mean over the cells. That is a dense layer on pooled features, as
both are linear, and it shows what each cell says (Zhou 2016).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training import trunk
from training.classifier import Shape

LAST_FEATURES = {"cnn": "last_features", "trunk": "head_features"}
"""Layer whose output Grad-CAM reads."""

_DENSE = 64


def build(shape: Shape) -> keras.Model:
    """The trainable network with random weights (for the trunk see trunk.load_imagenet)."""
    film = keras.Input((shape.size, shape.size, 1), name="film")
    outputs = _cnn(film, shape) if shape.body == "cnn" else _trunk(film, shape)
    return keras.Model(film, outputs, name="cxr_classifier")


def _cnn(film: Any, shape: Shape) -> dict[str, Any]:
    """Conv2D 32 3x3 ReLU first, then convolution, pooling, dropout; dense; one logit a class."""
    layers = keras.layers
    x = layers.Rescaling(1 / 255, name="rescale")(film)
    x = layers.Concatenate(name="colours")([x, x, x])  # the published network sees three equal colours
    for index, width in enumerate((32, 32, 64, 64)):
        name = "last_features" if index == 3 else f"convolution{index}"
        x = layers.Conv2D(width, 3, activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
        x = layers.Dropout(shape.dropout / 2, name=f"dropout{index}", seed=index)(x)
    x = layers.Dense(_DENSE, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    x = layers.Dropout(shape.dropout, name="dropout_dense", seed=9)(x)
    return {"logits": layers.Dense(shape.classes, name="head_logits")(x)}


def _trunk(film: Any, shape: Shape) -> dict[str, Any]:
    layers = keras.layers
    features = layers.Identity(name="head_features")(trunk.features(film)["pooled"])
    # whole channels are dropped, as dropout on the pooled features would
    features = layers.SpatialDropout2D(shape.dropout, name="head_dropout", seed=1)(features)
    start = keras.initializers.RandomNormal(stddev=0.01, seed=2)
    votes = layers.Dense(shape.classes, use_bias=False, kernel_initializer=start, name="head_votes")(features)
    maps = CellShare(name="head_maps")(votes)
    return {"logits": Total(name="head_logits")(maps), "class_maps": maps}


@keras.saving.register_keras_serializable("cxr_training")
class CellShare(keras.layers.Layer):
    """(N, h, w, C) -> the same divided by the number of cells: each cell's share of the mean."""

    def call(self, votes: Any) -> Any:
        """Class maps."""
        return votes / float(votes.shape[1] * votes.shape[2])


@keras.saving.register_keras_serializable("cxr_training")
class Total(keras.layers.Layer):
    """Class maps (N, h, w, C) -> logits (N, C): their sum and a learned constant a class."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """The constants."""
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")

    def call(self, maps: Any) -> Any:
        """Logits."""
        return ops.sum(maps, (1, 2)) + self.bias


@keras.saving.register_keras_serializable("cxr_training")
class Scores(keras.layers.Layer):
    """Training outputs -> what the runtimes return."""

    def call(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """image_scores, and class_maps where the network has them."""
        maps = {"class_maps": outputs["class_maps"]} if "class_maps" in outputs else {}
        return {"image_scores": ops.sigmoid(outputs["logits"]), **maps}


def inference(network: keras.Model) -> keras.Model:
    """The network as the runtimes see it."""
    film = keras.Input(network.input_shape[1:], name="film")
    return keras.Model(film, Scores(name="inference")(network(film, training=False)), name="cxr_classifier_inference")
