"""The recipe of a classifier: one answer a film and class, no boxes; shipped as a second opinion.

In: nothing. Out: Classifier and the network's Shape, and which rows teach and which are kept for validation. It does
not know how to train.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from cxr_core.card import Role
from training.data import Example
from training.errors import EmptyClass, RecipeError
from training.recipe import System

Body = Literal["cnn", "trunk"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What distinguishes one classifier's network from another: ``body`` is the small CNN or EfficientNet-Lite0."""

    body: Body
    size: int
    classes: int
    dropout: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier(System):
    """A classifier.

    ``targets``: image-level targets, in the label map's order. ``films``: how many films of each stratum are drawn for
    it, 0 for all; of a drawn set, the share ``validation`` is kept apart by group. ``steps``: length of a run that is
    told none.
    """

    kind: ClassVar[str] = "classifier"
    role: ClassVar[Role] = "second_opinion"

    targets: tuple[str, ...]
    body: Body
    steps: int
    films: int = 0
    validation: float = 0.0
    smoothing: float = 0.0
    dropout: float = 0.3

    def __post_init__(self) -> None:
        System.__post_init__(self)  # super() does not know a class that slots=True has made anew
        if len(self.targets) != len(self.labels):
            raise RecipeError(f"{self.name}: {len(self.labels)} labels for {len(self.targets)} targets")
        if not 0 <= self.validation < 1 or (self.validation > 0) != (self.films > 0):
            raise RecipeError(f"{self.name}: validation must be a share of a drawn set of films")

    @property
    def shape(self) -> Shape:
        """Its network's shape."""
        return Shape(self.body, self.size, len(self.targets), self.dropout)


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to train on, and rows of the drawn set kept for validation; no group stands in both."""

    train: tuple[int, ...]
    validation: tuple[int, ...] = ()


def split(recipe: Classifier, examples: Sequence[Example], held_out: int | None) -> Split:
    """All films outside the fold held out, or a balanced draw of them; the same for the same seed and films."""
    rows = [row for row, item in enumerate(examples) if item.stratum and item.fold != held_out]
    if not recipe.films:
        return Split(tuple(rows))
    train: list[int] = []
    kept: list[int] = []
    for number, stratum in enumerate(recipe.strata):
        mine = [row for row in rows if examples[row].stratum == stratum]
        if len(mine) < recipe.films:
            raise EmptyClass(f"{recipe.name} draws {recipe.films} films of {stratum}; there are only {len(mine)}")
        order = np.random.default_rng([recipe.seed, number]).permutation(len(mine))
        drawn = [mine[index] for index in order[: recipe.films]]
        kept += _last_groups(drawn, examples, math.ceil(recipe.films * recipe.validation))
        train += [row for row in drawn if row not in kept]
    apart = {examples[row].group for row in kept}
    return Split(tuple(row for row in train if examples[row].group not in apart), tuple(kept))


def _last_groups(rows: Sequence[int], examples: Sequence[Example], count: int) -> list[int]:
    """Whole groups from the end of ``rows`` until at least ``count`` rows are taken."""
    taken: list[int] = []
    for row in reversed(rows):
        if len(taken) >= count:
            break
        if row not in taken:
            taken += [other for other in rows if examples[other].group == examples[row].group]
    return taken


def shape_from(config: dict[str, Any]) -> Shape:
    """The shape a run was trained with."""
    return Shape(**config["shape"])
