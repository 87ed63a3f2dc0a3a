"""How far readers and models agree beyond chance: Cohen's kappa with its interval.

In: counts of a square table, or screenings with what readers said of them. Out: kappa, its 95% interval, and the counts
behind it. This module knows no store and no page.

Kappa = (po - pe) / (1 - pe), po the share of films on which both say the same, pe what chance alone would give (Cohen,
Educational and Psychological Measurement 20 (1960) 37-46). The interval is kappa +- 1.96 standard errors by the large
sample variance of Fleiss, Cohen and Everitt (Psychological Bulletin 72 (1969) 323-327). Where a finding is rare or
nearly always there, kappa is low in spite of much agreement (Feinstein and Cicchetti, J Clin Epidemiol 43 (1990)
543-549): so the counts are always shown with it, and the agreement on presence and on absence separately.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError
from cxr_core.records import LABELS, Interval, Review, Screening

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


Judged = tuple[Screening, Review]


def of_blind_reads(judged: Iterable[Judged], thresholds: Mapping[str, float]) -> tuple[Agreement, ...]:
    """Readers who had seen nothing against the model's flags: the comparison that means something.

    A blind reader speaks of every label: what is not named was not seen.
    """
    pairs = [
        (set(review.blind.flagged), _flagged(screening, review, thresholds), frozenset(LABELS))
        for screening, review in judged
        if review.blind is not None and screening.scores
    ]
    return _counted(pairs)


def of_reviews(judged: Iterable[Judged], thresholds: Mapping[str, float]) -> tuple[Agreement, ...]:
    """Readers who saw the model's answer against its flags: flattering, for who has seen an answer tends to follow it.

    Only labels that a reader gave a verdict on count; of the others nobody said anything.
    """
    pairs = []
    for screening, review in judged:
        said = {label: verdict for label in LABELS if (verdict := review.verdict(label))}
        if said and screening.scores:
            present = {label for label, verdict in said.items() if verdict != "disagree"}
            pairs.append((present, _flagged(screening, review, thresholds), frozenset(said)))
    return _counted(pairs)


def _flagged(screening: Screening, review: Review, thresholds: Mapping[str, float]) -> set[str]:
    """What the model flagged at the thresholds that stood beside the film, else at today's."""
    used = review.thresholds or thresholds
    return {label for label in LABELS if screening.scores[label] >= used.get(label, thresholds[label])}


def _counted(pairs: Sequence[tuple[set[str], set[str], frozenset[str]]]) -> tuple[Agreement, ...]:
    return tuple(
        Agreement(
            label,
            both=sum(label in of and label in reader and label in model for reader, model, of in pairs),
            reader=sum(label in of and label in reader and label not in model for reader, model, of in pairs),
            model=sum(label in of and label not in reader and label in model for reader, model, of in pairs),
            neither=sum(label in of and label not in reader and label not in model for reader, model, of in pairs),
        )
        for label in LABELS
    )
