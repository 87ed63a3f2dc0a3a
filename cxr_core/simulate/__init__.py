"""A reading room played through: how long films wait under one order of reading or another.

In: a department (arrivals, reading times, readers, what the detector catches) and the site's policy. Out: waiting
times by true urgency, and what queueing theory says they have to be. No stored film is looked at, and no clock.
"""

from cxr_core.simulate.department import Department, Group, Studies, bounded, studies
from cxr_core.simulate.formulas import cobham, erlang_c, waiting_mean
from cxr_core.simulate.orders import ALL, MISSED, Outcome, Waits, by_arrival, by_policy, by_score, compare, play

__all__ = [
    "ALL",
    "MISSED",
    "Department",
    "Group",
    "Outcome",
    "Studies",
    "Waits",
    "bounded",
    "by_arrival",
    "by_policy",
    "by_score",
    "cobham",
    "compare",
    "erlang_c",
    "play",
    "studies",
    "waiting_mean",
]
