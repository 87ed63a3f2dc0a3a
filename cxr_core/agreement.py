"""How far readers and models agree beyond chance: Cohen's kappa with its interval.

In: counts of a square table, or what readers said and models flagged, nine words a film. Out: kappa, its 95% interval,
and the counts behind it. Vectorised: 30,000 reviews take milliseconds. This module knows no store and no page.

Two comparisons, never mixed: readers who read *blind* had seen nothing, and that alone shows how far they agree;
readers who gave a verdict beside the model's answer tend to follow it, which flatters.

Kappa = (po - pe) / (1 - pe), po the share of films on which both say the same, pe what chance alone would give (Cohen,
Educational and Psychological Measurement 20 (1960) 37-46). The interval is kappa +- 1.96 standard errors by the large
sample variance of Fleiss, Cohen and Everitt (Psychological Bulletin 72 (1969) 323-327). Where a finding is rare or
nearly always there, kappa is low in spite of much agreement (Feinstein and Cicchetti, J Clin Epidemiol 43 (1990)
543-549): so the counts are always shown with it, and the agreement on presence and on absence separately.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError
from cxr_core.records import LABELS, BlindRead, Interval, Review

_Z = 1.959964
"""The 97.5% point of the normal distribution."""

FEW = 30
"""Films below which the large sample variance means little, so the page says that it does."""


def kappa(table: npt.ArrayLike) -> Interval | None:
    """Kappa of a (K, K) table of counts, one rater in rows, the other in columns; None where it is not defined.

    It is not where there is nothing, or where both always say one and the same: then chance alone gives agreement.
    """
    counts = np.asarray(table, np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise RecordError(f"kappa needs a square table of counts, got shape {counts.shape}")
    total = float(counts.sum())
    if total == 0:
        return None
    p = counts / total
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, chance = float(np.trace(p)), float(rows @ columns)
    if math.isclose(chance, 1.0):
        return None
    value = (observed - chance) / (1 - chance)
    half = _Z * math.sqrt(max(0.0, _variance(p, rows, columns, observed, chance) / total))
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def _variance(
    p: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    observed: float,
    chance: float,
) -> float:
    """Fleiss, Cohen and Everitt's variance of kappa, times the number of films."""
    agreed = np.diag(p) @ (1 - chance - (rows + columns) * (1 - observed)) ** 2
    crossed = (columns[:, None] + rows[None, :]) ** 2  # of cell i, j: the column total of i and the row total of j
    differed = (1 - observed) ** 2 * float((p * crossed)[~np.eye(len(p), dtype=bool)].sum())
    rest = (observed * chance - 2 * chance + observed) ** 2
    return float((agreed + differed - rest) / (1 - chance) ** 4)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One finding: films that both named, the reader alone, the model alone, neither."""

    label: str
    both: int
    reader: int
    model: int
    neither: int

    @property
    def films(self) -> int:
        """How many were judged by both."""
        return self.both + self.reader + self.model + self.neither

    @property
    def kappa(self) -> Interval | None:
        """Agreement beyond chance; None where it is not defined."""
        return kappa([[self.both, self.reader], [self.model, self.neither]])

    @property
    def observed(self) -> float | None:
        """Share of films on which both say the same."""
        return (self.both + self.neither) / self.films if self.films else None

    @property
    def on_presence(self) -> float | None:
        """2a / (2a + b + c): of what either named, how much the other did too (Cicchetti and Feinstein 1990)."""
        named = 2 * self.both + self.reader + self.model
        return 2 * self.both / named if named else None

    @property
    def on_absence(self) -> float | None:
        """2d / (2d + b + c), the same for what was not named."""
        unnamed = 2 * self.neither + self.reader + self.model
        return 2 * self.neither / unnamed if unnamed else None


SEEN, ABSENT, UNSAID = 1, 0, -1
"""What a reader said of a label; nothing at all is not a no."""

Said = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]


def of_blind_read(blind: BlindRead | None) -> tuple[int, ...]:
    """Nine words: a blind reader speaks of every label, and what is not named was not seen."""
    if blind is None:
        return (UNSAID,) * len(LABELS)
    return tuple(SEEN if label in blind.flagged else ABSENT for label in LABELS)


def of_verdicts(review: Review) -> tuple[int, ...]:
    """Nine words of a reader who saw the model's answer: only a verdict on a label as a whole is one."""
    verdicts = (review.verdict(label) for label in LABELS)
    return tuple(UNSAID if not verdict else ABSENT if verdict == "disagree" else SEEN for verdict in verdicts)


def flagged(scores: npt.ArrayLike, used: npt.ArrayLike, today: Mapping[str, float]) -> Bools:
    """(N, 9) what the model flagged, at the thresholds that stood beside the film, where they are NaN at today's."""
    limits = np.asarray(used, np.float64)
    limits = np.where(np.isnan(limits), [today[label] for label in LABELS], limits)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.asarray(scores, np.float64) >= limits)


def agreements(said: Said, by_model: Bools) -> tuple[Agreement, ...]:
    """One finding each, of what readers said (N, 9) and the model flagged (N, 9)."""
    if said.shape != by_model.shape or said.shape[1:] != (len(LABELS),):
        raise RecordError(f"needs nine words a film of reader and model, got {said.shape} and {by_model.shape}")
    seen, absent = said == SEEN, said == ABSENT
    counts = [
        (one & other).sum(axis=0)
        for one, other in ((seen, by_model), (seen, ~by_model), (absent, by_model), (absent, ~by_model))
    ]
    return tuple(Agreement(label, *(int(count[place]) for count in counts)) for place, label in enumerate(LABELS))
