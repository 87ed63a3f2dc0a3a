"""The gate's network: the first blocks of EfficientNet-Lite0, frozen, and a small head that keeps the places of things.

In: float32 (N, S, S, 1), 0-255, letterboxed. ``eyes`` gives the trunk's map (N, S / 16, S / 16, 112); ``head`` turns it
into ``flags`` (N, 4) logits of recipe.FLAGS, ``turn`` (N, 4) logits of quarters turned, and ``feature`` (N, 96).
``inference`` joins them with side.py's network and says what recipe.OUTPUTS names. Pooling alone would not do: which
way is up is a matter of place. The trunk keeps ImageNet's weights: what it should tell from films are pictures of every
other kind.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from training import imagenet, trunk
from training.gate.recipe import FLAGS, OUTPUTS, Recipe

FEATURES, CHANNELS = 96, 112


def eyes(recipe: Recipe) -> keras.Model:
    """Film to the trunk's map, with ImageNet's weights."""
    film = keras.Input((recipe.size, recipe.size, 1), name="film")
    whole = keras.Model(film, trunk.features(film)["pooled"])
    trunk.load_imagenet(whole, imagenet.lite0_state())
    return keras.Model(film, whole.get_layer(f"block{recipe.blocks - 1}_project").output, name="eyes")


def head(recipe: Recipe) -> keras.Model:
    """The trunk's map to logits and the feature, with random weights."""
    side = recipe.size // 16
    seen = keras.Input((side, side, CHANNELS), name="map")
    narrow = keras.layers.Conv2D(recipe.narrow, 1, activation="relu", name="head_narrow")(seen)
    means = keras.layers.GlobalAveragePooling2D()(seen)
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(narrow), means])
    joined = keras.layers.Dropout(recipe.dropout, seed=recipe.seed)(joined)
    feature = keras.layers.Dense(FEATURES, activation="relu", name="head_feature")(joined)
    return keras.Model(
        seen,
        {
            "flags": keras.layers.Dense(len(FLAGS), name="head_flags")(feature),
            "turn": keras.layers.Dense(4, name="head_turn")(feature),
            "feature": feature,
        },
        name="head",
    )


def inference(
    eyes: keras.Model, head: keras.Model, side: keras.Model, centre: np.ndarray, whitening: np.ndarray
) -> keras.Model:
    """``image_scores`` (N, 8) in the order of OUTPUTS and ``distance`` (N, 1) of the whitened feature from its centre.

    ``side``: film to ``score``, the log-odds that it is mirrored, if it stands upright.
    ``centre`` (96,) and ``whitening`` (96, 96) are measured on films; the distance is Mahalanobis', divided by the
    root of the number of features, so that a film's is about 1.
    """
    found = head(eyes.output)
    flags, turn = ops.sigmoid(found["flags"]), ops.softmax(found["turn"], axis=-1)
    named = {name: flags[:, place : place + 1] for place, name in enumerate(FLAGS)}
    named["mirrored"] = ops.sigmoid(side(eyes.input)["score"])
    named |= {f"turned_{90 * quarter}": turn[:, quarter : quarter + 1] for quarter in (1, 2, 3)}
    scores = ops.concatenate([named[name] for name in OUTPUTS], axis=-1)
    white = ops.matmul(found["feature"] - centre.astype(np.float32), whitening.astype(np.float32))
    distance = ops.sqrt(ops.mean(white * white, axis=-1, keepdims=True))
    return keras.Model(eyes.input, {"image_scores": scores, "distance": distance}, name="gate")


def loss(y: Any, found: Any) -> dict[str, Any]:
    """Mean cross-entropy of the flags and of the turn, over what is known; ``y`` as batches.py makes it."""
    z, truth, known = found["flags"], y["flags"], y["known"]
    each = ops.relu(z) - z * truth + ops.log1p(ops.exp(-ops.abs(z)))
    turn = -ops.sum(y["turn"] * ops.log_softmax(found["turn"], axis=-1), -1)
    mask = ops.sum(y["turn"], -1)
    return {
        "flags": ops.sum(each * known) / ops.maximum(ops.sum(known), 1.0) * len(FLAGS),
        "turn": ops.sum(turn) / ops.maximum(ops.sum(mask), 1.0),
    }
