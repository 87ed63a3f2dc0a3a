"""Where the operations page has its figures from: the store, counted once for all sessions, seconds old at most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import streamlit as st

from cxr_core.queueing import Queue
from cxr_core.store.operations import Judged, Reasons, Screened
from ui import state
from ui.operations_view import PERIODS, Work


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """What the store says of the work since some moment."""

    until: datetime
    screened: Screened
    reasons: Reasons
    seconds: npt.NDArray[np.float64]


def work(period: str, queue: Queue, *, generated: bool) -> Work:
    """The figures of one of PERIODS; ``generated``: films of the phantom count too."""
    found = _counted(period)
    days = PERIODS[period]
    since = found.until - timedelta(days=days) if days else _first(found, queue)
    return Work(
        queue=queue,
        screened=found.screened,
        reasons=found.reasons,
        seconds=found.seconds,
        since=since,
        until=found.until,
        offset=found.until.astimezone().utcoffset() or timedelta(),
        generated=generated,
    )


@st.cache_resource(ttl=15, show_spinner=False)
def judged() -> Judged:
    """What readers said of screened films."""
    return state.store().judged()


@st.cache_resource(ttl=15, max_entries=10, show_spinner="Counting")
def _counted(period: str) -> _Counted:
    store, until = state.store(), datetime.now(UTC)
    days = PERIODS[period]
    since = until - timedelta(days=days) if days else None
    return _Counted(until, store.screened_since(since), store.reasons_since(since), store.stage_seconds())


def forget() -> None:
    """Count anew at the next look."""
    _counted.clear()
    judged.clear()


def _first(found: _Counted, queue: Queue) -> datetime:
    """Before the first film came, an hour ago at least."""
    times = [kind.min() for kind in (found.screened.at, queue.columns.received) if len(kind)]
    earliest: datetime | None = min(times).item() if times else None
    hour = timedelta(hours=1)
    now = found.until
    return min(earliest.replace(tzinfo=UTC), now) - hour if earliest else now - hour
