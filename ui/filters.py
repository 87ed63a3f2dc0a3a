"""The filters above the worklist; a person's choice survives going to Review and back."""

from __future__ import annotations

import streamlit as st

from cxr_core.records import LABELS
from ui.queue import LANES, REVIEWED, Filters
from ui.theme import LANE_STYLES

_KEPT = "filters"
_ANY = "any finding"
_REVIEWED_WORDS = {"all": "all", "not yet": "not yet reviewed", "reviewed": "reviewed"}


def filter_bar() -> Filters:
    """Draw the filters; what is chosen now."""
    kept: Filters = st.session_state.get(_KEPT, Filters())
    for key, value in {
        "filter-lanes": list(kept.lanes),
        "filter-label": kept.label or _ANY,
        "filter-reviewed": kept.reviewed,
        "filter-text": kept.text,
    }.items():
        st.session_state.setdefault(key, value)
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.pills(
            "Urgency",
            LANES,
            selection_mode="multi",
            key="filter-lanes",
            format_func=lambda lane: LANE_STYLES[lane].word,
            help="Show only these; none chosen shows all.",
        )
        st.selectbox("Flagged for", [_ANY, *LABELS], key="filter-label", width=165)
        st.selectbox("Review", REVIEWED, key="filter-reviewed", format_func=_REVIEWED_WORDS.__getitem__, width=165)
        st.text_input("File, patient ID, accession", key="filter-text", width=175)
    chosen = Filters(
        lanes=tuple(st.session_state["filter-lanes"]),
        label="" if st.session_state["filter-label"] == _ANY else st.session_state["filter-label"],
        reviewed=st.session_state["filter-reviewed"],
        text=st.session_state["filter-text"],
    )
    st.session_state[_KEPT] = chosen
    return chosen
