"""The way from a row to the film."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.state import ADDRESS, FILM, READING_LIST

REVIEW = "pages/3_Review.py"


def open_review(key: str, order: Sequence[str] = ()) -> None:
    """Go to Review with this film; ``order`` is what previous and next walk through, the whole worklist if empty."""
    st.session_state[FILM] = st.session_state[ADDRESS] = key
    st.session_state[READING_LIST] = tuple(order)
    st.switch_page(REVIEW, query_params={FILM: key})
