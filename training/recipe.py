"""A recipe: everything that distinguishes one trained system from another, as one frozen record.

In: nothing. Out: Recipe, and ``load`` by name. It does not know how to train.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cxr_core.card import Decoding, Role
from cxr_core.records import Urgency
from training.data import Classes, Example
from training.errors import RecipeError
from training.network import Place


@dataclass(frozen=True, slots=True)
class Label:
    """A class that leaves the network, as the card will show it. The order is the label map's, from 1."""

    name: str
    finding: str | None
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the loss terms, and label smoothing of the image-level ones."""

    pooled: float
    attended: float
    location: float
    heat: float
    giou: float
    smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Augment:
    """Ranges of the random views of a film; all uniform, the first seven geometric.

    ``squeeze``: with probability ``squeeze_chance`` one side shrinks to no less than this share and black bars fill
    the rest, because a hospital's films are letterboxed and the training files are square.
    """

    flip: bool = False
    rotation: float = 7.0
    scale: tuple[float, float] = (0.88, 1.15)
    aspect: float = 0.06
    shift: float = 0.06
    squeeze: float = 0.75
    squeeze_chance: float = 0.35
    shear: float = 0.0
    gamma: float = 0.25
    contrast: float = 0.2
    brightness: float = 0.08
    noise_chance: float = 0.5
    noise: float = 6.0
    blur_chance: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What every trained system has, detector or classifier.

    ``strata``: how many images of each stratum make a batch. ``read``: a data folder to examples. ``kind`` names the
    modules that train, measure and export it (kinds.py); ``role`` is the card's. ``steady``: the learning rate
    neither rises nor falls.
    """

    kind: ClassVar[str] = ""
    role: ClassVar[Role] = "detector"

    name: str
    title: str
    task: str
    labels: tuple[Label, ...]
    read: Callable[[Path], list[Example]]
    strata: Mapping[str, int]
    size: int
    cache_size: int
    augment: Augment = Augment()
    frozen_blocks: int = 3
    trunk_rate: float = 3e-4
    head_rate: float = 1e-3
    decay: float = 1e-2
    clip: float = 10.0
    warm_up: int = 60
    steady: bool = False
    average: float = 0.99
    seed: int = 1
    minutes: float = 30.0
    evaluation: str = ""
    limits: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size % 32 or not self.strata:
            raise RecipeError(f"{self.name}: size must be a multiple of 32 and strata not empty")

    @property
    def batch(self) -> int:
        """Images a step."""
        return sum(self.strata.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(System):
    """A detector.

    ``box_classes``: names a box may have, of which the first ``len(labels)`` leave the network. ``targets``: names of
    image-level targets, of which the first ``attended`` also have an attention-pooled head. ``black``: classes of boxes
    that are black on every training film, for a control. ``decoding``: how its raw boxes become findings.
    """

    kind: ClassVar[str] = "detector"

    box_classes: tuple[str, ...]
    targets: tuple[str, ...]
    attended: int
    weights: Weights
    place: Place
    width: int = 128
    depth: int = 4
    fine: bool = True
    black: tuple[str, ...] = ()
    classes: Classes | None = None
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        System.__post_init__(self)  # super() does not know a class that slots=True has made anew
        if len(self.labels) > len(self.box_classes) or self.attended > len(self.targets):
            raise RecipeError(f"{self.name}: more labels than box classes, or more attended targets than targets")


def names() -> tuple[str, ...]:
    """The recipes there are."""
    from training import recipes  # noqa: PLC0415 recipes import this module

    return tuple(sorted(item.name for item in pkgutil.iter_modules(recipes.__path__)))


def load(name: str) -> System:
    """The recipe of that name; RecipeError lists the others."""
    if name not in names():
        raise RecipeError(f"no recipe {name!r}; there are {', '.join(names())}")
    recipe: System = importlib.import_module(f"training.recipes.{name}").RECIPE
    return recipe
