"""Whether a model's scores still look as they did when it was measured: the population stability index.

In: a card's facts, and scores of films. Out: an index with what chance alone would give. This module knows no store.

PSI = sum over bins of (a - e) ln(a / e), a the share of films in a bin here, e in the reference (Siddiqi, "Credit Risk
Scorecards", 2006). Its usual limits, 0.1 and 0.25, know nothing of how many films there are: with N and M films from
one and the same distribution, PSI / (1/N + 1/M) is distributed as chi-square with bins - 1 degrees of freedom
(Yurdakul and Naranjo, J Risk Model Validation 14 (2020)). So an index counts only above what 95 of 100 such draws give.

The reference is a card's. ``curves.scores`` holds counts between edges, where the card has it; an older card tells how
many of its validation films reach each of its operating points, which are four bins. Films with and without the finding
are kept apart, so that the reference can be put to the site's own prevalence: else a ward with fewer sick would drift
from the first day on. Where the site does not know it, the share that fits best is taken, at the cost of a degree of
freedom: what is left is drift that no other mix of sick and others explains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_core.card import ModelCard
from cxr_core.errors import RecordError
from cxr_core.records import PRESETS

Floats = npt.NDArray[np.float64]

SMALL, LARGE = 0.10, 0.25
"""Below the first, stable by convention; above the second, another population or another model."""

_HALF = 0.5
"""Added to every bin on both sides (Jeffreys), so that an empty bin does not make the index infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One finding's scores where it was measured: films ``present`` and ``absent`` (B,) by bin between ``edges``.

    ``edges`` (B - 1,), rising, inside (0, 1); a score belongs to the bin above an edge that it equals. ``source``: the
    part of the card that it comes from.
    """

    edges: Floats
    present: Floats
    absent: Floats
    source: str

    def __post_init__(self) -> None:
        rising = bool((np.diff(self.edges) > 0).all())
        same = len(self.present) == len(self.absent) == len(self.edges) + 1
        if not (rising and same and (self.present >= 0).all() and (self.absent >= 0).all()):
            raise RecordError("a reference needs rising edges and one count more than edges, none below 0")

    @property
    def films(self) -> float:
        """How many there were."""
        return float(self.present.sum() + self.absent.sum())

    @property
    def prevalence(self) -> float:
        """The share with the finding where it was measured."""
        return float(self.present.sum() / self.films) if self.films else 0.0

    def shares(self, prevalence: float | None = None) -> Floats:
        """(B,) expected shares, at another prevalence if one is given and both kinds were measured."""
        with_it, without = (_shares(kind) for kind in (self.present, self.absent))
        if prevalence is None or not self.present.sum() or not self.absent.sum():
            prevalence = self.prevalence
        return prevalence * with_it + (1 - prevalence) * without

    def counts(self, scores: npt.ArrayLike) -> Floats:
        """(B,) how many of these scores lie in each bin; NaN, the score of a refused film, in none."""
        values = np.asarray(scores, np.float64)
        values = values[np.isfinite(values)]
        places = np.searchsorted(self.edges, values, side="right")
        return np.bincount(places, minlength=len(self.edges) + 1).astype(np.float64)


_MIXES = tuple(number / 200 for number in range(201))
"""Shares of sick that are tried."""

VERDICTS = ("too few", "as measured", "moved", "far")


@dataclass(frozen=True, slots=True)
class Drift:
    """An index, of how many films, and what chance alone would exceed in 5 of 100 draws.

    ``prevalence`` is what the reference was put to; ``fitted``: taken from these very films.
    """

    label: str
    index: float
    films: int
    chance: float
    prevalence: float = 0.0
    fitted: bool = False

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        if not self.films:
            return "too few"
        if self.index <= self.chance or self.index < SMALL:
            # A limit that chance alone exceeds says nothing yet of so few films.
            return "too few" if self.chance > LARGE else "as measured"
        return "far" if self.index >= LARGE else "moved"


def references(card: ModelCard) -> dict[str, Reference]:
    """The reference of each finding for which the card holds one."""
    found = {}
    for item in card.finding_labels:
        reference = _histogram(card.curves, str(item.finding)) or _from_presets(card, str(item.finding))
        if reference is not None:
            found[str(item.finding)] = reference
    return found


def drift(label: str, reference: Reference, counts: Floats, prevalence: float | None = None) -> Drift:
    """How far these counts lie from the reference; without a prevalence, at the one that fits them best."""
    films = float(counts.sum())
    fits = prevalence is None and len(counts) > 2 and bool(reference.present.sum() and reference.absent.sum())
    if fits:
        prevalence = min(_MIXES, key=lambda share: psi(reference.shares(share), counts))
    chance = math.inf
    if films and reference.films and len(counts) > 1:
        chance = chi_square_95(len(counts) - 1 - fits) * (1 / films + 1 / reference.films)
    used = reference.prevalence if prevalence is None else prevalence
    return Drift(label, psi(reference.shares(prevalence), counts), int(films), chance, used, fits)


def psi(expected: npt.ArrayLike, counts: npt.ArrayLike) -> float:
    """The index of counts (B,) against expected shares (B,) that sum to 1; 0 where there is nothing to compare."""
    shares, seen = np.asarray(expected, np.float64), np.asarray(counts, np.float64)
    if shares.shape != seen.shape or shares.ndim != 1 or not math.isclose(float(shares.sum()), 1.0, abs_tol=1e-6):
        raise RecordError(f"needs shares that sum to 1 and as many counts, got {shares.shape} and {seen.shape}")
    total = float(seen.sum())
    if not total:
        return 0.0
    actual = _smoothed(seen)
    wanted = _smoothed(shares * total)
    return float(((actual - wanted) * np.log(actual / wanted)).sum())


def chi_square_95(degrees: int) -> float:
    """The 95% point of chi-square: from tables up to 9 degrees, beyond by Wilson and Hilferty (1931), within 0.2%."""
    if degrees < 1:
        raise RecordError(f"chi-square needs a degree of freedom, got {degrees}")
    if degrees <= len(_EXACT):
        return _EXACT[degrees - 1]
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + 1.644854 * math.sqrt(part)) ** 3)


_EXACT = (3.841459, 5.991465, 7.814728, 9.487729, 11.070498, 12.591587, 14.067140, 15.507313, 16.918978)


def _smoothed(counts: Floats) -> Floats:
    padded = counts + _HALF
    return np.asarray(padded / padded.sum())


def _shares(counts: Floats) -> Floats:
    total = counts.sum()
    return counts / total if total else np.zeros_like(counts)


def _histogram(curves: Mapping[str, Any], label: str) -> Reference | None:
    """From ``curves.scores``: {label: {"edges": [...], "present": [...], "absent": [...]}}."""
    raw = curves.get("scores")
    facts: Any = raw.get(label) if isinstance(raw, Mapping) else None
    try:
        edges, present, absent = (np.asarray(facts[name], np.float64) for name in ("edges", "present", "absent"))
        return Reference(edges, present, absent, "scores")
    except (KeyError, TypeError, ValueError, RecordError):
        return None  # a card from before it was kept, or one written by hand


def _from_presets(card: ModelCard, label: str) -> Reference | None:
    """From how many films with and without the finding reach each operating point."""
    raw = card.curves.get("confusion")
    counted: Any = raw.get(label) if isinstance(raw, Mapping) else None
    points: Any = {item.finding: item.operating_points for item in card.finding_labels}.get(label, {})
    try:
        known: list[tuple[float, Any]] = [(points[name].threshold, counted[name]) for name in PRESETS if name in points]
        known.sort(key=lambda pair: pair[0])
        edges = np.array([threshold for threshold, _ in known], np.float64)
        reached = [[float(counts[kind]) for _, counts in known] for kind in ("tp", "fp")]
        every = [float(known[0][1][one] + known[0][1][other]) for one, other in (("tp", "fn"), ("fp", "tn"))]
        present, absent = (-np.diff([whole, *part, 0.0]) for whole, part in zip(every, reached, strict=True))
        return Reference(edges, present, absent, "confusion")
    except (KeyError, TypeError, ValueError, IndexError, RecordError):
        return None
