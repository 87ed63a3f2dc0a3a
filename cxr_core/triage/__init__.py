"""What the thresholds and the site's policy make of a screening: flags, a lane, a place, the reasons, the order.

In: screenings, the threshold and the urgency of each label, a Policy, and how long each has waited. Out: assessments
and ranks. Pure functions: no model, no database, no clock.

A label's *standing* puts scores of labels with different thresholds on one scale: 0.5 at the threshold, 0 at score 0,
1 at score 1, a straight line on either side. A study's *lane* is the most urgent of: the lane of each flagged label;
"check" for a doubtful reading, a refused image, or scores of models no longer in use; "urgent" where the ward asked
STAT, "soon" where it asked HIGH; "routine". The queue is read in this order (columns.BANDS):

    1. STAT by the requesting ward      a person's word stands before a model's
    2. over the site's limit            whoever has waited longer over the limit of their lane first (earliest due date)
    3. urgent, soon, check, routine     within a lane by merit: standing and waiting time together
    4. read                             what a person has decided on

*Merit* counts halvings of what a study lacks to the top of its lane: (1 - standing) ** score_weight, halved once more
for each ``waiting_halves`` minutes waited. Of two studies in one lane the one that came later overtakes only by a score
that outweighs the difference of their arrivals, and two that wait never change places by waiting.

So a study whose score rises, who waits longer, or who is asked for more urgently never moves down, whatever the policy;
nothing takes a study out; and nothing but the site's own thresholds takes a flag away. What no policy gives is time: a
limit says who is next, not that somebody reads.

    __init__.py   one study, in words: assess; a list of them: rank
    columns.py    100,000 studies, in numbers
    policy.py     what a site decides
    words.py      the reasons
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from cxr_core.errors import RecordError
from cxr_core.records import URGENCIES, Assessment, Ranked, Screening, Urgency, models_key
from cxr_core.triage.columns import (
    HIGH,
    HIGHEST,
    NOT_FIXED,
    READ,
    REFUSED,
    STAT,
    USUAL,
    Facts,
    Order,
    Placed,
    ordered,
    place,
)
from cxr_core.triage.policy import Policy, policy_of
from cxr_core.triage.words import doubts, minutes, of_the_film, of_the_place, of_waiting

__all__ = [
    "Circumstances", "Facts", "Order", "Placed", "Policy", "assess", "minutes", "ordered", "place", "policy_of", "rank",
    "requested",
]  # fmt: skip


def requested(screening: Screening) -> int:
    """How urgently the study was asked for: one of columns.HIGHEST, HIGH, USUAL."""
    said = screening.identity.priority if screening.identity else ""
    return {"STAT": HIGHEST, "HIGH": HIGH}.get(said, USUAL)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is to know of a study beside its screening.

    ``outdated``: other models than the running ones made it. ``waited``: minutes since arrival; None where nobody
    knows, then no limit holds. ``read``: a person has decided on it. ``requested``: what was asked for with another
    film of the same study, or from elsewhere; the more urgent of this and what the film itself says counts.
    """

    outdated: bool = False
    waited: float | None = None
    read: bool = False
    requested: int = USUAL


def assess(
    screening: Screening,
    thresholds: Mapping[str, float],
    urgencies: Mapping[str, Urgency],
    known: Circumstances | None = None,
    policy: Policy | None = None,
) -> Assessment:
    """Flags, lane, priority and reasons of one screening; RecordError if a scored label has no threshold or urgency.

    ``urgencies`` are the cards'; the policy has the last word on them.
    """
    return _assessed(screening, thresholds, urgencies, known or Circumstances(), policy or Policy())[0]


def rank(
    screenings: Iterable[Screening],
    thresholds: Mapping[str, float],
    urgencies: Mapping[str, Urgency],
    *,
    running: str | None = None,
    policy: Policy | None = None,
) -> tuple[Ranked, ...]:
    """The queue of studies that came at once, rank 1 first; equals keep the given order.

    ``running`` is the ``models_key`` of the models in use; a screening by others is outdated. None: no one asks.
    """
    given = list(screenings)
    if not given:
        return ()
    assessed: list[Assessment] = []
    placed: list[Placed] = []
    for item in given:
        outdated = running is not None and models_key(item.models) != running
        found, at = _assessed(item, thresholds, urgencies, Circumstances(outdated), policy or Policy())
        assessed.append(found)
        placed.append(at)
    rows = Placed.joined(placed).order()
    return tuple(Ranked(given[row], assessed[row], number) for number, row in enumerate(rows.tolist(), 1))


def _assessed(
    screening: Screening,
    thresholds: Mapping[str, float],
    urgencies: Mapping[str, Urgency],
    known: Circumstances,
    policy: Policy,
) -> tuple[Assessment, Placed]:
    _check(screening, thresholds, urgencies)
    lanes = policy.lanes(urgencies)
    standings = {label: _standing(score, thresholds[label]) for label, score in screening.scores.items()}
    flagged = tuple(
        sorted(
            (label for label, score in screening.scores.items() if score >= thresholds[label]),
            key=lambda label: (URGENCIES.index(lanes[label]), -standings[label]),
        )
    )
    asked = max(requested(screening), known.requested)
    outdated = known.outdated and screening.status == "screened"
    lane = _lane(screening, [lanes[label] for label in flagged], asked, outdated=outdated)
    at = URGENCIES.index(lane)
    best = max((value for label, value in standings.items() if URGENCIES.index(lanes[label]) <= at), default=0.0)
    usual = REFUSED if screening.status == "refused" else NOT_FIXED
    fixed = READ if known.read else STAT if asked == HIGHEST else usual
    placed = place([at], np.array([best]), np.array([known.waited or 0.0]), policy, [fixed])
    reasons = (
        *of_the_place(asked, lane, known.waited, policy.allowed(lane), read=known.read),
        *of_the_film(screening, flagged, standings, thresholds, outdated=outdated),
        *(() if known.read else of_waiting(known.waited, policy.waiting_halves)),
    )
    return Assessment(flagged, lane, float(placed.priority()[0]), reasons), placed


def _check(screening: Screening, thresholds: Mapping[str, float], urgencies: Mapping[str, Urgency]) -> None:
    missing = [label for label in screening.scores if label not in thresholds or label not in urgencies]
    if missing:
        raise RecordError(f"no threshold or urgency for {', '.join(missing)}; give one for every scored label")
    wrong = {label: thresholds[label] for label in screening.scores if not 0.0 <= thresholds[label] <= 1.0}
    if wrong:
        raise RecordError(f"thresholds must lie in [0, 1], got {wrong}")


def _standing(score: float, threshold: float) -> float:
    if score < threshold:
        return 0.5 * (score / threshold)
    return 0.5 + 0.5 * ((score - threshold) / (1.0 - threshold)) if threshold < 1.0 else 1.0


def _lane(screening: Screening, flagged: list[Urgency], asked: int, *, outdated: bool) -> Urgency:
    lanes: list[Urgency] = ["routine", *flagged]
    if screening.status == "refused" or doubts(screening) or outdated:
        lanes.append("check")
    if asked != USUAL:
        lanes.append("urgent" if asked == HIGHEST else "soon")
    return min(lanes, key=URGENCIES.index)
