"""Figures over several folds: each network's films measured on their own, then the mean over the networks.

In: scores or detections, truth, bootstrap weights, the network that answered for each film. Out: draws, (1 + R, F): the
value first, then every resample. It knows no labels.

Scores of two networks are not on one scale, so a ranking is judged inside each network's fold; a pooled figure, on
scores brought to one scale, is given beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from training import metrics
from training.detections import Detections, average_precision, sensitivity_at
from training.metrics import Figure


class Folds:
    """Which films each network judged, and the bootstrap weights (R, M) over all of them."""

    def __init__(self, networks: np.ndarray, weights: np.ndarray) -> None:
        """``networks`` (M,): the number of the fold that a film's network held out."""
        self.networks, self.weights = networks, weights
        self.names = [int(name) for name in np.unique(networks)]
        self._rows = [np.flatnonzero(networks == name) for name in self.names]

    def each(self, measure: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """(1 + R, F): ``measure`` (films (K,) of a fold, their weights (r, K)) of every network."""
        columns = [metrics.draws(lambda w, mine=mine: measure(mine, w), self.weights[:, mine]) for mine in self._rows]  # type: ignore[misc]
        return np.stack(columns, 1)

    def auc(self, scores: np.ndarray, truth: np.ndarray, keep: np.ndarray | None = None) -> np.ndarray:
        """(1 + R, F) AUC on the films ``keep`` (M,), or all."""
        kept = np.ones(len(scores), bool) if keep is None else keep

        def measure(films: np.ndarray, weight: np.ndarray) -> np.ndarray:
            inside = kept[films]
            mine = films[inside]
            return np.asarray(metrics.auc(scores[mine], truth[mine], weight[:, inside]))

        return self.each(measure)

    def precision(self, found: Detections) -> np.ndarray:
        """(1 + R, F) average precision."""
        return self._boxes(found, average_precision)

    def sensitivity(self, found: Detections, false_a_film: float) -> np.ndarray:
        """(1 + R, F) share of true boxes found at so many false boxes a film."""
        return self._boxes(found, lambda item, weight: sensitivity_at(item, weight, false_a_film))

    def _boxes(self, found: Detections, measure: Callable[[Detections, np.ndarray], Any]) -> np.ndarray:
        parts = {name: found.only(mine) for name, mine in zip(self.names, self._rows, strict=True)}
        return self.each(lambda films, weight: np.asarray(measure(parts[int(self.networks[films[0]])], weight)))

    def split(self, found: Detections) -> list[Detections]:
        """The detections of each network."""
        return [found.only(mine) for mine in self._rows]

    def spread(self, each: np.ndarray) -> dict[str, float]:
        """Each network's own value from (1 + R, F) draws, for the card."""
        return {
            f"fold {name}": round(float(value), 4)
            for name, value in zip(self.names, each[0], strict=True)
            if np.isfinite(value)
        }


def mean(each: np.ndarray, n: int) -> Figure:
    """The mean over networks (and classes) of (1 + R, ...) draws, with its interval."""
    return metrics.from_draws(metrics.mean_over(each, tuple(range(1, each.ndim))), n)


def mean_precision(each: np.ndarray, n: int) -> Figure:
    """The same of average precisions, which resampling raises: a hit drawn twice ranks twice in a row."""
    return metrics.centred(metrics.mean_over(each, tuple(range(1, each.ndim))), n)
