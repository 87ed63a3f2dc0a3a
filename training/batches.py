"""Batches by step number: the same step of the same seed is the same batch, so a resumed run repeats nothing.

In: examples, their cached films, a recipe. Out: dictionaries of numpy arrays. Each stratum is gone through in an order
of its own, shuffled anew each time round.

A batch: film (N, S, S, 1) float32 0-255; truth and known (N, T); heat (N, G, G, B); boxes (N, G, G, B, 4); searched
(N, B).
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from training import augment
from training.data import Example
from training.recipe import Recipe, System
from training.targets import dense

Batch = dict[str, np.ndarray]


class Steps:
    """``make(step)`` for any step; ``ahead(first, last)`` made in a thread while the network works.

    What one film becomes, subclasses say (``item``).
    """

    def __init__(self, system: System, examples: Sequence[Example], films: np.ndarray, rows: Sequence[int]) -> None:
        """``rows``: which rows of examples and films may be used."""
        self.examples, self.films, self._system = examples, films, system
        self._strata = {
            name: np.array([row for row in rows if examples[row].stratum == name], np.int64) for name in system.strata
        }

    @property
    def epoch(self) -> int:
        """Steps in which as many films are drawn as there are."""
        return max(1, math.ceil(sum(map(len, self._strata.values())) / self._system.batch))

    def chosen(self, step: int) -> list[int]:
        """Rows of the batch of a step."""
        found: list[int] = []
        for number, (name, count) in enumerate(self._system.strata.items()):
            rows = self._strata[name]
            for place in range(step * count, (step + 1) * count):
                around, index = divmod(place, len(rows))
                order = np.random.default_rng([self._system.seed, number, around]).permutation(len(rows))
                found.append(int(rows[order[index]]))
        return found

    def make(self, step: int) -> Batch:
        """The batch of a step."""
        items = []
        for place, row in enumerate(self.chosen(step)):
            rng = np.random.default_rng([self._system.seed, 1000, step, place])
            items.append(self.item(row, rng))
        return {key: np.stack([item[key] for item in items]) for key in items[0]}

    def item(self, row: int, rng: np.random.Generator) -> Batch:
        """One film of a batch under a random view."""
        raise NotImplementedError

    def ahead(self, first: int, last: int, depth: int = 4) -> Iterator[Batch]:
        """Batches of steps first to last - 1, ``depth`` of them made ahead; the maker's error is raised here."""
        made: queue.Queue[Batch | BaseException] = queue.Queue(depth)
        stop = threading.Event()

        def work() -> None:
            try:
                for step in range(first, last):
                    batch = self.make(step)
                    while not stop.is_set():
                        try:
                            made.put(batch, timeout=0.5)
                            break
                        except queue.Full:
                            continue
                    if stop.is_set():
                        return
            except BaseException as exc:  # noqa: BLE001 raised again by the consumer
                made.put(exc)

        thread = threading.Thread(target=work, name="batches", daemon=True)
        thread.start()
        try:
            for _ in range(first, last):
                item = made.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            thread.join()


class Batches(Steps):
    """Batches of a detector: films with image-level truth and dense boxes."""

    def __init__(self, recipe: Recipe, examples: Sequence[Example], films: np.ndarray, rows: Sequence[int]) -> None:
        super().__init__(recipe, examples, films, rows)
        self.recipe = recipe
        self._areas = [_areas(example, recipe) for example in examples]

    def item(self, row: int, rng: np.random.Generator) -> Batch:
        """Film, image-level truth and dense boxes."""
        recipe, example = self.recipe, self.examples[row]
        view = augment.draw(rng, recipe.augment)
        film = augment.render(_blacked(self.films[row], example, recipe), view, recipe.size, rng)
        corners, classes = self._areas[row]
        corners, kept = augment.boxes(corners, view)
        heat, boxes = dense(corners[kept], classes[kept], recipe.size // 16, len(recipe.box_classes))
        return {
            "film": film[..., None].astype(np.float32),
            "truth": np.array([example.targets.get(name, 0) for name in recipe.targets], np.float32),
            "known": np.array([name in example.targets for name in recipe.targets], np.float32),
            "heat": heat,
            "boxes": boxes,
            "searched": np.array([name in example.searched for name in recipe.box_classes], np.float32),
        }


def _blacked(film: np.ndarray, example: Example, recipe: Recipe) -> np.ndarray:
    """The film (S, S) with the boxes of the recipe's ``black`` classes black; fractions hold: it fills the square."""
    areas = [item for item in example.areas if item.label in recipe.black]
    out = film.copy() if areas else film
    side = len(film)
    for item in areas:
        rows = slice(int(item.y1 * side), int(np.ceil(item.y2 * side)))
        out[rows, int(item.x1 * side) : int(np.ceil(item.x2 * side))] = 0
    return out


def _areas(example: Example, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    used = [item for item in example.areas if item.label in recipe.box_classes]
    corners = np.array([(a.x1, a.y1, a.x2, a.y2) for a in used], np.float64).reshape(-1, 4)
    return corners, np.array([recipe.box_classes.index(a.label) for a in used], np.int64)


def priors(recipe: Recipe, examples: Sequence[Example], rows: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Median (width, height) of each box class over ``rows``, fractions of the film."""
    sizes: dict[str, list[tuple[float, float]]] = {name: [] for name in recipe.box_classes}
    for row in rows:
        for area in examples[row].areas:
            sizes[area.label].append((area.x2 - area.x1, area.y2 - area.y1))
    medians = [np.median(np.array(sizes[name]), axis=0) for name in recipe.box_classes]
    return tuple((round(float(w), 4), round(float(h), 4)) for w, h in medians)
