"""Operations: what came and how fast, what was refused and flagged, whether scores drift, who agrees, who did what."""

from __future__ import annotations

import streamlit as st

from ui import markup, state
from ui.agreement_view import agreement_section
from ui.audit_view import audit_section
from ui.drift_view import drift_section
from ui.frame import empty, guarded, page
from ui.kept_view import kept_section
from ui.operations_data import judged, work
from ui.operations_view import PERIODS, flags, overview, refusals, throughput
from ui.site_rules import say_broken, site_rules
from ui.thresholds import current, queue

page("Operations")

with guarded():
    site = state.site()
    thresholds = current(site)
    rules = site_rules(site.settings)
    items = queue(site, thresholds)
    worked = len(work("all", items, generated=True).screened) > 0

st.title("Operations")
say_broken(rules)

if not worked:
    empty(
        "Nothing has been screened yet",
        "Here will stand how many films came and how fast they went through, why some were refused, what was flagged, "
        "whether scores still look as they did when the models were measured, and how far readers agree with them.",
    )
    if st.button("Go to Screen", type="primary"):
        st.switch_page("pages/1_Screen.py")


@st.fragment
def figures() -> None:
    """The period and everything that is counted in it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        period = st.segmented_control("Period", list(PERIODS), default="30 days", required=True, key="ops-period")
        generated = st.toggle(
            "Count generated samples", value=bool(items.columns.synthetic.all()), key="ops-generated",
            help="Phantoms from Load sample studies say nothing about a ward.",
        )  # fmt: skip
    with guarded():
        shown = work(str(period), items, generated=generated)
        overview(shown)
        left, right = st.columns([1.6, 1], gap="large")
        with left:
            throughput(shown)
        with right:
            refusals(shown)
        flags(shown)
        drift_section(shown, site.screener.cards, rules.prevalence.own)


@st.fragment
def trail() -> None:
    """The audit trail: a search redraws this and nothing else."""
    with guarded():
        audit_section(site.store)


if worked:
    figures()
    with guarded():
        agreement_section(judged(), thresholds.values)
trail()
with guarded():
    kept_section(site.settings)
st.html(markup.quiet("Waiting times under other orders of reading: see Simulator."))
