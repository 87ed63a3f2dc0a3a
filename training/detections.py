"""Boxes against true boxes: matching, average precision, free-response curves; with a weight a film, as in metrics.

In: boxes, scores and true boxes of each film; weights (M,) or, for all resamples at once, (R, M). Out: numbers, or (R,)
of them. It knows no classes: one Detections is one class, or all together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """All boxes of one class over a set of films, best first, matched to the truth.

    ``film`` (D,) index; ``score`` (D,); ``hit`` (D,) whether it found a true box no better box had found.
    ``boxes`` (M,): true boxes a film.
    """

    film: np.ndarray
    score: np.ndarray
    hit: np.ndarray
    boxes: np.ndarray

    def only(self, films: np.ndarray) -> Detections:
        """Those on the films (K,) alone, by index; the films are renumbered in that order."""
        place = np.full(len(self.boxes), -1)
        place[films] = np.arange(len(films))
        mine = place[self.film] >= 0
        return Detections(place[self.film][mine], self.score[mine], self.hit[mine], self.boxes[films])

    def best(self, false_a_film: float) -> Detections:
        """Without the tail beyond so many false boxes a film: no figure looks at it, and it is most of the boxes."""
        false = np.cumsum(~self.hit)
        end = int(np.searchsorted(false, false_a_film * len(self.boxes), "right"))
        return Detections(self.film[:end], self.score[:end], self.hit[:end], self.boxes)


def match(
    found: Sequence[np.ndarray], scores: Sequence[np.ndarray], truth: Sequence[np.ndarray], limit: float
) -> Detections:
    """Greedy matching, best box first, IoU above ``limit``; each film's boxes (D, 4), scores (D,), truth (T, 4)."""
    films, marks, hits = [], [], []
    for index, (boxes, values, true) in enumerate(zip(found, scores, truth, strict=True)):
        open_ = np.ones(len(true), bool)
        for place in np.argsort(-values, kind="stable"):
            overlap = np.where(open_, iou(boxes[place], true), 0.0)
            best = int(overlap.argmax()) if len(true) else -1
            hit = best >= 0 and overlap[best] > limit
            if hit:
                open_[best] = False
            films.append(index)
            marks.append(float(values[place]))
            hits.append(bool(hit))
    order = np.argsort(-np.array(marks), kind="stable")
    number = np.array([len(true) for true in truth], float)
    return Detections(np.array(films, int)[order], np.array(marks, float)[order], np.array(hits, bool)[order], number)


def together(each: Sequence[Detections]) -> Detections:
    """Several classes' detections on the same films as one list."""
    film, score, hit = (np.concatenate([getattr(item, name) for item in each]) for name in ("film", "score", "hit"))
    order = np.argsort(-score, kind="stable")
    return Detections(film[order], score[order], hit[order], np.sum([item.boxes for item in each], axis=0))


def iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Overlap (T,) of one box (4,) with others (T, 4)."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - shared
    return np.asarray(shared / np.maximum(union, 1e-12))


def average_precision(found: Detections, weight: np.ndarray) -> Any:
    """Area under the precision-recall curve, precision made monotone (Everingham 2010); NaN without true boxes."""
    total = (weight * found.boxes).sum(-1)
    mine = weight[..., found.film]
    true, false = np.cumsum(mine * found.hit, -1), np.cumsum(mine * ~found.hit, -1)
    precision = true / np.maximum(true + false, 1e-12)
    envelope = np.maximum.accumulate(precision[..., ::-1], -1)[..., ::-1]
    area = (mine * found.hit * envelope).sum(-1)
    return np.divide(area, total, out=np.full(np.shape(total), np.nan), where=total > 0)[()]


def froc(found: Detections, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False boxes a film and share of true boxes found, as the threshold falls: (D,) or (R, D) each."""
    mine = weight[..., found.film]
    films, boxes = weight.sum(-1, keepdims=True), (weight * found.boxes).sum(-1, keepdims=True)
    false = np.cumsum(mine * ~found.hit, -1) / np.maximum(films, 1e-12)
    true = np.cumsum(mine * found.hit, -1) / np.maximum(boxes, 1e-12)
    return false, true


def sensitivity_at(found: Detections, weight: np.ndarray, false_a_film: float) -> Any:
    """Share of true boxes found at no more than so many false boxes a film; NaN without true boxes."""
    false, true = froc(found, weight)
    allowed = (false <= false_a_film).sum(-1)
    padded = np.concatenate([np.zeros((*true.shape[:-1], 1)), true], -1)
    value = np.take_along_axis(padded, np.asarray(allowed)[..., None], -1)[..., 0]
    return np.where((weight * found.boxes).sum(-1) > 0, value, np.nan)[()]


def froc_curve(each: Sequence[Detections], at: np.ndarray) -> list[list[float]]:
    """[false boxes a film, sensitivity] at the rates ``at`` (P,), the mean over several networks' detections."""
    values = [[sensitivity_at(item, np.ones(len(item.boxes)), rate) for rate in at] for item in each]
    known = np.array([row for row in values if np.isfinite(row).all()]).reshape(-1, len(at))
    means = known.mean(0) if len(known) else np.zeros(0)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in zip(at, means, strict=False)]
