"""The films a label fails on worst, by file name alone: to be looked at by whoever has the data.

In: probabilities, truth, flags of one preset, file names. Out: at most eight missed and eight flagged for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST = 8
Failures = dict[str, list[dict[str, str | float]]]


def failures(p: np.ndarray, truth: np.ndarray, flagged: np.ndarray, names: Sequence[str], most: int = MOST) -> Failures:
    """Positives that are not flagged, lowest score first; others that are, highest score first."""
    sick = truth > 0
    missed = [index for index in np.argsort(p, kind="stable") if sick[index] and not flagged[index]]
    false = [index for index in np.argsort(-p, kind="stable") if flagged[index] and not sick[index]]
    return {"missed": _named(missed[:most], p, names), "false_alarm": _named(false[:most], p, names)}


def _named(chosen: Sequence[int], p: np.ndarray, names: Sequence[str]) -> list[dict[str, str | float]]:
    return [{"file": names[index], "score": round(float(p[index]), 4)} for index in chosen]
