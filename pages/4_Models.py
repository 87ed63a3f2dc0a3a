"""Models: what each detector is, what was measured and on whose films, where its limits are. From card.json alone."""

from __future__ import annotations

import streamlit as st

from ui import state
from ui.frame import guarded, page
from ui.models_view import curves, facts, limits, metric_tables, operating_points

page("Models")
st.title("Models")

with guarded():
    cards = state.screener().cards

for card in cards:
    st.header(card.title)
    facts(card)
    left, right = st.columns([3, 2], gap="large")
    with left:
        operating_points(card)
        metric_tables(card)
    with right:
        limits(card)
        curves(card)
