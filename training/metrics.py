"""Figures of merit of image scores in numpy, with a weight a film, so that a bootstrap resample is only other weights.

In: scores, truths, weights (M,) or, for all resamples at once, (R, M). Out: numbers, or (R,) of them. It knows no data
set. A resample draws groups (patients) with replacement: films of one patient are not independent.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_core.card import Platt

RESAMPLES = 1000
PARTS = 5


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
    """``measure`` of unit weights, with the percentiles 2.5 and 97.5 over ``weights`` (R, M), one row at a time."""
    return from_draws(np.array([measure(row) for row in with_unit(weights)]), n)


def figure_at_once(measure: Callable[[np.ndarray], np.ndarray], weights: np.ndarray, n: int) -> Figure:
    """The same for a ``measure`` that takes (R, M) and gives (R,): a hundred times as fast."""
    return from_draws(draws(measure, weights), n)


def draws(measure: Callable[[np.ndarray], np.ndarray], weights: np.ndarray, rows: int = 100) -> np.ndarray:
    """(1 + R, ...): ``measure`` of unit weights, then of every resample, so many rows at a time."""
    whole = with_unit(weights)
    return np.concatenate([measure(whole[start : start + rows]) for start in range(0, len(whole), rows)])


def with_unit(weights: np.ndarray) -> np.ndarray:
    """(1 + R, M): unit weights first."""
    return np.vstack([np.ones((1, weights.shape[1])), weights])


def from_draws(values: np.ndarray, n: int) -> Figure:
    """Value and interval from (1 + R,) draws, the first of them the value; what could not be measured is left out."""
    spread = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(spread, [2.5, 97.5]) if len(spread) else (values[0], values[0])
    return Figure(float(values[0]), float(low), float(high), n)


def centred(values: np.ndarray, n: int) -> Figure:
    """The same for a measure that resampling itself raises: its draws moved to the value, and not below 0.

    A film drawn twice makes the bins less even, so the calibration error of resamples lies above that of the films.
    """
    found = from_draws(values, n)
    known = values[1:][np.isfinite(values[1:])]
    bias = float(np.median(known)) - found.value if len(known) else 0.0
    return Figure(found.value, max(0.0, found.low - bias), found.high - bias, n)


def mean_known(values: Sequence[float]) -> float:
    """The mean of what could be measured; NaN if a resample left nothing."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def mean_over(values: np.ndarray, axis: Any = -1) -> np.ndarray:
    """``mean_known`` along the axes of an array."""
    known = np.isfinite(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    return np.asarray(np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0))


def auc(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> Any:
    """Area under the ROC; ties count half. NaN without both classes. A float, or (R,) for weights (R, M)."""
    if not len(scores):
        return np.full(weight.shape[:-1], np.nan)[()]
    order = np.argsort(scores, kind="stable")
    mine, sick = weight[..., order], truth[order]
    first = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0))
    positive = np.add.reduceat(mine * sick, first, axis=-1)
    negative = np.add.reduceat(mine * (1 - sick), first, axis=-1)
    total = positive.sum(-1) * negative.sum(-1)
    below = np.cumsum(negative, -1) - negative
    area = (positive * (below + 0.5 * negative)).sum(-1)
    return np.divide(area, total, out=np.full(np.shape(total), np.nan), where=total > 0)[()]


def roc(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(P, 3): false positive rate, true positive rate, threshold; from nothing flagged to all flagged."""
    order = np.argsort(-scores, kind="stable")
    hits, marks = truth[order].astype(float), scores[order]
    last = np.append(np.diff(marks) != 0, True)
    tpr, fpr = np.cumsum(hits)[last] / max(1.0, hits.sum()), np.cumsum(1 - hits)[last] / max(1.0, (1 - hits).sum())
    return np.column_stack([np.append(0, fpr), np.append(0, tpr), np.append(np.inf, marks[last])])


def precision_recall(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(P, 3): recall, precision, threshold; from the highest score flagged alone to all flagged."""
    order = np.argsort(-scores, kind="stable")
    hits, marks = truth[order].astype(float), scores[order]
    last = np.append(np.diff(marks) != 0, True)
    flagged, caught = np.flatnonzero(last) + 1, np.cumsum(hits)[last]
    return np.column_stack([caught / max(1.0, hits.sum()), caught / flagged, marks[last]])


def rate_at(scores: np.ndarray, chosen: np.ndarray, threshold: float) -> Callable[[np.ndarray], Any]:
    """The weighted share of ``chosen`` films at or above a threshold."""
    return share(scores >= threshold, chosen)


def share(flagged: np.ndarray, chosen: np.ndarray) -> Callable[[np.ndarray], Any]:
    """The weighted share of ``chosen`` films that are ``flagged``, of weights (M,) or (R, M); NaN if none is chosen."""

    def measure(weight: np.ndarray) -> Any:
        total = weight[..., chosen].sum(-1)
        caught = weight[..., chosen & flagged].sum(-1)
        return np.divide(caught, total, out=np.full(np.shape(total), np.nan), where=total > 0)[()]

    return measure


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


def parts_of(groups: Iterable[str], parts: int = PARTS) -> np.ndarray:
    """(M,) the part of each film, the same for all films of a group, today and tomorrow."""
    return np.array([zlib.crc32(str(group).encode()) % parts for group in groups], int)


def crossed(raw: np.ndarray, truth: np.ndarray, groups: Sequence[str], parts: int = PARTS) -> np.ndarray:
    """Calibrated scores of each film by a Platt fitted on the other groups only."""
    return transferred(raw, truth, parts_of(groups, parts))


def transferred(raw: np.ndarray, truth: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Calibrated scores of each film by a Platt fitted on the other parts (M,) only."""
    out = np.empty(len(raw))
    for number in np.unique(part):
        inside = part == number
        out[inside] = fit_platt(raw[~inside], truth[~inside])(raw[inside])
    return out


def reliability(p: np.ndarray, truth: np.ndarray, bins: int = 10) -> np.ndarray:
    """(B, 3): mean score, share positive, films; in bins of equally many films."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return np.array([(p[part].mean(), truth[part].mean(), len(part)) for part in parts if len(part)])


def calibration_error(p: np.ndarray, truth: np.ndarray, weight: np.ndarray | None = None, bins: int = 10) -> Any:
    """Expected calibration error over bins of equally many films; (R,) for weights (R, M)."""
    weight = np.ones(len(p)) if weight is None else weight
    parts = [part for part in np.array_split(np.argsort(p, kind="stable"), bins) if len(part)]
    off = sum(abs((weight[..., part] * (p - truth)[part]).sum(-1)) for part in parts)
    return off / weight.sum(-1)
