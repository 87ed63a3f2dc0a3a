"""What a card's free-form curves and subgroups hold, for one class, as small records.

In: a ModelCard and a finding's name. Out: points, counts, named films, subgroups. Older cards lack some of it, and a
hand-written card may hold anything: what is not of the expected shape is left out, never an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cxr_core.card import ModelCard
from cxr_core.records import PRESETS, Interval

ALL = "all"
"""The key under which a card keeps what holds for all its classes together."""

MEASURES = {"auc": "AUC", "sensitivity": "Sensitivity", "specificity": "Specificity"}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Counts:
    """Films of one class at one preset: flagged or not, with the finding by the reference standard or without."""

    tp: int
    fn: int
    fp: int
    tn: int


@dataclass(frozen=True, slots=True)
class Film:
    """A film on which the model was wrong: its file name and its score."""

    file: str
    score: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with its interval and of how many films."""

    value: Interval
    n: int | None


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Figures of one group of films, by the names of MEASURES."""

    name: str
    n: int | None
    figures: Mapping[str, Figure]


def findings(card: ModelCard) -> tuple[str, ...]:
    """The names of the classes that are shown, each once."""
    return tuple(dict.fromkeys(str(label.finding) for label in card.finding_labels))


def points(card: ModelCard, kind: str, label: str) -> tuple[Point, ...]:
    """The points of one curve, in the card's order; () where the card has none."""
    raw = _of(card.curves, kind, label)
    pairs = raw if isinstance(raw, list | tuple) else ()
    return tuple(
        (float(pair[0]), float(pair[1]))
        for pair in pairs
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(map(_number, pair))
    )


def confusion(card: ModelCard, label: str) -> dict[str, Counts]:
    """The counts at each preset that the card has."""
    raw = _of(card.curves, "confusion", label)
    found: dict[str, Counts] = {}
    for preset in PRESETS:
        counts = _of(raw, preset)
        names = ("tp", "fn", "fp", "tn")
        if isinstance(counts, Mapping) and all(_number(counts.get(name)) for name in names):
            found[preset] = Counts(*(int(counts[name]) for name in names))
    return found


def failures(card: ModelCard, label: str, kind: str) -> tuple[Film, ...]:
    """The films "missed", or those of a "false_alarm", in the card's order; names without folders."""
    raw = _of(card.curves, "failures", label, kind)
    return tuple(
        Film(str(item["file"]).replace("\\", "/").rsplit("/", 1)[-1], float(item["score"]))
        for item in (raw if isinstance(raw, list | tuple) else ())
        if isinstance(item, Mapping) and "file" in item and _number(item.get("score"))
    )


def subgroups(card: ModelCard, label: str) -> tuple[Subgroup, ...]:
    """The subgroups of one class, in the card's order."""
    raw = _of(card.metrics, "subgroups", label)
    found = []
    for name, facts in raw.items() if isinstance(raw, Mapping) else ():
        figures = {key: figure for key in MEASURES if (figure := _figure(_of(facts, key)))}
        if figures:
            count = _of(facts, "n")
            found.append(Subgroup(str(name), int(count) if _number(count) else None, figures))
    return tuple(found)


def thinned(curve: Iterable[Point], most: int = 12) -> tuple[Point, ...]:
    """At most ``most`` points of a curve, spread evenly, its first and last among them."""
    every = tuple(curve)
    if len(every) <= most:
        return every
    places = dict.fromkeys(round(step * (len(every) - 1) / (most - 1)) for step in range(most))
    return tuple(every[place] for place in places)


def _figure(raw: Any) -> Figure | None:
    names = ("value", "low", "high")
    if not isinstance(raw, Mapping) or not all(_number(raw.get(name)) for name in names):
        return None
    return Figure(Interval(*(float(raw[name]) for name in names)), int(raw["n"]) if _number(raw.get("n")) else None)


def _of(raw: Any, *keys: str) -> Any:
    """What stands below the keys; None where the way there ends early."""
    for key in keys:
        raw = raw.get(key) if isinstance(raw, Mapping) else None
    return raw


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
