"""Figures of merit in numpy, each with a weight an image, so that a bootstrap resample is only other weights.

In: scores, truths, detections. Out: numbers. It knows no data set. A resample draws groups (patients) with
replacement: films of one patient are not independent.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cxr_core.card import Platt

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95% interval and how many films or boxes it rests on."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """For the card, rounded to what the interval can bear."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {**{key: round(float(value), 4) for key, value in numbers.items()}, "n": self.n}


def resamples(groups: Sequence[str], count: int = RESAMPLES, seed: int = 1) -> np.ndarray:
    """(count, M) weights: how often each film's group was drawn."""
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    number = int(inverse.max()) + 1 if len(inverse) else 0
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(number, np.full(number, 1 / number), count) if number else np.zeros((count, 0), int)
    return drawn[:, inverse].astype(np.float64)


def figure(measure: Callable[[np.ndarray], float], weights: np.ndarray, n: int) -> Figure:
    """``measure`` of unit weights, with the percentiles 2.5 and 97.5 over ``weights`` (R, M)."""
    spread = np.array([measure(row) for row in weights])
    spread = spread[np.isfinite(spread)]
    value = float(measure(np.ones(weights.shape[1])))
    low, high = np.percentile(spread, [2.5, 97.5]) if len(spread) else (value, value)
    return Figure(value, float(low), float(high), n)


def mean_known(values: Sequence[float]) -> float:
    """The mean of what could be measured; NaN if a resample left nothing."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def auc(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """Area under the ROC; ties count half. NaN without both classes."""
    _, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, weight * truth)
    negative = np.bincount(place, weight * (1 - truth))
    total = positive.sum() * negative.sum()
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / total) if total > 0 else float("nan")


def roc(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(P, 3): false positive rate, true positive rate, threshold; from nothing flagged to all flagged."""
    order = np.argsort(-scores, kind="stable")
    hits, marks = truth[order].astype(float), scores[order]
    last = np.append(np.diff(marks) != 0, True)
    tpr, fpr = np.cumsum(hits)[last] / max(1.0, hits.sum()), np.cumsum(1 - hits)[last] / max(1.0, (1 - hits).sum())
    return np.column_stack([np.append(0, fpr), np.append(0, tpr), np.append(np.inf, marks[last])])


def rate_at(scores: np.ndarray, chosen: np.ndarray, threshold: float) -> Callable[[np.ndarray], float]:
    """The weighted share of ``chosen`` films at or above a threshold."""
    above = scores >= threshold

    def measure(weight: np.ndarray) -> float:
        total = float(weight[chosen].sum())
        return float(weight[chosen & above].sum()) / total if total else float("nan")

    return measure


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


def iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Overlap (T,) of one box (4,) with others (T, 4)."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - shared
    return np.asarray(shared / np.maximum(union, 1e-12))


def average_precision(found: Detections, weight: np.ndarray) -> float:
    """Area under the precision-recall curve, precision made monotone (Everingham 2010, all points)."""
    total = float((weight * found.boxes).sum())
    if not total:
        return float("nan")
    mine = weight[found.film]
    true, false = np.cumsum(mine * found.hit), np.cumsum(mine * ~found.hit)
    precision = true / np.maximum(true + false, 1e-12)
    envelope = np.maximum.accumulate(precision[::-1])[::-1] if len(precision) else precision
    return float((np.diff(true / total, prepend=0.0) * envelope).sum())


def froc(found: Detections, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False boxes a film and share of true boxes found, as the threshold falls."""
    mine = weight[found.film]
    false = np.cumsum(mine * ~found.hit) / max(float(weight.sum()), 1e-12)
    true = np.cumsum(mine * found.hit) / max(float((weight * found.boxes).sum()), 1e-12)
    return false, true


def sensitivity_at(found: Detections, weight: np.ndarray, false_a_film: float) -> float:
    """Share of true boxes found at no more than so many false boxes a film."""
    false, true = froc(found, weight)
    allowed = true[false <= false_a_film]
    return float(allowed[-1]) if len(allowed) else 0.0


def fit_platt(raw: np.ndarray, truth: np.ndarray) -> Platt:
    """Slope and intercept of the logit by Newton's method, with Platt's smoothed targets."""
    p = np.clip(np.asarray(raw, float), 1e-7, 1 - 1e-7)
    design = np.column_stack([np.log(p / (1 - p)), np.ones(len(p))])
    positive, negative = truth.sum(), len(truth) - truth.sum()
    goal = np.where(truth > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))
    beta = np.array([1.0, 0.0])
    for _ in range(50):
        guess = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        bend = (design * (guess * (1 - guess))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(bend, design.T @ (goal - guess))
        beta = beta + np.clip(step, -2, 2)
        if abs(step).max() < 1e-9:
            break
    # a negative slope would turn the order of the films around: then the score says nothing, and is left as it is
    return Platt(round(float(beta[0]), 6), round(float(beta[1]), 6)) if beta[0] > 0 else Platt()


def crossed(raw: np.ndarray, truth: np.ndarray, groups: Sequence[str], parts: int = 5) -> np.ndarray:
    """Calibrated scores of each film by a Platt fitted on the other groups only."""
    part = np.array([zlib.crc32(str(group).encode()) % parts for group in groups])
    out = np.empty(len(raw))
    for number in range(parts):
        inside = part == number
        if inside.any():
            out[inside] = fit_platt(raw[~inside], truth[~inside])(raw[inside])
    return out


def reliability(p: np.ndarray, truth: np.ndarray, bins: int = 10) -> np.ndarray:
    """(B, 3): mean score, share positive, films; in bins of equally many films."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return np.array([(p[part].mean(), truth[part].mean(), len(part)) for part in parts if len(part)])


def calibration_error(p: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error over ten bins of equally many films."""
    table = reliability(p, truth)
    return float((abs(table[:, 0] - table[:, 1]) * table[:, 2]).sum() / table[:, 2].sum())
