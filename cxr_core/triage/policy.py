"""The site's triage policy: what raises a study, how much waiting counts, how long nobody may wait longer than.

In: the ``[triage]`` section of the site file, or nothing. Out: a frozen Policy. Every number has a meaning that a
clinician can weigh:

    [triage]
    score_weight = 1.0                 0 to 4: how much the score counts within a lane; 0: first come, first served
    waiting_halves_minutes = 60        each so many minutes halve what a study lacks to the top of its lane; 0: never

    [triage.limits_minutes]            who waited longer stands before everything but STAT; 0: no limit
    urgent = 60
    soon = 240
    check = 240
    routine = 1440

    [triage.urgency]                   the lane of a finding, in place of the model card's
    Pneumothorax = "urgent"

Limits may not shrink from a lane to a lesser one: else a rising score could cost a study its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from cxr_core.errors import RecordError, SettingsError
from cxr_core.records import LABELS, URGENCIES, Urgency
from cxr_core.site import Section, section

SECTION = "triage"

MOST_MINUTES = 525_600
"""A year; a longer limit is none."""

_LIMITS: Mapping[Urgency, float] = MappingProxyType({"urgent": 60.0, "soon": 240.0, "check": 240.0, "routine": 1440.0})


@dataclass(frozen=True, slots=True)
class Policy:
    """How a site orders its worklist.

    ``urgencies``: lanes of findings that are the site's own, over those of the model cards. ``waiting_halves``: minutes
    (0: waiting does not count within a lane). ``limits``: minutes that a study of a lane may wait (0: no limit).
    """

    urgencies: Mapping[str, Urgency] = field(default_factory=dict)
    score_weight: float = 1.0
    waiting_halves: float = 60.0
    limits: Mapping[Urgency, float] = field(default_factory=lambda: _LIMITS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "urgencies", MappingProxyType(dict(self.urgencies)))
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))
        unknown = [name for name in self.urgencies if name not in LABELS]
        if unknown:
            raise RecordError(f"no finding is called {', '.join(unknown)}; the findings are {', '.join(LABELS)}")
        wrong = [lane for lane in self.urgencies.values() if lane not in URGENCIES]
        if wrong:
            raise RecordError(f"an urgency must be one of {', '.join(URGENCIES)}, got {wrong[0]!r}")
        _within("score_weight", self.score_weight, 4)
        _within("waiting_halves_minutes", self.waiting_halves, MOST_MINUTES)
        if set(self.limits) != set(URGENCIES):
            raise RecordError(f"limits_minutes must name {', '.join(URGENCIES)}, got {', '.join(self.limits)}")
        for lane in URGENCIES:
            _within(f"the limit for {lane}", self.limits[lane], MOST_MINUTES)
        allowed = [self.allowed(lane) for lane in URGENCIES]
        if allowed != sorted(allowed):
            told = ", ".join(f"{lane} {self.limits[lane]:g}" for lane in URGENCIES)
            raise RecordError(f"limits may not shrink from {' to '.join(URGENCIES)} (0 is no limit), got {told}")

    def allowed(self, lane: Urgency) -> float:
        """Minutes that a study of this lane may wait; infinity without a limit."""
        return self.limits[lane] or math.inf

    def lanes(self, cards: Mapping[str, Urgency]) -> dict[str, Urgency]:
        """The lane of each finding: the site's own where it has one, else the model card's."""
        return {label: self.urgencies.get(label, lane) for label, lane in cards.items()}


def policy_of(site: Mapping[str, Any]) -> Policy:
    """The policy that the site file holds, the default where it says nothing; SettingsError for nonsense."""
    table = section(site, SECTION)
    limits, urgencies = table.below("limits_minutes"), table.below("urgency")
    try:
        policy = Policy(
            urgencies={label: _lane(urgencies, label) for label in LABELS if label in urgencies.table},
            score_weight=table.number("score_weight", 1.0, 0, 4),
            waiting_halves=table.number("waiting_halves_minutes", 60.0, 0, MOST_MINUTES),
            limits={lane: limits.number(lane, _LIMITS[lane], 0, MOST_MINUTES) for lane in URGENCIES},
        )
    except RecordError as exc:
        raise SettingsError(f"[{SECTION}]: {exc}") from exc
    for label in LABELS:
        urgencies.text(label)
    for read in (table, limits, urgencies):
        read.finish()
    return policy


def table_of(policy: Policy) -> dict[str, Any]:
    """The section to write for a policy; ``policy_of`` reads it again."""
    return {
        "score_weight": policy.score_weight,
        "waiting_halves_minutes": policy.waiting_halves,
        "limits_minutes": dict(policy.limits),
        "urgency": dict(policy.urgencies),
    }


def _lane(table: Section, label: str) -> Urgency:
    return cast("Urgency", table.choice(label, "", URGENCIES))


def _within(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise RecordError(f"{name} must lie between 0 and {most:g}, got {value}")
