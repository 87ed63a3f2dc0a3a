"""The order of many studies at once: columns in, columns out, nothing row by row.

In: scores and facts of N images as numpy arrays, thresholds, lanes, a Policy. Out: flags, lanes, places, the order. A
slider's move costs milliseconds for 100,000 images. ``triage.assess`` says the same of one image, in words; a property
test holds that they agree.

Lanes are indices into URGENCIES: 0 urgent, 1 soon, 2 check, 3 routine; a lesser number is more urgent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError
from cxr_core.records import LABELS, URGENCIES, Urgency
from cxr_core.triage.policy import Policy

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HIGHEST, HIGH, USUAL = 2, 1, 0
"""What was asked for: STAT, HIGH, anything else."""

BANDS = ("read", *reversed(URGENCIES), "over its limit", "STAT")
"""The bands of the queue, the last one first read; a band never shares a priority with another."""

READ, OVER, STAT, NOT_FIXED, REFUSED = 0, BANDS.index("over its limit"), BANDS.index("STAT"), -1, -2
CHECK = URGENCIES.index("check")
ROUTINE = URGENCIES.index("routine")

_SPAN = 0.99  # of a band's part of [0, 1]; the rest keeps a gap between two bands
_LEAST = 2.0**-20  # of what a score lacks to its lane's top: a score of 1.0 must not stand above every waiting time
_DAY = 1440.0


@dataclass(frozen=True, slots=True)
class Facts:
    """N images in order of arrival.

    ``scores`` (N, 9) float64 in [0, 1] in the order of LABELS, NaN where refused. ``refused``, ``doubtful`` (a reading
    that a person has to check), ``outdated`` (by other models than the running ones), ``read`` (a person has decided):
    (N,) bool. ``requested`` (N,) one of HIGHEST, HIGH, USUAL. ``waited`` (N,) minutes since arrival; 0 if unknown.
    """

    scores: Floats
    refused: Bools
    doubtful: Bools
    outdated: Bools
    read: Bools
    requested: npt.NDArray[np.signedinteger[Any]]
    waited: Floats


@dataclass(frozen=True, slots=True)
class Placed:
    """Where N studies stand. ``band`` indexes BANDS; ``over`` is whole minutes over the limit; ``merit`` orders within.

    ``lane`` is by findings, doubts and request; waiting does not change it. ``below``: the refused images of the lane
    "check" stand together below the doubtful ones.
    """

    lane: Ints
    band: Ints
    over: Ints
    merit: Floats
    below: Bools

    @classmethod
    def joined(cls, parts: Sequence[Placed]) -> Placed:
        """Several, one behind the other."""
        columns = ((part.lane, part.band, part.over, part.merit, part.below) for part in parts)
        lane, band, over, merit, below = (np.concatenate(values) for values in zip(*columns, strict=True))
        return cls(lane, band, over, merit, below)

    def order(self) -> Ints:
        """(N,) the rows, the first to be read first: by band, minutes over, lane, merit; equals as they were given."""
        coarse = (self.band << 35) + (np.minimum(self.over, (1 << 31) - 1) << 3)
        coarse += ((ROUTINE - self.lane) << 1) + ~self.below
        return np.lexsort((-self.merit, -coarse)).astype(np.int64)

    def priority(self) -> Floats:
        """(N,) in [0, 1]; never rises along the order. For programs and people: the order itself is finer."""
        within = 1.0 - np.exp2(-self.merit)
        within = np.where(self.lane == CHECK, (within + ~self.below) / 2, within)
        # Minutes over the limit, then the lane, then merit, each within the steps of the one before.
        minutes = self.over / (self.over + _DAY)
        step = (self.over + 1) / (self.over + 1 + _DAY) - minutes
        late = minutes + step * (ROUTINE - self.lane + _SPAN * within) / len(URGENCIES)
        inside = np.where((self.band >= OVER) | (self.band == READ), late, within)  # the other bands are one lane each
        return np.asarray((self.band + _SPAN * inside) / len(BANDS))


@dataclass(frozen=True, slots=True)
class Order:
    """The queue: ``flagged`` (N, 9) bool, ``placed``, ``rows`` by rank, ``ranks`` (N,) from 1 by row."""

    flagged: Bools
    placed: Placed
    rows: Ints
    ranks: Ints


def ordered(
    facts: Facts, thresholds: npt.ArrayLike, urgencies: Mapping[str, Urgency], policy: Policy | None = None
) -> Order:
    """Flags and places of all; ``thresholds`` (9,), or (N, 9) where images have thresholds of their own."""
    limits = np.asarray(thresholds, np.float64)
    if not ((limits >= 0) & (limits <= 1)).all():
        raise RecordError("thresholds must lie in [0, 1]")
    policy = policy or Policy()
    lanes = label_lanes(urgencies)
    with np.errstate(invalid="ignore"):  # NaN, the score of a refused image, reaches no threshold
        flagged = facts.scores >= limits
    lane = _lanes(flagged, lanes, facts)
    standing = _highest(standings(facts.scores, limits), lanes, lane)
    usual = np.where(facts.refused, REFUSED, NOT_FIXED)
    fixed = np.where(facts.read, READ, np.where(facts.requested == HIGHEST, STAT, usual))
    placed = place(lane, standing, facts.waited, policy, fixed)
    rows = placed.order()
    ranks = np.empty_like(rows)
    ranks[rows] = np.arange(1, len(rows) + 1)
    return Order(flagged, placed, rows, ranks)


def place(
    lane: npt.ArrayLike, standing: Floats, waited: Floats, policy: Policy, fixed: npt.ArrayLike = NOT_FIXED
) -> Placed:
    """Where studies of these lanes (N,), standings (N,) in [0, 1] and waits (N,) in minutes stand under a policy.

    ``fixed``: the band that a person's word gives, STAT or READ, else REFUSED for an image without scores, else
    NOT_FIXED. What is read waits for nobody.
    ``merit`` is in halvings of what a study lacks to the top of its lane: a standing of 1/2 is worth one, 3/4 two; so
    is waiting once, twice ``policy.waiting_halves``. Two studies that wait never overtake each other within a lane.
    """
    lane = np.asarray(lane, np.int64)
    allowed = np.array([policy.allowed(name) for name in URGENCIES])[lane]
    late = waited > allowed
    fixed = np.asarray(fixed)
    band = np.where(fixed >= 0, fixed, np.where(late, OVER, ROUTINE + 1 - lane))
    late = late & (fixed != READ)
    over = np.floor(np.where(late, waited - np.where(late, allowed, 0.0), 0.0)).astype(np.int64)
    merit = -policy.score_weight * np.log2(np.maximum(1.0 - standing, _LEAST))
    if policy.waiting_halves:
        merit = merit + np.maximum(waited, 0.0) / policy.waiting_halves
    return Placed(lane, band, over, merit, (fixed == REFUSED) & (lane == CHECK))


def standings(scores: Floats, thresholds: Floats) -> Floats:
    """Scores of labels with different thresholds on one scale: 0.5 at the threshold, straight to 0 and 1; NaN is 0."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # on the side that is not taken
        below = 0.5 * (scores / thresholds)
        above = 0.5 + 0.5 * ((scores - thresholds) / (1.0 - thresholds))
        above = np.where(thresholds < 1.0, above, 1.0)
        return np.where(scores >= thresholds, above, np.where(scores < thresholds, below, 0.0))


