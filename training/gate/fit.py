"""Trains the gate in four steps, each of which a stopped run takes up where it was.

In: data folder, run folder. Out: runs/gate/ with config.json, eyes.tflite (the frozen trunk), seen-NNN.npz (what it saw
of the drawn pictures), weights.npz (the head), log.csv, and side/ (which side the heart is on; side/first/ before it).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import keras

from training import runs
from training.data import VALIDATION
from training.export import frozen, halve, litert
from training.gate import features, learn, network, side
from training.gate.batches import Batches
from training.gate.films import drawn, library, training_folds
from training.gate.recipe import Recipe

EYES, SIDE = "eyes.tflite", "side"


def fit(recipe: Recipe, folder: Path, run: Path) -> Path:
    """Trains, or goes on training; returns the run folder."""
    shelf = library(folder, run.parent / "cache")
    config = {"recipe": asdict(recipe), "held_out_fold": VALIDATION, "history": ["ImageNet"], "seed": recipe.seed}
    runs.write_config(run, config | {"data_sha256": shelf.digest})
    if not (run / EYES).is_file():
        (run / EYES).write_bytes(_eyes(recipe))
    batches = Batches(recipe, shelf, shelf.of_folds(*training_folds()), drawn(run.parent / "cache", recipe.size))
    features.collect(batches, features.Eyes(run / EYES), run, recipe.chunks)
    if not (run / learn.WEIGHTS).is_file():
        learn.learn(recipe, run)
    side.fit_side(recipe.side, shelf, batches.films, run / SIDE)
    return run


def _eyes(recipe: Recipe) -> bytes:
    """The frozen trunk as a LiteRT file."""
    eyes = network.eyes(recipe)
    halve(eyes)
    return litert(frozen(keras.Model(eyes.input, {"map": eyes.output}), 1), recipe.size)
