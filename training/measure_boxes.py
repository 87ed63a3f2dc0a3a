"""Where nih_ssd's boxes lie: hits of the best box of a true sign, precision and sensitivity of all boxes.

In: films, answers, the folds and their bootstrap. Out: figures by name. It does not know image scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from cxr_core.records import NIH_LABELS
from training import calibrate, detections, folds, metrics
from training.data import Example
from training.detections import Detections
from training.folds import Folds
from training.predict import Answers, truths

LIMITS_OF_OVERLAP = (0.1, 0.3, 0.5)
_FIXED = "Cardiomegaly"  # one fixed box already hits that one
_FALSE_A_FILM = 1 / len(NIH_LABELS)
_RATES = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8])
_TAIL = 12.0  # false boxes a film beyond which nothing is measured
_TAIL_IN_BOOTSTRAP = 3.0  # enough for one false box a film in any resample


class Hits:
    """The best box of each true class: does it overlap the radiologist's."""

    def __init__(self, films: Sequence[Example], answers: Answers) -> None:
        rows = []
        for kind, label in enumerate(NIH_LABELS):
            for index, true in enumerate(truths(films, label)):
                if len(true) and label in drawn(films[index]):
                    boxes, _ = answers.found[index].of(kind)
                    rows.append((index, kind, detections.iou(boxes[0], true).max() if len(boxes) else 0.0))
        self._film, self._kind, self._overlap = (np.array(column) for column in zip(*rows, strict=True))
        self._others = [kind for kind, label in enumerate(NIH_LABELS) if label != _FIXED]

    def figures(self, weights: np.ndarray) -> dict[str, Any]:
        """Top-1 hits: macro of all, macro without Cardiomegaly, each class."""
        found: dict[str, Any] = {}
        shares = {limit: metrics.draws(lambda w, at=limit: self._shares(w, at), weights) for limit in LIMITS_OF_OVERLAP}  # type: ignore[misc]
        for limit, each in shares.items():
            found[f"top1_iou_{limit}"] = folds.mean(each, len(self._film))
            found[f"top1_iou_{limit}_without_cardiomegaly"] = folds.mean(
                each[:, self._others], int(np.isin(self._kind, self._others).sum())
            )
        for kind, label in enumerate(NIH_LABELS):
            n = int((self._kind == kind).sum())
            found[label] = {f"iou_{limit}": folds.mean(each[:, kind], n) for limit, each in shares.items()}
        return found

    def by_fold(self, table: Folds) -> dict[str, Any]:
        """The macro of each fold."""
        masks = np.array([table.networks == name for name in table.names], float)
        return {
            f"top1_iou_{limit}": table.spread(metrics.mean_over(self._shares(masks, limit))[None])
            for limit in LIMITS_OF_OVERLAP
        }

    def _shares(self, weight: np.ndarray, limit: float) -> np.ndarray:
        """(R, 8): the share of hits of each class, NaN where a resample holds none of its boxes."""
        mine = weight[:, self._film]
        hit = self._overlap > limit
        columns = []
        for kind in range(len(NIH_LABELS)):
            chosen = self._kind == kind
            total = mine[:, chosen].sum(1)
            caught = mine[:, chosen & hit].sum(1)
            columns.append(np.divide(caught, total, out=np.full(len(weight), np.nan), where=total > 0))
        return np.stack(columns, 1)


