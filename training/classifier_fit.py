"""Trains a classifier: draws its films, checks them, reads them once, and steps by the loop all systems share.

In: a Classifier, a data folder, a run folder. Out: the run folder filled (runs.py), with the drawn films' names in
``films.json``. A killed run started again with the same command goes on from its last checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from training import augment, classifier_network, data, imagenet, losses, patients, runs, trunk
from training.batches import Batch, Steps
from training.cache import films
from training.classifier import Classifier, Split, shape_from, split
from training.data import Example
from training.errors import RunError
from training.fit import Loop, Plan, claim, held_out, history
from training.learner import Trainee

FILMS = "films.json"


class ClassifierBatches(Steps):
    """Batches of film (N, S, S, 1) float32 0-255, truth and known (N, C)."""

    def __init__(
        self, recipe: Classifier, examples: Sequence[Example], pixels: np.ndarray, rows: Sequence[int]
    ) -> None:
        super().__init__(recipe, examples, pixels, rows)
        self.recipe = recipe

    def item(self, row: int, rng: np.random.Generator) -> Batch:
        """Film and image-level truth."""
        recipe, targets = self.recipe, self.examples[row].targets
        film = augment.render(self.films[row], augment.draw(rng, recipe.augment), recipe.size, rng)
        return {
            "film": film[..., None].astype(np.float32),
            "truth": np.array([targets.get(name, 0) for name in recipe.targets], np.float32),
            "known": np.array([name in targets for name in recipe.targets], np.float32),
        }


class ClassifierLearner(Trainee):
    """Binary cross-entropy of each class."""

    def __init__(self, network: keras.Model, recipe: Classifier) -> None:
        super().__init__(network, recipe, ())
        self.recipe = recipe

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """``y`` is a batch without its film."""
        del x, sample_weight, training
        return losses.masked_bce(y_pred["logits"], y["truth"], y["known"], self.recipe.smoothing)


def fit(recipe: Classifier, folder: Path, run: Path, plan: Plan) -> Path:
    """Trains, or goes on training; returns the run folder."""
    cv2.setNumThreads(1)
    _check(recipe, plan)
    examples = recipe.read(folder)
    rows = split(recipe, examples, plan.held_out)
    used = [examples[row] for row in (*rows.train, *rows.validation)]
    data.check([examples[row] for row in rows.train], (), recipe.targets, recipe.strata)
    data.check(used, (), (), ())  # no group in two folds, the films kept for validation included
    patients.refuse_seen(plan.origin, [*held_out(examples, plan), *(examples[row] for row in rows.validation)])
    cached = films(used, recipe.cache_size, run.parent / "cache")
    config = runs.describe(recipe, recipe.shape, cached.digest, plan.held_out, _history(recipe, plan))
    claim(run, config | {"annotations_sha256": data.digest(used)})
    write_films(run, examples, rows)
    patients.write(run, [examples[row] for row in rows.train], plan.origin)
    keras.utils.set_random_seed(recipe.seed)
    learner = ClassifierLearner(_network(recipe, plan), recipe)
    if plan.steps is None and plan.minutes is None:
        plan = replace(plan, steps=recipe.steps)
    batches = ClassifierBatches(recipe, used, cached.pixels, range(len(rows.train)))
    Loop(learner, batches, recipe, run, plan).run()
    learner.use_average()
    runs.save_weights(run, learner.network)
    return run


def _check(recipe: Classifier, plan: Plan) -> None:
    """What a plan may ask of a detector and not of this recipe."""
    if plan.feedback:
        raise RunError(f"{recipe.name} cannot learn from reviewed films: they name findings, not its classes")
    if plan.trunk and recipe.body != "trunk":
        raise RunError(f"{recipe.name} has no trunk to fill from {plan.trunk.name}; leave --trunk out")


def _history(recipe: Classifier, plan: Plan) -> list[str]:
    """As of any system; but the small CNN starts from nothing."""
    found = history(plan)
    return ["random weights"] if recipe.body == "cnn" and not plan.start else found


def _network(recipe: Classifier, plan: Plan) -> keras.Model:
    model = classifier_network.build(recipe.shape)
    if plan.start:
        runs.load_weights(plan.start, model)
    elif plan.trunk:
        runs.load_trunk(plan.trunk, model)
    elif plan.pretrained and recipe.body == "trunk":
        trunk.load_imagenet(model, imagenet.lite0_state())
    trunk.freeze(model, recipe.frozen_blocks)
    return model


def write_films(run: Path, examples: Sequence[Example], rows: Split) -> None:
    """The names of the films trained on and kept for validation, so that a measurement can leave both out."""
    named = {key: [examples[row].name for row in getattr(rows, key)] for key in ("train", "validation")}
    (run / FILMS).write_text(json.dumps(named, indent=0))


def read_films(run: Path) -> dict[str, frozenset[str]]:
    """What ``write_films`` wrote; RunError if the run has none."""
    path = run / FILMS
    if not path.is_file():
        raise RunError(f"{run.name} has no {FILMS}: it is not a classifier's run, or not begun")
    return {key: frozenset(names) for key, names in json.loads(path.read_text()).items()}


def network_of(run: Path) -> keras.Model:
    """The trained network of a finished run."""
    model = classifier_network.build(shape_from(runs.read_config(run)))
    runs.load_weights(run, model)
    return model
