"""Dark by default, light by choice, the same on every page.

Streamlit has no setting for "both themes, dark first", so a small script tells its store in the browser. Until that
is settled a light page shows nothing else: there is nothing that a reload could take from a person's hands.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).resolve().parent
_SETTLED = "appearance_settled"

_component = st.components.v2.component(
    "cxr_appearance", js=(_HERE / "appearance.js").read_text(encoding="utf-8"), isolate_styles=False
)


def settle() -> None:
    """Mount the script; stop here while the browser's first light page turns dark."""
    light = st.context.theme.type == "light"
    settled = bool(st.session_state.get(_SETTLED))
    with st.container(key="appearance"):
        answer = _component(key="appearance-script", data={"light": light, "settled": settled}, on_keep_change=_keep)
    if light and not settled and not answer.keep:
        st.stop()


def _keep() -> None:
    st.session_state[_SETTLED] = True
