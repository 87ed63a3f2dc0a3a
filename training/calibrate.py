"""Scores to probabilities and probabilities to operating points, on films the network was not trained on.

In: raw image scores, truth, groups of one label; with several networks, which one answered for each film. Out: a Platt,
operating points with their intervals, points to draw, the calibration error. It does not know which label it is.

One network: thresholds and Platt are fitted on the films they are measured on; only the calibration error is crossed.
Several networks, each on the fold it never saw: the card gets what is fitted on all their answers together, because the
network that is shipped is their sister; what it says of them is what happens when a fold is judged by the Platt and the
threshold of the other folds' networks. So nothing is measured on films that chose it, and the step from one network to
its sister is inside the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cxr_core.card import Platt
from cxr_core.records import PRESETS, Interval, OperatingPoint
from training import detections, metrics

SENSITIVE, SPECIFIC = 0.95, 0.95
_POINTS = 40
TENTHS = tuple(round(share, 1) for share in np.arange(0.1, 1, 0.1).tolist())
TAILS = (0.01, 0.02, 0.05, *TENTHS, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """All that the card says of one label's image score.

    ``crossed`` (M,): each film's probability by a Platt fitted on other films. ``scale`` (M,): scores of all films on
    one scale, for curves and subgroups. ``flagged``: (M,) by preset. ``scores``, ``rates``: films of each kind between
    edges, see ``histogram``. ``error``: of ``crossed``, with its interval.
    """

    platt: Platt
    points: dict[str, OperatingPoint]
    raw_error: float
    crossed_error: float
    roc: list[list[float]]
    reliability: list[list[float]]
    precision_recall: list[list[float]] = field(default_factory=list)
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    crossed: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scale: np.ndarray = field(default_factory=lambda: np.zeros(0))
    flagged: Mapping[str, np.ndarray] = field(default_factory=dict)
    scores: Mapping[str, list[float]] = field(default_factory=dict)
    rates: Mapping[str, list[float]] = field(default_factory=dict)
    error: metrics.Figure | None = None

    def errors(self) -> dict[str, float]:
        """Calibration error before and after, for the card."""
        return {"raw": round(self.raw_error, 4), "calibrated": round(self.crossed_error, 4)}


def calibrate(
    raw: np.ndarray, truth: np.ndarray, groups: list[str], weights: np.ndarray, networks: np.ndarray | None = None
) -> Calibrated:
    """``raw`` (M,) scores, ``truth`` (M,) 0 or 1, ``weights`` (R, M) of the bootstrap, ``networks`` (M,) or None.

    The error after calibration is measured by crossing: each film is calibrated by the other folds' films, or with one
    network by the other groups'.
    """
    platt = metrics.fit_platt(raw, truth)
    p = platt(raw)
    if networks is None or len(np.unique(networks)) == 1:
        chosen = thresholds(p, truth)
        honest, scale = metrics.crossed(raw, truth, groups), p
        flagged = {name: p >= value for name, value in chosen.items()}
    else:
        chosen = thresholds(p, truth)
        honest, flagged = from_sisters((raw, truth, networks), raw, networks)
        scale = one_scale(raw, truth, networks)
    return Calibrated(
        platt,
        {name: _point(flagged[name], truth, weights, value) for name, value in chosen.items()},
        float(metrics.calibration_error(raw, truth)),
        float(metrics.calibration_error(honest, truth)),
        thin(metrics.roc(scale, truth)[:, :2]),
        [[round(float(x), 4), round(float(y), 4)] for x, y, _ in metrics.reliability(honest, truth)],
        thin(metrics.precision_recall(scale, truth)[:, :2]),
        {name: confusion(flagged[name], truth) for name in chosen},
        honest,
        scale,
        flagged,
        histogram(honest, truth),
        histogram(honest, truth, TAILS),
        metrics.centred(metrics.draws(lambda w: metrics.calibration_error(honest, truth, w), weights), len(raw)),
    )


def from_sisters(
    known: tuple[np.ndarray, np.ndarray, np.ndarray], raw: np.ndarray, networks: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Probability (M,) and flags (M,) by preset of films ``raw``, ``networks`` (M,) that answered for them.

    ``known``: raw scores, truth and networks to fit on; what a film's own network said is spared, unless it is alone.
    """
    honest = np.empty(len(raw))
    flagged: dict[str, np.ndarray] = {name: np.zeros(len(raw), bool) for name in PRESETS}
    for number in np.unique(networks):
        inside, others = networks == number, known[2] != number
        if not others.any():
            others = ~others
        platt = metrics.fit_platt(known[0][others], known[1][others])
        honest[inside] = platt(raw[inside])
        for name, value in thresholds(platt(known[0][others]), known[1][others]).items():
            flagged[name][inside] = honest[inside] >= value
    return honest, flagged


