"""Scores to probabilities and probabilities to operating points, on films the network was not trained on.

In: raw image scores, truth, groups of one label. Out: a Platt, operating points with their intervals, points to draw,
the calibration error. It does not know which label it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_core.card import Platt
from cxr_core.records import Interval, OperatingPoint
from training import metrics

SENSITIVE, SPECIFIC = 0.95, 0.95
_POINTS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """All that the card says of one label's image score."""

    platt: Platt
    points: dict[str, OperatingPoint]
    raw_error: float
    crossed_error: float
    roc: list[list[float]]
    reliability: list[list[float]]

    def errors(self) -> dict[str, float]:
        """Calibration error before and after, for the card."""
        return {"raw": round(self.raw_error, 4), "calibrated": round(self.crossed_error, 4)}


def calibrate(raw: np.ndarray, truth: np.ndarray, groups: list[str], weights: np.ndarray) -> Calibrated:
    """``raw`` (M,) scores, ``truth`` (M,) 0 or 1, ``weights`` (R, M) of the bootstrap.

    The error after calibration is measured by cross-fitting: each film is calibrated by the other groups' films.
    """
    platt = metrics.fit_platt(raw, truth)
    p, honest = platt(raw), metrics.crossed(raw, truth, groups)
    return Calibrated(
        platt,
        _points(p, truth, weights),
        metrics.calibration_error(raw, truth),
        metrics.calibration_error(honest, truth),
        thin(metrics.roc(p, truth)[:, :2]),
        [[round(float(x), 4), round(float(y), 4)] for x, y, _ in metrics.reliability(honest, truth)],
    )


def _points(p: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> dict[str, OperatingPoint]:
    """Sensitive: at least 95% of the sick flagged. Specific: at most 5% of the others. Balanced: Youden's index."""
    table = metrics.roc(p, truth)[1:]
    fpr, tpr, marks = table.T
    sensitive = marks[int(np.argmax(tpr >= SENSITIVE))]
    allowed = np.flatnonzero(fpr <= 1 - SPECIFIC)
    specific = marks[allowed[-1]] if len(allowed) else marks[0]
    youden = marks[int(np.argmax(tpr - fpr))]
    # with few positives Youden's index may lie outside the other two; a preset called balanced must not
    low, high = sorted((sensitive, specific))
    chosen = {"sensitive": low, "balanced": float(np.clip(youden, low, high)), "specific": high}
    return {name: _point(p, truth, weights, _below(value)) for name, value in chosen.items()}


def _below(threshold: float) -> float:
    """A rounded threshold that still lets the chosen film pass."""
    return max(0.0, float(np.floor(threshold * 1e4) / 1e4))


def _point(p: np.ndarray, truth: np.ndarray, weights: np.ndarray, threshold: float) -> OperatingPoint:
    sick = truth > 0
    caught = metrics.rate_at(p, sick, threshold)
    flagged = metrics.rate_at(p, ~sick, threshold)
    return OperatingPoint(threshold, _interval(caught, weights), _interval(lambda w: 1 - flagged(w), weights))


def _interval(measure: Callable[[np.ndarray], float], weights: np.ndarray) -> Interval:
    found = metrics.figure(measure, weights, weights.shape[1]).as_dict()
    return Interval(float(found["value"]), float(found["low"]), float(found["high"]))


def thin(points: np.ndarray) -> list[list[float]]:
    """At most 40 of a curve's points, first and last kept, rounded: a card is read by people too."""
    keep = np.unique(np.linspace(0, len(points) - 1, min(_POINTS, len(points))).round().astype(int))
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points[keep]]


def box_threshold(found: metrics.Detections, weight: np.ndarray, false_a_film: float) -> float:
    """The score from which boxes give no more than so many false ones a film; between 0.05 and 0.9."""
    false, _ = metrics.froc(found, weight)
    allowed = np.flatnonzero(false <= false_a_film)
    mark = found.score[allowed[-1]] if len(allowed) else 0.9
    return round(float(np.clip(mark, 0.05, 0.9)), 3)


def as_card(values: dict[str, Any]) -> dict[str, Any]:
    """Figures of a nested dictionary as the card holds them; NaN (nothing to measure) is left out."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, metrics.Figure):
            if np.isfinite(value.value):
                out[key] = value.as_dict()
        elif isinstance(value, dict):
            out[key] = as_card(value)
        else:
            out[key] = value
    return out
