"""The site's switches: which second opinions are asked. Kept in the store; they take effect on the next screening.

In: the roster. Out: toggles; a change is written at once. Detectors have no switch: a finding nobody scores
would be missing from the triage.
"""

from __future__ import annotations

import streamlit as st

from cxr_core.errors import StoreError
from cxr_core.intake import OPINION_SWITCHES
from cxr_core.settings import Settings
from cxr_core.store import Store
from ui import markup, state
from ui.frame import told, trouble
from ui.roster import Roster

EFFECT = (
    "A switch takes effect on the next screening. Films already screened keep what was said of them; send one again to "
    "have it seen by a model that was off. Second opinions rank nothing, so thresholds and places in the queue stay."
)


def switches(roster: Roster, settings: Settings) -> None:
    """Draw a switch for each second opinion, and what cannot be used with its reason."""
    st.subheader("Second opinions")
    if not roster.opinions and not roster.unusable:
        st.html(markup.quiet("The models folder holds none. The detectors' scores stand alone."))
        return
    trouble()
    try:
        store = state.store()
        chosen = store.get_setting(OPINION_SWITCHES, {})
    except StoreError:
        st.html(markup.quiet("The switches cannot be shown while the database cannot be reached."))
    else:
        _toggles(roster, settings, store, chosen)
    for item in roster.unusable:
        st.warning(f"{item.name} cannot be used and is not asked: {item.reason}.")


def _toggles(roster: Roster, settings: Settings, store: Store, chosen: dict[str, bool]) -> None:
    for card in roster.opinions:
        key = f"opinion-{card.name}"
        st.session_state[key] = chosen.get(card.name, settings.wants_opinion(card.name))
        answers = ", ".join(str(label.finding) for label in card.finding_labels)
        st.toggle(
            f"{card.name} {card.version}: {card.title}",
            key=key,
            on_change=_keep,
            args=(store, card.name, key),
            help=f"Answers for: {answers}",
        )
    st.html(markup.quiet(EFFECT))


def _keep(store: Store, name: str, key: str) -> None:
    with told():
        store.put_setting(OPINION_SWITCHES, store.get_setting(OPINION_SWITCHES, {}) | {name: st.session_state[key]})