def one_scale(raw: np.ndarray, truth: np.ndarray, networks: np.ndarray) -> np.ndarray:
    """Scores of several networks made comparable: a score's rank among its own network's negatives, 0 to 1.

    So the order within a fold stays, and no network ranks higher because its fold holds more of the sick: a Platt of
    each fold would do that, and one crossed over groups the opposite (the fewer sick in a part, the higher its score).
    """
    out = np.empty(len(raw))
    for number in np.unique(networks):
        inside = networks == number
        others = np.sort(raw[inside & (truth == 0)])
        below, upto = (np.searchsorted(others, raw[inside], side) for side in ("left", "right"))
        out[inside] = (below + upto) / 2 / max(1, len(others))
    return out


def thresholds(p: np.ndarray, truth: np.ndarray) -> dict[str, float]:
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
    return {name: _below(value) for name, value in chosen.items()}


def _below(threshold: float) -> float:
    """A rounded threshold that still lets the chosen film pass."""
    return max(0.0, float(np.floor(threshold * 1e4) / 1e4))


def _point(flagged: np.ndarray, truth: np.ndarray, weights: np.ndarray, threshold: float) -> OperatingPoint:
    sick = truth > 0
    caught, passed = metrics.share(flagged, sick), metrics.share(~flagged, ~sick)
    return OperatingPoint(threshold, _interval(caught, weights), _interval(passed, weights))


def _interval(measure: Any, weights: np.ndarray) -> Interval:
    found = metrics.figure_at_once(measure, weights, weights.shape[1]).as_dict()
    return Interval(float(found["value"]), float(found["low"]), float(found["high"]))


def confusion(flagged: np.ndarray, truth: np.ndarray) -> dict[str, int]:
    """Films caught, missed, flagged for nothing and rightly let pass."""
    sick = truth > 0
    return {
        "tp": int((flagged & sick).sum()),
        "fn": int((~flagged & sick).sum()),
        "fp": int((flagged & ~sick).sum()),
        "tn": int((~flagged & ~sick).sum()),
    }


def histogram(p: np.ndarray, truth: np.ndarray, shares: Sequence[float] = TENTHS) -> dict[str, list[float]]:
    """Films with and without the finding by probability, between edges below which such ``shares`` of all films lie.

    As few bins as ties allow. Tenths are what drift is seen by (cxr_core.drift), TAILS what sliders are told by
    (cxr_core.operating): most of a slider lies above most films.
    """
    marks = np.quantile(p, shares)
    edges = np.unique(np.round(marks, 4))
    edges = edges[(edges > p.min()) & (edges <= p.max())]
    places = np.searchsorted(edges, p, side="right")
    counts = [np.bincount(places[kind], minlength=len(edges) + 1).tolist() for kind in (truth > 0, truth <= 0)]
    return {"edges": edges.tolist(), "present": counts[0], "absent": counts[1]}


def thin(points: np.ndarray) -> list[list[float]]:
    """At most 40 of a curve's points, first and last kept, rounded: a card is read by people too."""
    keep = np.unique(np.linspace(0, len(points) - 1, min(_POINTS, len(points))).round().astype(int))
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points[keep]]


def box_threshold(found: detections.Detections, weight: np.ndarray, false_a_film: float) -> float:
    """The score from which boxes give no more than so many false ones a film; between 0.05 and 0.9."""
    false, _ = detections.froc(found, weight)
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
