"""Models: what each model is, what was measured and on whose films, where its limits are. From card.json alone."""

from __future__ import annotations

import streamlit as st

from ui import state
from ui.frame import guarded, page
from ui.model_details import choose, confusion, curves, failures, operating_points, subgroups
from ui.models_view import facts, limits, metric_tables, overview
from ui.switches import switches

page("Models")
st.title("Models")

with guarded():
    roster = state.roster()

overview(roster, state.settings())
switches(roster, state.settings())

cards = {card.name: card for card in roster.cards}
name = st.segmented_control("Look at", list(cards), default=next(iter(cards)), required=True, key="model")
card = cards[str(name)]

st.header(card.title)
facts(card, roster)
left, right = st.columns(2, gap="large")
with left:
    metric_tables(card)
with right:
    limits(card)


@st.fragment
def details() -> None:
    """One class of the model; choosing another redraws this and nothing else."""
    label, preset = choose(card)
    first, second = st.columns(2, gap="large")
    with first:
        operating_points(card, label)
    with second:
        confusion(card, label, preset)
    curves(card, label)
    subgroups(card, label)
    failures(card, label)


if card.finding_labels:
    details()
