"""Where the operations page has its figures from: the store, counted once for all sessions, seconds old at most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import streamlit as st

from cxr_core.queueing import Queue, Terms, Worklist
from cxr_core.store import Entry
from ui import state
from ui.operations_view import PERIODS, Work
from ui.site_rules import site_rules


def work(period: str, thresholds: Mapping[str, float], *, generated: bool) -> Work:
    """The figures of one of PERIODS at these thresholds; ``generated``: films of the phantom count too."""
    return _work(period, tuple(sorted(thresholds.items())), generated)


@st.cache_resource(ttl=15, show_spinner=False)
def reviewed() -> tuple[Entry, ...]:
    """Every film that a person said something of."""
    site = state.site()
    return site.store.reviewed(site.screener.models_key)


@st.cache_resource(show_spinner=False)
def _worklist() -> Worklist:
    """The columns of the store, brought up to date at each look."""
    return Worklist(state.store())


@st.cache_resource(ttl=15, max_entries=20, show_spinner="Counting")
def _work(period: str, thresholds: tuple[tuple[str, float], ...], generated: bool) -> Work:
    site, until = state.site(), datetime.now(UTC)
    terms = Terms(dict(thresholds), site.screener.urgencies, site_rules(site.settings).policy)
    queue = _worklist().queue(terms, site.screener.models_key, until)
    days = PERIODS[period]
    since = until - timedelta(days=days) if days else _first(queue, until)
    return Work(
        queue=queue,
        screened=site.store.screened_since(since),
        reasons=site.store.reasons_since(since),
        seconds=site.store.stage_seconds(),
        since=since,
        until=until,
        offset=until.astimezone().utcoffset() or timedelta(),
        generated=generated,
    )


def _first(queue: Queue, until: datetime) -> datetime:
    """When the first film came, an hour ago at least."""
    hour_ago = until - timedelta(hours=1)
    if not len(queue):
        return hour_ago
    first: datetime = queue.columns.received.min().astype("datetime64[us]").item()
    return min(first.replace(tzinfo=UTC), hour_ago)
