"""The gate's recipe: sizes, shares of a batch and rates, in one frozen record.

In: nothing. Out: Recipe and its one instance RECIPE. It does not know how to train.
"""

from __future__ import annotations

from dataclasses import dataclass

OUTPUTS = ("other", "turned_90", "turned_180", "turned_270", "mirrored", "inverted", "cut_off", "spoilt")
"""What the network says of a picture, each from 0 to 1; ``cxr_core.gate`` reads them by these names."""

FLAGS = ("other", "mirrored", "inverted", "cut_off", "spoilt")
TURNS = ("turned_90", "turned_180", "turned_270")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One gate.

    ``shares``: pictures of each kind in a batch (views.py draws them). ``blocks``: how many of the trunk's blocks are
    used, all with ImageNet's weights; ``chunks`` of 16 batches are looked at once and learnt from ``epochs`` times.
    """

    name: str = "gate"
    title: str = "Gate: is it a whole, upright, frontal chest film"
    size: int = 128
    blocks: int = 9
    frozen: int = 2
    narrow: int = 24
    dropout: float = 0.2
    shares: tuple[tuple[str, int], ...] = (
        ("film", 20), ("phantom", 2), ("turned", 13), ("cut", 6), ("spoilt", 4), ("pieces", 7), ("counter", 12),
    )  # fmt: skip
    chunks: int = 18
    epochs: int = 8
    rate: float = 1.5e-3
    decay: float = 1e-2
    clip: float = 5.0
    seed: int = 1

    @property
    def batch(self) -> int:
        """Pictures a step."""
        return sum(count for _, count in self.shares)


RECIPE = Recipe()
