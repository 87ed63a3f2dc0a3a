"""Writes a classifier's model folder from a finished run, as export.py does a detector's.

In: a Classifier, its run folder, the models folder. Out: models/<name>/ complete. The SavedModel takes pictures of any
size, as a detector's does, and answers with ``image_scores`` (N, C) and, where the network has them, ``class_maps``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from cxr_core.card import ModelCard
from training import classifier_network
from training.classifier import Classifier
from training.classifier_fit import network_of
from training.export import halve, write_folder
from training.serve import Raw, letterbox


def export(recipe: Classifier, run: Path, models: Path) -> Path:
    """Writes the model folder and checks that both runtimes agree; returns its path."""

    def serve(raw: Raw, card: ModelCard) -> Any:
        return serving(raw, card.input.height)

    return write_folder(recipe, run, models, shipped(run), serve)


def shipped(run: Path) -> keras.Model:
    """The network of a finished run as its files hold it: scales folded, weights rounded to half precision."""
    model = network_of(run)
    halve(model)
    return classifier_network.inference(model)


def serving(raw: Raw, size: int) -> Any:
    """A tf.function over uint8 pictures (N, H, W, 3) around ``raw``, which takes (N, size, size, 1) float32 greys."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "input_tensor")])
    def serve(input_tensor: Any) -> dict[str, Any]:
        film, _, _ = letterbox(input_tensor, size)
        return raw(film)

    return serve
