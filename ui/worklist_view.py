"""The parts of the worklist page: its headline, its CSV button, its rows page by page.

In: a queue. Out: drawings; a click on a row goes to Review with the order as it stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from cxr_core.export.table import to_csv
from cxr_core.queueing import Queue, Rows
from cxr_core.takeout import rows_of
from ui import blind, films, markup, state
from ui.listing import Style, listing
from ui.navigate import open_review
from ui.queue import lasted, listing_row
from ui.state import Site

PAGE_ROWS = 50


def headline(queue: Queue) -> str:
    """How many wait, how many of them are flagged, asked for at once, over their limit; how long the longest waited."""
    waiting = queue.waiting()
    groups, lanes = queue.group_counts(waiting), queue.lane_counts(queue.order.rows)
    pairs = [(f"{len(waiting):,}", "waiting"), (f"{queue.flagged[waiting].sum():,}", "flagged")]
    pairs += [(f"{groups['stat']:,}", "STAT")] if groups["stat"] else []
    pairs += [(f"{groups['over']:,}", "over the limit")] if groups["over"] else []
    pairs.append((f"{lanes['refused']:,}", "refused"))
    longest = queue.longest(waiting)
    pairs += [(lasted(longest), "longest wait")] if longest is not None else []
    return markup.figures(pairs)


def csv_button(site: Site, queue: Queue, chosen: Rows) -> None:
    """The flagged rows that the filters show, at the thresholds that the sliders show."""
    flagged = chosen[queue.flagged[chosen]]
    st.download_button(
        "Download flagged CSV",
        data=_table(site, queue, flagged),
        file_name=f"flagged-{datetime.now().astimezone():%Y-%m-%d-%H%M}.csv",
        mime="text/csv",
        disabled=not len(flagged),
        on_click="ignore",
        help=f"{len(flagged):,} flagged films, with these filters and thresholds: scores, flags, thresholds, "
        "decisions, model versions. It names files as they were received and holds comments: the menu Export gives "
        "tables without identity.",
        width="stretch",
    )


def _table(site: Site, queue: Queue, rows: Rows) -> Callable[[], bytes]:
    def make() -> bytes:
        table = to_csv(rows_of(queue, rows), queue.terms.thresholds)
        site.store.note("exported", "flagged", {"what": "flagged", "films": len(rows), "identity": True, "by": "page"})
        return table

    return make


def pages_of(chosen: Rows) -> slice:
    """Which rows to draw: all of a short list, else the page that was chosen."""
    pages = -(-len(chosen) // PAGE_ROWS)
    if pages <= 1:
        return slice(0, PAGE_ROWS)
    number = st.pagination(pages, key="worklist-page")
    return slice((number - 1) * PAGE_ROWS, number * PAGE_ROWS)


def rows(part: slice, chosen: Rows, queue: Queue, site: Site) -> None:
    """Draw one page of rows; open the one that was clicked."""

    def thumb(key: str) -> str | None:
        return films.thumbnail(site.store, key, site.settings)

    now = state.now()
    items = queue.shown(chosen[part])
    drawn = [listing_row(item, thumb, now, site.screener.models_key) for item in items]
    for item in items:
        blind.shown(item.entry)
    style = Style("worklist", queue.group_counts(chosen), "No film passes these filters.")
    opened = listing(drawn, style, key="worklist")
    if opened:
        open_review(opened, queue.named(chosen))
