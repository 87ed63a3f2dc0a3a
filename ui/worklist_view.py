"""The parts of the worklist page: its headline, its CSV button, its rows page by page.

In: queued rows. Out: drawings; a click on a row goes to Review with the order as it stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import streamlit as st

from cxr_core.export.table import to_csv
from ui import films, markup, state
from ui.listing import Style, listing
from ui.navigate import open_review
from ui.queue import Queued, is_reviewed, lane_counts, listing_row, waited
from ui.state import Site
from ui.thresholds import Thresholds

PAGE_ROWS = 50


def headline(items: Sequence[Queued], now: datetime) -> str:
    """How many wait, how many of them are flagged, how long the longest has waited."""
    waiting = [item for item in items if not is_reviewed(item.entry)]
    flagged = sum(bool(item.ranked.assessment.flagged) for item in waiting)
    refused = sum(item.lane == "refused" for item in items)
    pairs = [(str(len(waiting)), "waiting"), (str(flagged), "flagged"), (str(refused), "refused")]
    if waiting:
        pairs.append((waited(min(item.entry.received_at for item in waiting), now), "longest wait"))
    return markup.figures(pairs)


def csv_button(chosen: Sequence[Queued], thresholds: Mapping[str, float]) -> None:
    """The flagged rows that the filters show, at the thresholds that the sliders show."""
    flagged = [item.as_row() for item in chosen if item.ranked.assessment.flagged]
    st.download_button(
        "Download flagged CSV",
        data=_table(flagged, thresholds),
        file_name=f"flagged-{datetime.now().astimezone():%Y-%m-%d-%H%M}.csv",
        mime="text/csv",
        disabled=not flagged,
        on_click="ignore",
        help=f"{len(flagged)} flagged films, with these filters and thresholds: scores, flags, thresholds, decisions, "
        "model versions.",
        width="stretch",
    )


def _table(rows: Sequence[object], thresholds: Mapping[str, float]) -> Callable[[], bytes]:
    return lambda: to_csv(rows, thresholds)  # type: ignore[arg-type]


def pages_of(chosen: Sequence[Queued]) -> slice:
    """Which rows to draw: all of a short list, else the page that was chosen."""
    pages = -(-len(chosen) // PAGE_ROWS)
    if pages <= 1:
        return slice(0, PAGE_ROWS)
    number = st.pagination(pages, key="worklist-page")
    return slice((number - 1) * PAGE_ROWS, number * PAGE_ROWS)


def rows(part: slice, chosen: Sequence[Queued], thresholds: Thresholds, site: Site) -> None:
    """Draw one page of rows; open the one that was clicked."""

    def thumb(key: str) -> str | None:
        return films.thumbnail(site.store, key, site.settings)

    now = state.now()
    drawn = [listing_row(item, thumb, now, site.screener.models_key) for item in chosen[part]]
    style = Style("worklist", thresholds.values, lane_counts(chosen), "No film passes these filters.")
    opened = listing(drawn, style, key="worklist")
    if opened:
        open_review(opened, [item.entry.key for item in chosen])
