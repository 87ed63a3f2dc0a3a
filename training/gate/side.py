"""Which side is the heart on: a network that looks at a film and at its mirror image, and says which is which.

In: float32 (N, S, S, 1), 0-255, upright. Out: ``score`` (N, 1), above 0 where left and right seem exchanged. The score
is f(film) - f(mirror image of the film), so a film's and its mirror image's are exactly opposite: there is nothing to
learn but where left and right differ, and every film teaches both. It knows no turns: what lies on its side is put
upright first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from cxr_core.gate.see import stretched
from training import fit, imagenet, runs, trunk
from training.batches import Batch, Steps
from training.gate import views
from training.gate.films import Film, Library
from training.gate.recipe import SideRecipe
from training.learner import Trainee


def one_way(recipe: SideRecipe) -> keras.Model:
    """f: a film to one number, (N, 1), with ImageNet's weights below and random ones on top."""
    film = keras.Input((recipe.size, recipe.size, 1), name="film")
    whole = keras.Model(film, trunk.features(film)["pooled"])
    trunk.load_imagenet(whole, imagenet.lite0_state())
    seen = whole.get_layer(f"block{recipe.blocks - 1}_project").output
    narrow = keras.layers.Conv2D(recipe.narrow, 1, activation="relu", name="head_side_narrow")(seen)
    means = keras.layers.GlobalAveragePooling2D()(seen)
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(narrow), means])
    joined = keras.layers.Dropout(recipe.dropout, seed=recipe.seed)(joined)
    feature = keras.layers.Dense(recipe.features, activation="relu", name="head_side_feature")(joined)
    # Without a bias: it would cancel.
    score = keras.layers.Dense(1, use_bias=False, name="head_side_score")(feature)
    model = keras.Model(film, score, name="one_way")
    trunk.freeze(model, recipe.frozen_blocks)
    return model


def both_ways(f: keras.Model) -> keras.Model:
    """Film to ``score``: f(film) - f(its mirror image)."""
    film = keras.Input(f.input_shape[1:], name="film")
    return keras.Model(film, {"score": f(film) - f(ops.flip(film, axis=2))}, name="side")


class Learner(Trainee):
    """Films that are the right way round, whose score should lie below 0."""

    def __init__(self, network: keras.Model, recipe: SideRecipe) -> None:
        super().__init__(network, recipe, ())  # type: ignore[arg-type]  # it has what a System's optimiser needs
        self.smoothing = recipe.smoothing

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean cross-entropy of "left and right are exchanged"."""
        del x, y, sample_weight, training
        score = y_pred["score"]
        return ops.mean(ops.softplus(score) - self.smoothing * score)


class Pairs(Steps):
    """Batches of films as hospitals send them; ``rows`` of the films by source."""

    def __init__(self, recipe: SideRecipe, library: Library, films: Sequence[Film]) -> None:
        self.recipe, self.library, self.films_ = recipe, library, films
        self._system = recipe  # type: ignore[assignment]  # it has strata and seed
        self._strata = {
            name: np.array([row for row, film in enumerate(films) if film.source == name], np.int64)
            for name in recipe.strata
        }

    @property
    def epoch(self) -> int:
        """Steps in which as many films are drawn as there are."""
        return max(1, len(self.films_) // sum(self.recipe.strata.values()))

    def item(self, row: int, rng: np.random.Generator) -> Batch:
        """One film under a random view, parts of it covered, so that no single sign of the side will do."""
        film = self.library.picture(self.films_[row])
        if not self.recipe.hard:
            picture, _ = views.whole(film, rng, self.recipe.size)
            return {"film": stretched(picture)[..., None], "truth": np.zeros(1, np.float32)}
        # Marks are written on a film or on its mirror image: what a letter looks like must tell nothing.
        backwards = rng.random() < 0.5
        picture, _ = views.whole(film[:, ::-1] if backwards else film, rng, self.recipe.size)
        seen = stretched(picture[:, ::-1] if backwards else picture)
        return {"film": covered(clouded(seen, rng), rng)[..., None], "truth": np.zeros(1, np.float32)}


def clouded(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The film (S, S), at times with a white cloud over a part of it: an ill lung hides the heart's edge."""
    if rng.random() < 0.6:
        return film
    size = len(film)
    y, x = np.mgrid[0:size, 0:size] / size
    out = film
    for _ in range(int(rng.integers(1, 3))):
        (middle_x, middle_y), (wide, high) = rng.uniform(0.15, 0.85, 2), rng.uniform(0.06, 0.25, 2)
        cloud = np.exp(-0.5 * (((x - middle_x) / wide) ** 2 + ((y - middle_y) / high) ** 2))
        out = out + np.float32(rng.uniform(0.3, 1.0)) * cloud.astype(np.float32) * (235 - out)
    return np.asarray(np.clip(out, 0, 255), np.float32)


def covered(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The film (S, S), at times with one to three boxes of an even grey on it."""
    if rng.random() < 0.5:
        return film
    size, out = len(film), film.copy()
    for _ in range(int(rng.integers(1, 4))):
        wide, high = (int(rng.uniform(0.08, 0.4) * size) for _ in range(2))
        left, top = int(rng.integers(0, size - wide)), int(rng.integers(0, size - high))
        out[top : top + high, left : left + wide] = rng.uniform(0, 255)
    return out


def fit_side(recipe: SideRecipe, library: Library, films: Sequence[Film], run: Path) -> None:
    """Trains, or goes on training, in ``run``; leaves weights.npz there. ``recipe.start`` is trained in run/first."""
    if recipe.start:
        fit_side(recipe.start, library, films, run / "first")
    run.mkdir(parents=True, exist_ok=True)
    if (run / runs.WEIGHTS).is_file():
        return
    keras.utils.set_random_seed(recipe.seed)
    f = one_way(recipe)
    if recipe.start:
        runs.load_trunk(run / "first", f)
    learner = Learner(both_ways(f), recipe)
    plan = fit.Plan(steps=recipe.steps)
    fit.Loop(learner, Pairs(recipe, library, films), recipe, run, plan).run()  # type: ignore[arg-type]
    learner.use_average()
    runs.save_weights(run, learner.network)


def trained(recipe: SideRecipe, run: Path) -> keras.Model:
    """The network of ``one_way`` as ``fit_side`` left it."""
    f = one_way(recipe)
    runs.load_weights(run, both_ways(f))
    return f
