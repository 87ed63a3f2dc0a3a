"""Grad-CAM pictures of a classifier: where a class's score comes from, by TensorFlow's gradients (Selvaraju 2017).

In: a finished run, pictures, a class. Out: a PNG a picture, the film in grey with the map in colour over it. Each is
scaled to its own strongest place, as Grad-CAM pictures are: a faint map looks as strong as a clear one, so the score
stands in the file's name. The maps that the app draws (class_maps) are on one scale and need no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from cxr_core.card import InputSpec
from cxr_core.prepare import Placement, letterbox
from training import runs
from training.cache import grey
from training.classifier import Classifier, Shape, shape_from
from training.classifier_fit import network_of
from training.classifier_network import LAST_FEATURES
from training.errors import MissingData, RecipeError

PICTURES = (".png", ".jpg", ".jpeg", ".dcm")
_STRENGTH = 0.45  # of the colour where the map is strongest


class GradCam:
    """The network cut at its last features."""

    def __init__(self, network: keras.Model, shape: Shape) -> None:
        last = network.get_layer(LAST_FEATURES[shape.body]).output
        self._before = keras.Model(network.input, last)
        self._after = keras.Model(last, network.output["logits"])

    def maps(self, films: np.ndarray, kind: int) -> tuple[np.ndarray, np.ndarray]:
        """Maps (N, h, w) float32 from 0 and scores (N,) of films (N, S, S, 1) float32 0-255, for class ``kind``.

        The mean gradient of the logit by each feature map weighs that map; what speaks against is cut off.
        """
        features = self._before(films, training=False)
        with tf.GradientTape() as tape:
            tape.watch(features)
            logits = self._after(features, training=False)[:, kind]
        weights = tf.reduce_mean(tape.gradient(logits, features), (1, 2), keepdims=True)
        maps = tf.nn.relu(tf.reduce_sum(weights * features, -1))
        return np.asarray(maps.numpy()), np.asarray(tf.sigmoid(logits).numpy())


def explain(recipe: Classifier, run: Path, images: Sequence[Path], label: str, out: Path) -> list[Path]:
    """Writes ``out``/NAME_SCORE.png for each picture, or each picture in a folder; returns their paths."""
    names = [item.name for item in recipe.labels]
    if label not in names:
        raise RecipeError(f"{recipe.name} has no class {label!r}; it has {', '.join(names)}")
    pictures = found(images)
    shape = shape_from(runs.read_config(run))
    cam, spec = GradCam(network_of(run), shape), InputSpec(shape.size, shape.size)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for path in pictures:
        pixels = grey(path.read_bytes(), path.name)
        film, placement = letterbox(pixels.astype(np.uint16) * np.uint16(257), spec)
        (heat,), (score,) = cam.maps(film[None], names.index(label))
        target = out / f"{path.stem}_{score:.3f}.png"
        cv2.imwrite(str(target), overlay(pixels, on_film(heat, placement, spec)))
        written.append(target)
    return written


def found(images: Sequence[Path]) -> list[Path]:
    """The pictures named and those in the folders named; MissingData if there is none."""
    paths: list[Path] = []
    for item in images:
        inside = sorted(item.iterdir()) if item.is_dir() else [item]
        paths += [path for path in inside if path.is_file() and (item == path or path.suffix.lower() in PICTURES)]
    if not paths:
        raise MissingData(f"no picture in {', '.join(item.name for item in images)}; expected {', '.join(PICTURES)}")
    return paths


def on_film(heat: np.ndarray, placement: Placement, spec: InputSpec) -> np.ndarray:
    """A map (h, w) over the model's input -> (H, W) float32 over the film, 1 at its strongest place."""
    whole = cv2.resize(heat, (spec.width, spec.height), interpolation=cv2.INTER_CUBIC)
    rows = slice(placement.top, placement.top + placement.drawn_height)
    drawn = whole[rows, placement.left : placement.left + placement.drawn_width]
    over = np.maximum(cv2.resize(drawn, (placement.width, placement.height), interpolation=cv2.INTER_LINEAR), 0.0)
    return np.asarray(over / max(float(over.max()), 1e-12), np.float32)


def overlay(pixels: np.ndarray, strength: np.ndarray) -> Any:
    """(H, W) uint8 film and (H, W) strength in [0, 1] -> (H, W, 3) uint8 BGR; untouched where the map is 0."""
    colours = cv2.applyColorMap(np.rint(strength * 255).astype(np.uint8), cv2.COLORMAP_TURBO).astype(np.float32)
    share = (_STRENGTH * strength)[..., None]
    return np.rint(pixels[..., None] * (1 - share) + colours * share).astype(np.uint8)
