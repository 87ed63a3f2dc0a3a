"""Worklist: every screened film in order; move a threshold and flags and order follow, no model runs."""

from __future__ import annotations

import streamlit as st

from ui import blind, markup, state
from ui.exports import export_menu
from ui.filters import filter_bar
from ui.frame import empty, guarded, page, trouble
from ui.presets import new_models, presets
from ui.refused_view import refused_lane
from ui.site_rules import say_broken, site_rules
from ui.sliders import explain, moved, rail
from ui.thresholds import current, queue
from ui.worklist_view import csv_button, headline, pages_of, rows

page("Worklist")

with guarded():
    site = state.site()
    held = len(queue(site, current(site)))

if not held:
    empty(
        "The worklist is empty",
        "Here every screened film will stand in the order in which it should be looked at, with the reason for its "
        "place, its nine scores and your thresholds.",
    )
    if st.button("Go to Screen", type="primary"):
        st.switch_page("pages/1_Screen.py")
    st.stop()


if blind.mode():
    empty("You read blind", blind.KEPT_BACK)
    if st.button("Back to Review", type="primary"):
        st.switch_page("pages/3_Review.py")
    st.button("Show the worklist and end blind reading", on_click=blind.end)
    st.stop()


@st.fragment(run_every=3 if state.board().newest_running() else 30)
def worklist() -> None:
    """Sliders and rows in one fragment: a slider, a film that arrives and time redraw these and nothing else."""
    with guarded():
        thresholds = moved(site, current(site))
        rules = site_rules(site.settings)
        trouble()
        say_broken(rules)
        new_models(site, thresholds)
        side, main = st.columns([1, 3.6], gap="medium")
        with side:
            places = rail()
            presets(site, thresholds)
        items = queue(site, thresholds)
        flags = {label: f"{count:,} of {len(items):,}" for label, count in items.flag_counts().items()}
        explain(places, site.screener, thresholds, flags, rules.prevalence)
        with main, st.container(key="list"):
            top, button, menu = st.columns([5, 1.3, 0.8], vertical_alignment="center")
            top.html(headline(items))
            refused_lane(items, site)
            chosen = items.filtered(filter_bar())
            with button:
                csv_button(site, items, chosen)
            with menu:
                export_menu(site, items, chosen, thresholds.preset)
            rows(pages_of(chosen), chosen, items, site)
            if site.screener.unchecked:
                st.html(markup.quiet(site.screener.unchecked.message))
            if len(chosen) < len(items):
                hidden = f"{len(items) - len(chosen):,} of {len(items):,} films are hidden by the filters."
                st.html(markup.quiet(hidden))


worklist()
