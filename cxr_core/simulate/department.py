"""A department in numbers, and the films that come to it, drawn at random with a seed.

In: a Department. Out: Studies, arrays with one item a film: when it comes, how long its reading takes, what is on it,
what the detector says of it. This module knows no order of reading.

A detector is drawn as the binormal model that its operating point fixes (Green and Swets 1966): scores of films without
the finding are N(0, 1), with it N(d, 1), flagged above t, where specificity = F(t) and sensitivity = 1 - F(t - d) and F
is the normal distribution. The probability that it gives is then the calibrated one at the department's prevalence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError
from cxr_core.records import URGENCIES, Urgency

Spread = Literal["exponential", "lognormal"]
Floats = npt.NDArray[np.float64]

MOST = 200_000
"""Films that one play may have: beyond it memory and patience end, and nothing new is learnt."""

MOST_WAITING = 1_000

_NORMAL = NormalDist()
_NEVER = 1e-6


@dataclass(frozen=True, slots=True)
class Group:
    """Films with a finding of one urgency: their share, and how well the detector tells them from the others."""

    urgency: Urgency
    share: float
    sensitivity: float
    specificity: float

    def __post_init__(self) -> None:
        for name in ("share", "sensitivity", "specificity"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise RecordError(f"{name} of {self.urgency} films must lie between 0 and 1, got {value}")
        if self.sensitivity + self.specificity < 1.0:
            raise RecordError(
                f"a detector of {self.urgency} films with sensitivity {self.sensitivity} and specificity "
                f"{self.specificity} is worse than a coin; their sum must be 1 or more"
            )

    @property
    def cut(self) -> float:
        """t: the score from which a film is flagged."""
        return _NORMAL.inv_cdf(_inside(self.specificity))

    @property
    def distance(self) -> float:
        """d: how far the scores of films with the finding lie above those without."""
        return max(0.0, self.cut - _NORMAL.inv_cdf(1 - _inside(self.sensitivity)))


@dataclass(frozen=True, slots=True)
class Department:
    """What comes, how fast it is read, by how many; ``hours`` are those of a day in which they read.

    Films come at random moments, as many an hour by day as by night (Poisson). ``variation`` is the standard deviation
    of log-normal reading times over their mean. ``doubtful`` is the share that goes to "check". Groups exclude each
    other: a film is of the first, else perhaps of the second, else it is routine.
    """

    per_hour: float = 20.0
    reading_minutes: float = 5.0
    spread: Spread = "lognormal"
    variation: float = 0.8
    readers: int = 2
    hours: tuple[float, float] = (0.0, 24.0)
    days: float = 60.0
    doubtful: float = 0.03
    groups: tuple[Group, ...] = (Group("urgent", 0.02, 0.76, 0.66), Group("soon", 0.15, 0.83, 0.87))
    seed: int = 1

    def __post_init__(self) -> None:
        if not (self.per_hour > 0 and self.reading_minutes > 0 and self.days > 0 and self.readers >= 1):
            raise RecordError("arrivals, reading time, days and readers must be more than nothing")
        if not (0.0 < self.variation <= 5.0 and 0.0 <= self.doubtful <= 1.0):
            raise RecordError("the spread of reading times must lie in (0, 5], the share of doubtful films in [0, 1]")
        if not 0.0 <= self.hours[0] < self.hours[1] <= 24.0:
            raise RecordError(f"reading hours must be two hours of one day, the first before, got {self.hours}")
        names = [group.urgency for group in self.groups]
        if len(set(names)) < len(names) or not set(names) <= {"urgent", "soon"}:
            raise RecordError(f"groups are urgent and soon, each once; the rest is routine, got {', '.join(names)}")
        if sum(group.share for group in self.groups) > 1.0:
            raise RecordError("the shares of urgent and soon films are more than all films")
        if self.expected > MOST:
            raise RecordError(f"that is {self.expected:,.0f} films; choose days and arrivals for {MOST:,} at most")

    @property
    def expected(self) -> float:
        """Films that will come, on average."""
        return self.per_hour * 24 * self.days

    @property
    def load(self) -> float:
        """Reading to be done over reading that can be done; from 1 on, waits grow without end."""
        open_share = (self.hours[1] - self.hours[0]) / 24
        return self.per_hour / 60 * self.reading_minutes / (self.readers * open_share)

    @property
    def spread_of_times(self) -> float:
        """Standard deviation of the reading times over their mean."""
        return 1.0 if self.spread == "exponential" else self.variation


def bounded(department: Department) -> Department:
    """The same for as many days as it takes until a queue that grows without end is MOST_WAITING films long.

    Whoever is free looks at all who wait, so an endless queue would be played for ever and tell nothing more.
    """
    if department.load <= 1:
        return department
    growth = department.per_hour * 24 * (1 - 1 / department.load)
    return replace(department, days=min(department.days, MOST_WAITING / growth))


@dataclass(frozen=True, slots=True, eq=False)
class Studies:
    """Films in order of arrival; times in minutes. ``truth`` and ``lane`` index URGENCIES.

    ``standing`` is triage's: 0.5 at the threshold, the highest of the groups at least as urgent as the film's lane.
    ``probability`` is the highest that any detector gives.
    """

    arrival: Floats
    reading: Floats
    truth: npt.NDArray[np.int64]
    lane: npt.NDArray[np.int64]
    standing: Floats
    probability: Floats


def studies(department: Department) -> Studies:
    """The films of a department; the same seed draws the same."""
    rng = np.random.default_rng(department.seed)
    minutes = department.days * 24 * 60
    count = max(1, int(rng.poisson(department.expected)))
    arrival = np.sort(rng.uniform(0.0, minutes, count))  # a Poisson stream, given how many came
    reading = _readings(department, rng, count)
    routine = URGENCIES.index("routine")
    truth = np.full(count, routine)
    lane = np.full(count, routine)
    lane[rng.random(count) < department.doubtful] = URGENCIES.index("check")
    chance, below = rng.random(count), 0.0
    for group in department.groups:
        truth[(chance >= below) & (chance < below + group.share)] = URGENCIES.index(group.urgency)
        below += group.share
    said = [(place, *_said(group, truth == place, rng)) for place, group in _by_urgency(department.groups)]
    for place, caught, _, _ in reversed(said):  # the most urgent has the last word
        lane[caught] = place
    standing, probability = np.zeros(count), np.zeros(count)
    for place, _, stands, likely in said:
        standing = np.maximum(standing, np.where(lane >= place, stands, 0.0))
        probability = np.maximum(probability, likely)
    return Studies(arrival, reading, truth, lane, standing, probability)


def _by_urgency(groups: Iterable[Group]) -> list[tuple[int, Group]]:
    """Each group with its place in URGENCIES, the most urgent first."""
    placed = [(URGENCIES.index(group.urgency), group) for group in groups]
    return sorted(placed, key=lambda pair: pair[0])


def _said(
    group: Group, present: npt.NDArray[np.bool_], rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """What the group's detector says of every film: flagged or not, its standing, its probability."""
    raw = rng.standard_normal(len(present)) + group.distance * present
    likely, threshold = _probability(group, raw), float(_probability(group, group.cut))
    return raw >= group.cut, _standing(likely, threshold), likely


def _readings(department: Department, rng: np.random.Generator, count: int) -> Floats:
    if department.spread == "exponential":
        return rng.exponential(department.reading_minutes, count)
    width = np.log1p(department.variation**2)
    return rng.lognormal(np.log(department.reading_minutes) - width / 2, np.sqrt(width), count)


def _probability(group: Group, raw: npt.ArrayLike) -> Floats:
    """Bayes: the odds of the group's share times the likelihood ratio of two normals of one width."""
    share, d = _inside(group.share), group.distance
    log_odds = np.log(share / (1 - share)) + d * np.asarray(raw) - d * d / 2
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -60, 60))))


def _standing(probability: Floats, threshold: float) -> Floats:
    """Triage's common scale: 0 at 0, 0.5 at the threshold, 1 at 1, straight between."""
    above = 0.5 + 0.5 * (probability - threshold) / (1 - threshold)
    return np.where(probability < threshold, 0.5 * probability / threshold, above)


def _inside(value: float) -> float:
    """A share away from 0 and 1, where the normal distribution has no end."""
    return min(max(value, _NEVER), 1 - _NEVER)
