"""The gate's recipe: sizes, shares of a batch and rates, in frozen records.

In: nothing. Out: Recipe and its one instance RECIPE. It does not know how to train.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OUTPUTS = ("other", "turned_90", "turned_180", "turned_270", "mirrored", "inverted", "cut_off", "spoilt")
"""What the network says of a picture, each from 0 to 1; ``cxr_core.gate`` reads them by these names."""

FLAGS = ("other", "inverted", "cut_off", "spoilt")
"""What the head is trained on beside the turn; "mirrored" is side.py's."""

TURNS = ("turned_90", "turned_180", "turned_270")


@dataclass(frozen=True, slots=True)
class SideRecipe:
    """One network for the side. ``strata``: films of each source in a batch; each gives itself and its mirror image.

    ``smoothing``: the truth is taken for this much less than certain, because a heart may lie on the right. ``hard``:
    parts of the films are covered. ``start``: the recipe whose trunk this one goes on from, else ImageNet's.
    """

    name: str = "side"
    size: int = 160
    blocks: int = 9
    frozen_blocks: int = 5
    narrow: int = 32
    features: int = 96
    dropout: float = 0.4
    smoothing: float = 0.01
    hard: bool = True
    strata: dict[str, int] = field(default_factory=lambda: {"nih": 10, "siim": 12, "radiography": 10})
    trunk_rate: float = 5e-4
    head_rate: float = 1.5e-3
    decay: float = 2e-2
    clip: float = 5.0
    warm_up: int = 60
    steady: bool = False
    average: float = 0.99
    seed: int = 1
    steps: int = 2600
    start: SideRecipe | None = None


# Small and easy first: it costs a third less a step, and the second run starts from a trunk that knows hearts.
SIDE = SideRecipe(start=SideRecipe(size=128, dropout=0.2, decay=1e-2, hard=False, steps=1300))


@dataclass(frozen=True, slots=True)
class Recipe:
    """One gate.

    ``shares``: pictures of each kind in a batch (views.py draws them). ``blocks``: how many of the trunk's blocks are
    used, all with ImageNet's weights; ``chunks`` of 16 batches are looked at once and learnt from ``epochs`` times.
    """

    name: str = "gate"
    title: str = "Gate: is it a whole, upright, frontal chest film"
    size: int = 160
    blocks: int = 9
    frozen: int = 2
    narrow: int = 24
    dropout: float = 0.2
    shares: tuple[tuple[str, int], ...] = (
        ("film", 20), ("phantom", 2), ("turned", 12), ("cut", 10), ("spoilt", 4), ("pieces", 7), ("counter", 12),
    )  # fmt: skip
    chunks: int = 22
    epochs: int = 8
    rate: float = 1.5e-3
    decay: float = 1e-2
    clip: float = 5.0
    seed: int = 1
    side: SideRecipe = SIDE

    @property
    def batch(self) -> int:
        """Pictures a step."""
        return sum(count for _, count in self.shares)


RECIPE = Recipe()
