"""Simulator: what an order of reading does to waiting times, played with films that nobody took."""

from __future__ import annotations

import streamlit as st

from cxr_core.errors import RecordError
from cxr_core.simulate import bounded
from cxr_core.takeout import label_cards
from ui import markup, state
from ui.frame import guarded, page
from ui.simulator_view import another_draw, department, played, policy_inputs, results
from ui.site_rules import say_broken, site_rules

page("Simulator")

with guarded():
    labels = label_cards(state.roster().detectors)
    rules = site_rules(state.settings())

st.title("Queue simulator")
st.html(
    markup.quiet(
        "A reading room, played three times over the same films, drawn at random: in the order of arrival, by the "
        "highest score, and in this worklist's order. Nothing here touches the worklist, and nothing is kept."
    )
)
say_broken(rules)


@st.fragment
def simulator() -> None:
    """Numbers and their consequences in one fragment: a change plays again and redraws nothing else."""
    side, main = st.columns([1, 3], gap="large")
    try:
        with side, st.container(key="simulator"):
            room = bounded(department(labels, rules.policy, rules.prevalence.own))
            tried = policy_inputs(rules.policy)
            st.button("Play with other films", help="The same department, another draw.", on_click=another_draw)
        with main:
            results(room, played(room, tried))
            how()
    except RecordError as exc:
        with main:
            st.error(f"This cannot be played: {exc}.")


def how() -> None:
    """What the play takes for granted."""
    with st.expander("How it is played, and what it leaves out"):
        st.markdown(
            "Films come at random moments, as many by night as by day. A film is of the first group, of the second, or "
            "of neither. Scores are two bell curves, of films with and without the finding, as far apart as "
            "sensitivity and specificity say. "
            "*Urgent* and *soon* in plots and tables say what is on the film, not what was flagged; the urgent films "
            "that were missed stand once more in a line of their own. Whoever is free takes the first film of the "
            "order and finishes it. The first tenth of the days is not counted. Intervals: 95%, by 20 batch means.\n\n"
            "Left out: STAT requests, breaks, several films of one patient, readers who differ, and that a reader "
            "may choose. So compare the orders with each other, and do not take a number for a promise."
        )


simulator()
