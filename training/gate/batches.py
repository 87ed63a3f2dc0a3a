"""Batches by step number, half of them real films and half what is none or no longer whole.

In: a library of films, the recipe. Out: film (N, S, S, 1) float32 0-255; flags and known (N, 4); turn (N, 4), all 0
where the turn is not known. The same step of the same seed is the same batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxr_core.gate.see import stretched
from training.gate import views
from training.gate.films import Drawn, Film, Library
from training.gate.paint import Rng
from training.gate.recipe import FLAGS, TURNS, Recipe
from training.gate.views import Picture, Truth

Batch = dict[str, np.ndarray]

_OF_A_FILM = {"film": views.whole, "turned": views.turned, "spoilt": views.spoilt}


class Batches:
    """``make(step)`` for any step."""

    def __init__(self, recipe: Recipe, library: Library, films: Sequence[Film], drawn: Drawn) -> None:
        self.recipe, self.library, self.films, self.drawn = recipe, library, films, drawn
        self._sources = sorted({film.source for film in films})
        self._by_source = {name: [film for film in films if film.source == name] for name in self._sources}

    def make(self, step: int) -> Batch:
        """The batch of a step."""
        drawn: list[tuple[Picture, Truth]] = []
        for kind, count in self.recipe.shares:
            for place in range(count):
                rng = np.random.default_rng([self.recipe.seed, step, len(drawn), place])
                drawn.append(self.draw(kind, rng))
        return stack(drawn)

    def draw(self, kind: str, rng: Rng) -> tuple[Picture, Truth]:
        """One picture of a kind of the recipe's shares."""
        size = self.recipe.size
        if kind == "counter":
            pool = list(self.drawn.counter.values())[int(rng.integers(len(self.drawn.counter)))]
            return views.finish(pool[int(rng.integers(len(pool)))], rng), views.OTHER
        if kind == "phantom":
            picture = self.drawn.phantoms[int(rng.integers(len(self.drawn.phantoms)))]
            return (views.whole if rng.random() < 0.7 else views.turned)(picture, rng, size)
        film = self._film(rng)
        picture = self.library.picture(film)
        if kind == "cut":
            return views.cut(picture, rng, size, film.lungs)
        if kind in _OF_A_FILM:
            return _OF_A_FILM[kind](picture, rng, size)
        return views.piece(picture, rng, size, self.library.picture(self._film(rng)))

    def _film(self, rng: Rng) -> Film:
        """A film of a source drawn first, so that NIH's, the fewest, are seen as often as the others."""
        of = self._by_source[self._sources[int(rng.integers(len(self._sources)))]]
        return of[int(rng.integers(len(of)))]


def stack(drawn: Sequence[tuple[Picture, Truth]]) -> Batch:
    """Pictures and truths as arrays."""
    turn = np.zeros((len(drawn), 4), np.float32)
    for row, (_, truth) in enumerate(drawn):
        if TURNS[0] in truth:
            turn[row, next((at for at, name in enumerate(TURNS, 1) if truth[name]), 0)] = 1
    return {
        "film": np.stack([stretched(picture) for picture, _ in drawn])[..., None],
        "flags": np.array([[truth.get(name, 0) for name in FLAGS] for _, truth in drawn], np.float32),
        "known": np.array([[name in truth for name in FLAGS] for _, truth in drawn], np.float32),
        "turn": turn,
    }
