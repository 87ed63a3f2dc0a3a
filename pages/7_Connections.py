"""Connections: who receives films, what came last, where results go, what did not get there."""

from __future__ import annotations

import streamlit as st

from cxr_core.errors import SettingsError
from cxr_core.exchange.rules import Rules, read_rules
from ui import state
from ui.connections_view import EXAMPLE, destinations, last_received, notes, processes, undelivered
from ui.frame import empty, guarded, page, trouble
from ui.state import FILM

page("Connections")

with guarded():
    settings, store = state.settings(), state.store()

rules, broken = Rules(), ""
try:
    rules = read_rules(settings)
except SettingsError as exc:
    broken = str(exc)


def open_film(key: str) -> None:
    """Let Review show this film next."""
    st.session_state[FILM] = key
    st.session_state["leave"] = "pages/3_Review.py"


if st.session_state.get("leave"):
    st.switch_page(st.session_state.pop("leave"))


@st.fragment(run_every=5)
def connections() -> None:
    """Drawn anew every few seconds: other processes write what it shows."""
    if st.session_state.get("leave"):
        st.rerun()
    with guarded():
        trouble()
        now = state.now()
        left, right = st.columns(2, gap="large")
        with left:
            st.subheader("Receiving")
            processes(store, now)
            st.subheader("Last received")
            last_received(store, now)
        with right:
            st.subheader("Destinations")
            destinations(store, rules)
            st.subheader("Not delivered")
            undelivered(store, now, open_film)
            notes(store, now)


st.title("Connections")
if broken:
    st.warning(f"The site file cannot be used, so no rule of it counts and no result leaves. {broken}")

with guarded():
    untouched = not broken and not rules.destinations and not store.inbox_latest(1) and not store.heartbeat("listener")

if untouched:
    empty(
        "Nothing is connected yet",
        "Here you will see films come in from the X-ray room or the archive, and results go back beside them.",
        "Start the listener with the first line, or write the rest into the site file first. docs/integration.md shows "
        "how to connect an Orthanc, step by step.",
    )
    st.code("python -m cxr_core listen --aet CXRSCREEN --port 11112", language=None)
    st.code(EXAMPLE, language="toml")
else:
    connections()
