"""What queueing theory says of waiting, in closed form: the simulation is held against these.

In: rates and moments, in one unit of time throughout. Out: mean waits in that unit, from arrival to the begin of the
reading; infinite where more comes than can be read. Sources: Erlang 1917; Pollaczek 1930 and Khinchine 1932; Cobham,
"Priority assignment in waiting line problems", Operations Research 2 (1954) 70-76; Allen and Cunneen's approximation
for several readers whose reading times are not exponential (Allen, "Probability, Statistics, and Queueing Theory").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from cxr_core.errors import RecordError


def erlang_c(servers: int, load: float) -> float:
    """Chance that an arrival has to wait in M/M/c; ``load`` is arrivals times mean service, in servers' work."""
    if servers < 1 or load < 0:
        raise RecordError(f"needs one server or more and a load of 0 or more, got {servers} and {load}")
    if load >= servers:
        return 1.0
    blocked = 1.0  # Erlang's B by its recursion, which never overflows as the factorials do
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def waiting_mean(rate: float, service: float, servers: int = 1, variation: float = 1.0) -> float:
    """Mean wait, first come first served; ``variation`` is the standard deviation of reading times over their mean.

    Exact for one server (Pollaczek-Khinchine) and for exponential times (``variation`` 1, Erlang); between, an
    approximation (Allen-Cunneen).
    """
    load = rate * service
    if load >= servers:
        return math.inf
    exponential = erlang_c(servers, load) * service / (servers - load)
    return exponential * (1 + variation**2) / 2


def cobham(rates: Sequence[float], service: float, servers: int = 1, variation: float = 1.0) -> tuple[float, ...]:
    """Mean wait of each class, the most urgent first, when a reader who is free takes the most urgent film waiting.

    Nobody is interrupted and reading times are alike in all classes. Exact where ``waiting_mean`` is. With s(k) the
    share of the readers' time that classes 1 to k take, W(k) = W (1 - s(n)) / ((1 - s(k-1)) (1 - s(k))).
    """
    together = waiting_mean(sum(rates), service, servers, variation)
    if math.isinf(together):
        raise RecordError("more comes than can be read; the formula holds only where every class is read in time")
    shares = [0.0]
    for rate in rates:
        shares.append(shares[-1] + rate * service / servers)
    idle = together * (1 - shares[-1])
    return tuple(idle / ((1 - before) * (1 - upto)) for before, upto in pairwise(shares))