def label_lanes(urgencies: Mapping[str, Urgency]) -> Ints:
    """(9,) the lane of each of LABELS; RecordError if one has none."""
    missing = [label for label in LABELS if label not in urgencies]
    if missing:
        raise RecordError(f"no urgency for {', '.join(missing)}; give one for every label")
    return np.array([URGENCIES.index(urgencies[label]) for label in LABELS], np.int64)


def _lanes(flagged: Bools, lanes: Sequence[int] | Ints, facts: Facts) -> Ints:
    """The most urgent of what is flagged, what must be checked, and what was asked for; never less than that."""
    lane = np.full(len(flagged), ROUTINE, np.int64)
    lane[facts.refused | facts.doubtful | facts.outdated] = CHECK
    for column, place_ in enumerate(lanes):
        np.minimum(lane, np.where(flagged[:, column], place_, ROUTINE), out=lane)
    asked = np.array([ROUTINE, URGENCIES.index("soon"), URGENCIES.index("urgent")])[facts.requested]
    return np.asarray(np.minimum(lane, asked))


def _highest(standing: Floats, lanes: Ints, lane: Ints) -> Floats:
    """The highest standing among the labels that are at least as urgent as the study's lane."""
    best = np.zeros(len(lane))
    for at in range(len(URGENCIES)):
        counted = lanes <= at
        if counted.any():
            rows = lane == at
            best[rows] = standing[np.ix_(rows, counted)].max(axis=1, initial=0.0)
    return best
