"""Orders of reading, played over the same films, and how long each kind of film waited.

In: a Department, orders by name. Out: an Outcome for each: how long urgent, soon and routine films waited.
A reader who is free takes the first film of the order; nobody is interrupted. The orders see the same films with the
same reading times, so what differs is the order alone.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr_core.records import URGENCIES, Interval
from cxr_core.simulate.department import Department, Floats, Studies, studies
from cxr_core.triage import Policy, place

WARM_UP = 0.1
"""Share of the days that is played and not counted: it begins with an empty room."""

BATCHES = 20
_T_19 = 2.093
"""The 97.5% point of Student's t with 19 degrees of freedom, for the interval by batch means (Law and Kelton)."""

Keys = Callable[[npt.NDArray[np.int64], float], Floats]
"""Of waiting films (indices, in order of arrival) at a moment (minutes): the one with the largest key comes first."""

Order = Callable[[Studies], Keys]

MISSED, ALL = "urgent, not flagged", "all films"


@dataclass(frozen=True, slots=True)
class Waits:
    """How long one kind of film waited, minutes from arrival to the begin of its reading.

    ``mean`` has its 95% interval by batch means; ``curve`` holds the 1st to 99th percentile.
    """

    name: str
    films: int
    mean: Interval
    median: float
    p95: float
    longest: float
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one order of reading comes to, by kind of film; kinds without a film are left out."""

    order: str
    waits: tuple[Waits, ...]

    def of(self, name: str) -> Waits | None:
        """The waits of one kind."""
        return next((item for item in self.waits if item.name == name), None)


def compare(department: Department, orders: Mapping[str, Order]) -> tuple[Outcome, ...]:
    """Every order, by its name, over the same films of a department."""
    films = studies(department)
    return tuple(
        Outcome(name, summary(films, play(films, department, order(films)), department))
        for name, order in orders.items()
    )


def by_arrival(films: Studies) -> Keys:
    """First come, first served."""
    return lambda waiting, _now: -films.arrival[waiting]


def by_score(films: Studies) -> Keys:
    """The highest probability of any finding first, however urgent it is and however long others have waited."""
    return lambda waiting, _now: films.probability[waiting]


def by_policy(policy: Policy) -> Order:
    """The worklist's own order: triage's lanes, limits and merit, asked anew each time a reader is free."""

    def order(films: Studies) -> Keys:
        def keys(waiting: npt.NDArray[np.int64], now: float) -> Floats:
            placed = place(films.lane[waiting], films.standing[waiting], now - films.arrival[waiting], policy)
            first = np.zeros(len(waiting))
            first[placed.order()[0]] = 1.0
            return first

        return keys

    return order


def play(films: Studies, department: Department, keys: Keys) -> Floats:
    """(N,) minutes that each film waits; whoever is free takes the one with the largest key, of equals the earliest."""
    opens, closes = (60 * hour for hour in department.hours)
    waits = np.zeros(len(films.arrival))
    free = [0.0] * department.readers  # a heap: when each reader is free again
    waiting = np.empty(len(films.arrival), np.int64)
    length = come = 0
    now = 0.0
    for _ in range(len(films.arrival)):
        now = max(now, heapq.heappop(free))
        if not length and come < len(films.arrival):
            now = max(now, float(films.arrival[come]))
        now = _open(now, opens, closes)
        upto = int(np.searchsorted(films.arrival, now, side="right"))
        waiting[length : length + upto - come] = np.arange(come, upto)
        length, come = length + upto - come, upto
        place = int(np.argmax(keys(waiting[:length], now))) if length > 1 else 0
        film = int(waiting[place])
        waiting[place : length - 1] = waiting[place + 1 : length]
        length -= 1
        waits[film] = now - films.arrival[film]
        heapq.heappush(free, now + float(films.reading[film]))
    return waits


def summary(films: Studies, waits: Floats, department: Department) -> tuple[Waits, ...]:
    """The waits by what is on the film, those of urgent films that were not flagged once more by themselves."""
    counted = films.arrival >= WARM_UP * department.days * 24 * 60
    kinds: dict[str, npt.NDArray[np.bool_]] = {
        name: counted & (films.truth == place) for place, name in enumerate(URGENCIES)
    }
    kinds[MISSED] = kinds["urgent"] & (films.lane != URGENCIES.index("urgent"))
    kinds[ALL] = counted
    return tuple(_waits(name, waits[chosen]) for name, chosen in kinds.items() if chosen.any())


def _open(now: float, opens: float, closes: float) -> float:
    """The next moment at which films are begun."""
    day, minute = divmod(now, 24 * 60)
    if minute < opens:
        return day * 24 * 60 + opens
    return now if minute < closes else (day + 1) * 24 * 60 + opens


def _waits(name: str, waits: Floats) -> Waits:
    curve = np.percentile(waits, np.arange(1, 100))
    return Waits(
        name=name,
        films=len(waits),
        mean=_mean(waits),
        median=float(curve[49]),
        p95=float(curve[94]),
        longest=float(waits.max()),
        curve=tuple(map(float, curve)),
    )


def _mean(waits: Floats) -> Interval:
    """The mean with its interval by batch means: films that follow each other wait alike, so single ones tell less."""
    value = float(waits.mean())
    if len(waits) < 2 * BATCHES:
        return Interval(value, 0.0, math.inf)
    batches = np.array([part.mean() for part in np.array_split(waits, BATCHES)])
    half = _T_19 * float(batches.std(ddof=1)) / math.sqrt(BATCHES)
    return Interval(value, max(0.0, value - half), value + half)
