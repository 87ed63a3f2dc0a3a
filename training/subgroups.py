"""How good one label's score is for men and women, young and old, films taken standing or lying.

In: scores on one scale, truth, flags of one preset, and for each subgroup which films belong to it. Out: figures by
subgroup, for the card. A part with fewer than ten films of either kind is left out: its figure would be a rumour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training import metrics
from training.data import Example

FEWEST = 10
AGES = (("age under 40", 0, 40), ("age 40 to 64", 40, 65), ("age 65 and over", 65, 200))


def of_patients(films: Sequence[Example]) -> dict[str, np.ndarray]:
    """Masks (M,) by view, sex and age band, from the facts that a film's row holds."""
    found: dict[str, np.ndarray] = {}
    for fact in ("view", "sex"):
        values = np.array([film.facts.get(fact, "") for film in films])
        found |= {f"{fact} {value}": values == value for value in sorted(set(values) - {""})}
    ages = np.array([int(film.facts.get("age") or -1) for film in films])
    return found | {name: (ages >= low) & (ages < high) for name, low, high in AGES}


def of_sources(films: Sequence[Example]) -> dict[str, np.ndarray]:
    """Masks (M,) by the collection a film comes from."""
    values = np.array([film.source for film in films])
    return {f"source {value}": values == value for value in sorted(set(values))}


def subgroups(
    scores: np.ndarray, truth: np.ndarray, flagged: np.ndarray, members: Mapping[str, np.ndarray], weights: np.ndarray
) -> dict[str, dict[str, Any]]:
    """AUC, sensitivity and specificity of each subgroup with its number of films."""
    sick = truth > 0
    found: dict[str, dict[str, Any]] = {}
    for name, mask in members.items():
        if min((mask & sick).sum(), (mask & ~sick).sum()) < FEWEST:
            continue
        found[name] = {
            "auc": metrics.figure_at_once(_auc(scores[mask], truth[mask], mask), weights, int(mask.sum())),
            "sensitivity": metrics.figure_at_once(
                metrics.share(flagged, mask & sick), weights, int((mask & sick).sum())
            ),
            "specificity": metrics.figure_at_once(
                metrics.share(~flagged, mask & ~sick), weights, int((mask & ~sick).sum())
            ),
            "n": int(mask.sum()),
        }
    return found


def _auc(scores: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> Any:
    return lambda w: metrics.auc(scores, truth, w[..., mask])
