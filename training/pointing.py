"""Do the maps point where radiologists drew? The pointing game (Zhang 2016), and the same with shuffled weights.

In: a finished run and films with boxes. Out: of each class how often the strongest place of its map lies in a box of
that class, beside what chance would hit (the share of the film that the boxes cover), and how alike the maps are to
those of the same network with shuffled weights (rank correlation; Adebayo 2018: a map that survives random weights
shows the film, not the network). The maps are those that the app draws, in the film's coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from cxr_core.card import InputSpec
from cxr_core.explain import Explanation, Frame, explain
from cxr_core.prepare import letterbox
from training import metrics, network, runs
from training.data import Example
from training.errors import EmptyClass, RunError
from training.export import halve
from training.predict import film
from training.recipe import Recipe
from training.trunk import values

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Pointed:
    """One class on films that hold it: ``n`` of them.

    ``hit``: share of the maps whose strongest place lies in a box; ``chance``: mean share of the film that the boxes
    cover; ``shuffled``: ``hit`` of the same network with shuffled weights; ``likeness``: mean rank correlation between
    the two networks' maps, 1 if they are alike.
    """

    label: str
    hit: metrics.Figure
    chance: float
    shuffled: float
    likeness: float


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One map beside its truth: of film number ``film``, with true boxes (T, 4) as fractions of the film."""

    film: int
    label: str
    boxes: np.ndarray
    signed: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Which places of the map lie in a box."""
        rows, columns = self.signed.shape
        y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
        found = np.zeros((rows, columns), bool)
        for x1, y1, x2, y2 in self.boxes:
            found |= ((y >= y1) & (y < y2))[:, None] & ((x >= x1) & (x < x2))
        return found

    @property
    def hit(self) -> bool:
        """Whether the strongest place lies in a box."""
        return bool(self.inside.flat[self.signed.argmax()])


def measure(recipe: Recipe, run: Path, data: Path) -> tuple[Pointed, ...]:
    """Each shown class of the recipe on the films of the fold that the run held out, then the mean of them."""
    fold = runs.read_config(run)["held_out_fold"]
    if fold is None:
        raise RunError(f"{run.name} was trained on every fold: there is nothing honest to measure it on")
    held = [item for item in recipe.read(data) if item.fold == int(fold) and _drawn(item, recipe)]
    if not held:
        raise EmptyClass(f"no film of fold {fold} has a box of {', '.join(item.name for item in recipe.labels)}")
    model, shape = runs.network_of(run)
    halve(model)
    real = list(_looks(network.inference(model, shape), held, recipe))
    shuffle(model)
    blind = list(_looks(network.inference(model, shape), held, recipe))
    return _table(real, blind, metrics.resamples([item.group for item in held]))


def _drawn(item: Example, recipe: Recipe) -> list[str]:
    """The shown classes that this data set's own radiologists boxed on a film; RSNA's boxes only teach."""
    own = item.facts["boxed"].split(",") if "boxed" in item.facts else [area.label for area in item.areas]
    there = {area.label for area in item.areas}
    return [label.name for label in recipe.labels if label.finding and label.name in there and label.name in own]


def _looks(model: keras.Model, films: Sequence[Example], recipe: Recipe) -> Iterator[_Look]:
    spec = InputSpec(recipe.size, recipe.size)
    names = [label.name for label in recipe.labels]
    for start in tqdm(range(0, len(films), _BATCH), "maps", unit="batch", mininterval=5):
        part = films[start : start + _BATCH]
        tensors, placements = zip(*(letterbox(film(item), spec) for item in part), strict=True)
        maps = np.asarray(model.predict_on_batch(np.stack(tensors))["class_maps"])
        for offset, (item, placement) in enumerate(zip(part, placements, strict=True)):
            (corners,) = placement.to_model([[0.0, 0.0, placement.width, placement.height]]) / recipe.size
            frame = Frame(placement.width, placement.height, *corners.tolist())
            for name in _drawn(item, recipe):
                found = explain(maps[offset, ..., names.index(name)], 0.5, 0.0, frame)
                boxes = np.array([(a.x1, a.y1, a.x2, a.y2) for a in item.areas if a.label == name])
                yield _Look(start + offset, name, boxes, _signed(found))


def _signed(found: Explanation) -> np.ndarray:
    """What raised minus what lowered: has one strongest place on films, too, where nothing raised the score."""
    return found.raised - found.lowered


def shuffle(model: keras.Model, seed: int = 1) -> None:
    """Mixes the numbers within every kernel, in place: the same values, nothing learnt."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(rng.permutation(values(variable).ravel()).reshape(variable.shape))


def _table(real: Sequence[_Look], blind: Sequence[_Look], weights: np.ndarray) -> tuple[Pointed, ...]:
    likeness = [ranks_agree(one.signed, other.signed) for one, other in zip(real, blind, strict=True)]
    labels = list(dict.fromkeys(look.label for look in real))
    every = np.array([look.label for look in real])
    film = np.array([look.film for look in real])
    hits, missed = (np.array([look.hit for look in looks], float) for looks in (real, blind))
    area = np.array([look.inside.mean() for look in real])

    def row(label: str, chosen: Sequence[str]) -> Pointed:
        figure = metrics.figure(_mean_of_classes(hits, every, film, chosen), weights, int(np.isin(every, chosen).sum()))
        means = [_mean_of(values_, every, chosen) for values_ in (area, missed, np.array(likeness))]
        return Pointed(label, figure, *means)

    return (*(row(label, [label]) for label in sorted(labels)), row("mean of the classes", labels))


def _mean_of(numbers: np.ndarray, every: np.ndarray, chosen: Sequence[str]) -> float:
    return float(np.mean([numbers[every == label].mean() for label in chosen]))


def _mean_of_classes(
    hits: np.ndarray, every: np.ndarray, film: np.ndarray, chosen: Sequence[str]
) -> Callable[[np.ndarray], float]:
    """Mean over the classes that a resample of the films holds."""

    def measure_(weight: np.ndarray) -> float:
        mine = weight[film]
        totals = [(mine[every == label].sum(), (mine * hits)[every == label].sum()) for label in chosen]
        shares = [hit / total for total, hit in totals if total > 0]
        return float(np.mean(shares)) if shares else float("nan")

    return measure_


def ranks_agree(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of one shape; 0 if one of them is level."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    mine, theirs = (np.argsort(np.argsort(each.ravel(), kind="stable")) for each in (one, other))
    return float(np.corrcoef(mine, theirs)[0, 1])


def told(rows: Sequence[Pointed]) -> str:
    """A table for people, in Markdown."""
    lines = [
        "| class | n | strongest place in the box | by chance | shuffled weights | likeness to shuffled |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        hit = f"{row.hit.value:.2f} ({row.hit.low:.2f} to {row.hit.high:.2f})"
        lines.append(
            f"| {row.label} | {row.hit.n} | {hit} | {row.chance:.2f} | {row.shuffled:.2f} | {row.likeness:+.2f} |"
        )
    return "\n".join(lines)
