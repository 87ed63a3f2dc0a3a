"""Worklist: every screened film in order; move a threshold and flags and order follow, no model runs."""

from __future__ import annotations

import streamlit as st

from ui import markup, state
from ui.filters import filter_bar
from ui.frame import empty, guarded, page, trouble
from ui.queue import flag_counts, queue
from ui.refused_view import refused_lane
from ui.sliders import explain, label_cards, moved, rail
from ui.thresholds import current
from ui.worklist_view import csv_button, headline, pages_of, rows

page("Worklist")

with guarded():
    site = state.site()
    entries = state.entries() or site.store.entries()

if not entries:
    empty(
        "The worklist is empty",
        "Here every screened film will stand in the order in which it should be looked at, with the reason for its "
        "place, its nine scores and your thresholds.",
    )
    if st.button("Go to Screen", type="primary"):
        st.switch_page("pages/1_Screen.py")
    st.stop()


@st.fragment
def worklist() -> None:
    """Sliders and rows in one fragment: a slider redraws these and nothing else."""
    with guarded():
        thresholds = moved(site, current(site))
        trouble()
        side, main = st.columns([1, 3.6], gap="medium")
        with side:
            places = rail()
        items = queue(state.entries(), thresholds.values, site.screener)
        explain(places, label_cards(site.screener), thresholds, flag_counts(items), len(items))
        with main, st.container(key="list"):
            top, button = st.columns([5, 1.3], vertical_alignment="center")
            with top:
                st.html(headline(items, state.now()))
            refused_lane(items, site)
            filters = filter_bar()
            chosen = tuple(item for item in items if filters.admit(item))
            with button:
                csv_button(chosen, thresholds.values)
            rows(pages_of(chosen), chosen, thresholds, site)
            if site.screener.unchecked:
                st.html(markup.quiet(site.screener.unchecked.message))
            if len(chosen) < len(items):
                st.html(markup.quiet(f"{len(items) - len(chosen)} of {len(items)} films are hidden by the filters."))


worklist()
