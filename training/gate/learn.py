"""Trains the gate's head on what the frozen trunk has seen, and measures where films lie among its features.

In: the chunks of features.py. Out: run/weights.npz (the head's variables by path, ``centre``, ``whitening``), log.csv.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from training.errors import Diverged
from training.gate import network
from training.gate.features import collected
from training.gate.recipe import Recipe
from training.trunk import values

WEIGHTS = "weights.npz"
_BATCH, _SHRINK = 128, 0.05


def learn(recipe: Recipe, run: Path) -> None:
    """Trains for the recipe's epochs; writes the weights."""
    keras.utils.set_random_seed(recipe.seed)
    chunks = list(collected(run))
    data = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
    learner = Learner(network.head(recipe), recipe)
    _epochs(learner, data, recipe, run / "log.csv")
    learner.optimizer.finalize_variable_values(learner.network.trainable_variables)
    centre, whitening = _density(learner.network, data)
    named = {variable.path: values(variable) for variable in learner.network.trainable_variables}
    np.savez(run / WEIGHTS, centre=centre, whitening=whitening, **named)  # type: ignore[arg-type]


def restore(recipe: Recipe, run: Path) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """The trained head, the centre of films and the whitening of their features."""
    head = network.head(recipe)
    with np.load(run / WEIGHTS) as stored:
        for variable in head.trainable_variables:
            variable.assign(stored[variable.path])
        return head, stored["centre"], stored["whitening"]


class Learner(keras.Model):
    """The head with its losses and optimiser."""

    def __init__(self, head: keras.Model, recipe: Recipe) -> None:
        super().__init__(name="learner")
        self.network = head
        optimizer = keras.optimizers.AdamW(
            recipe.rate, weight_decay=recipe.decay, global_clipnorm=recipe.clip, use_ema=True, ema_momentum=0.99
        )
        self.compile(optimizer=optimizer, jit_compile=False)
        optimizer.build(head.trainable_variables)

    def call(self, seen: Any, training: bool = False) -> Any:
        """The head's logits."""
        return self.network(seen, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Sum of the two terms."""
        del x, sample_weight, training
        return sum(network.loss(y, y_pred).values())


def _epochs(learner: Learner, data: dict[str, np.ndarray], recipe: Recipe, path: Path) -> None:
    count = len(data["map"])
    steps = count // _BATCH
    total = steps * recipe.epochs
    with path.open("w", newline="") as stream:
        log = csv.writer(stream)
        log.writerow(["epoch", "loss"])
        for epoch in tqdm(range(recipe.epochs), desc="learning", unit="epoch"):
            order, losses = np.random.default_rng([recipe.seed, epoch]).permutation(count), []
            for step in range(steps):
                rows = np.sort(order[step * _BATCH : (step + 1) * _BATCH])
                at = (epoch * steps + step) / total
                learner.optimizer.learning_rate.assign(recipe.rate * (0.02 + 0.49 * (1 + math.cos(math.pi * at))))
                batch = {key: value[rows] for key, value in data.items()}
                told = learner.train_on_batch(batch.pop("map").astype(np.float32), batch, return_dict=True)
                losses.append(float(told["loss"]))
            if not math.isfinite(losses[-1]):
                raise Diverged(f"the loss is not a number in epoch {epoch}; lower the rate")
            log.writerow([epoch, f"{np.mean(losses):.4f}"])
            stream.flush()


def _density(head: keras.Model, data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Centre (96,) and whitening (96, 96) of the features of films as they should be.

    The covariance is shrunk towards a multiple of the unit matrix, so that features that films never use do not make a
    distance out of nothing.
    """
    first = data["turn"][:, 0] > 0
    fine = first & (data["flags"].sum(1) == 0) & (data["known"].sum(1) == data["known"].shape[1])
    rows = np.flatnonzero(fine)[:6000]
    found = [head(data["map"][part].astype(np.float32))["feature"] for part in np.array_split(rows, 24)]
    features = np.concatenate([np.asarray(item) for item in found])
    centre = features.mean(0)
    covariance = np.cov(features, rowvar=False)
    covariance = (1 - _SHRINK) * covariance + _SHRINK * np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    scale, axes = np.linalg.eigh(covariance)
    return centre, axes / np.sqrt(scale)