class Localised:
    """Boxes against all films: average precision, and sensitivity at a rate of false boxes."""

    def __init__(self, films: Sequence[Example], answers: Answers, table: Folds) -> None:
        boxed = np.array([bool(drawn(film)) for film in films])
        clear = np.array([film.stratum == "clear" for film in films])
        self._names = table.names
        self._boxed, self._searched = np.flatnonzero(boxed), np.flatnonzero(boxed | clear)
        self._on_boxed, self._on_searched = _table(table, self._boxed), _table(table, self._searched)
        self._at = {limit: _matched(films, answers, limit) for limit in (0.3, 0.5)}
        self._precision = {limit: self._each_precision(limit) for limit in (0.5, 0.3)}
        every = detections.together([item.only(self._searched) for item in self._at[0.3]])
        self._all = every.best(_TAIL)
        self._sensitivity = self._on_searched.sensitivity(every.best(_TAIL_IN_BOOTSTRAP), 1.0)

    def _each_precision(self, limit: float) -> np.ndarray:
        """(1 + R, F, 8) average precision on boxed films."""
        return np.stack([self._on_boxed.precision(item.only(self._boxed)) for item in self._at[limit]], -1)

    def figures(self) -> dict[str, Any]:
        """Mean average precision on boxed films; sensitivity at one false box a film on boxed and clear ones."""
        n = len(self._boxed)
        found: dict[str, Any] = {
            f"map_iou_{limit}": folds.mean_precision(each, n) for limit, each in self._precision.items()
        }
        found["sensitivity_at_1_false_box"] = folds.mean(self._sensitivity, len(self._searched))
        if len(self._names) > 1:
            found |= self._pooled()
        for kind, label in enumerate(NIH_LABELS):
            boxes = int(self._at[0.5][kind].boxes.sum())
            found[label] = {
                f"ap_iou_{limit}": folds.mean_precision(each[..., kind], boxes)
                for limit, each in self._precision.items()
            }
        return found

    def _pooled(self) -> dict[str, Any]:
        """All folds' boxes in one list, as if their networks were one."""
        each = [
            metrics.draws(
                partial(detections.average_precision, item.only(self._boxed)), self._on_boxed.weights, rows=20
            )
            for item in self._at[0.5]
        ]
        every = self._all.best(_TAIL_IN_BOOTSTRAP)
        sensitivity = metrics.draws(
            lambda w: detections.sensitivity_at(every, w, 1.0), self._on_searched.weights, rows=20
        )
        return {
            "map_iou_0.5_pooled": folds.mean_precision(np.stack(each, -1), len(self._boxed)),
            "sensitivity_at_1_false_box_pooled": metrics.from_draws(sensitivity, len(self._searched)),
        }

    def by_fold(self) -> dict[str, Any]:
        """Each fold's own figures."""
        return {
            "map_iou_0.5": self._on_boxed.spread(metrics.mean_over(self._precision[0.5])),
            "sensitivity_at_1_false_box": self._on_searched.spread(self._sensitivity),
        }

    def curves(self) -> dict[str, list[list[float]]]:
        """False boxes a film and sensitivity, mean of the networks: all labels together, and each."""
        split = self._on_searched.split
        found = {"all": detections.froc_curve(split(self._all), _RATES)}
        for kind, label in enumerate(NIH_LABELS):
            item = self._at[0.3][kind].only(self._searched)
            found[label] = detections.froc_curve(split(item), _RATES[_RATES <= 2])
        return found

    def threshold(self, kind: int) -> float:
        """The label's box threshold: an eighth of a false box a film, so that all eight give one."""
        item: Detections = self._at[0.3][kind].only(self._searched)
        return calibrate.box_threshold(item, np.ones(len(self._searched)), _FALSE_A_FILM)


def drawn(film: Example) -> set[str]:
    """The signs whose boxes are the reference; data that do not say which mean all of them."""
    told = film.facts.get("boxed")
    return {item.label for item in film.areas} if told is None else set(told.split(",")) - {""}


def _matched(films: Sequence[Example], answers: Answers, limit: float) -> list[Detections]:
    """Every label's boxes against NIH's own."""
    found = []
    for kind, label in enumerate(NIH_LABELS):
        boxes, scores = answers.boxes_of(kind)
        true = [_only_drawn(each, film, label) for each, film in zip(truths(films, label), films, strict=True)]
        found.append(detections.match(boxes, scores, true, limit))
    return found


def _table(table: Folds, films: np.ndarray) -> Folds:
    return Folds(table.networks[films], table.weights[:, films])


def _only_drawn(true: np.ndarray, film: Example, label: str) -> np.ndarray:
    """NIH's own boxes; RSNA's opacities teach, but are not NIH's reference."""
    return true if label in drawn(film) else true[:0]
