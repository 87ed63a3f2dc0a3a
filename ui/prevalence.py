"""How often each finding is among this site's films: the input that PPV, NPV and expected flags need.

In: the site's shares. Out: changed shares, written into the site file.
"""

from __future__ import annotations

import streamlit as st

from cxr_core.operating import SECTION, Prevalence, table_of
from cxr_core.records import LABELS
from cxr_core.site import write_section
from ui import markup
from ui.frame import told
from ui.state import Site
from ui.theme import slug


def prevalence_form(site: Site, now: Prevalence) -> None:
    """Percent of films with each finding; an empty field takes the site's usual share."""
    with st.form("prevalence", border=False):
        st.number_input(
            "Usual share of films with a finding, %",
            0.0,
            100.0,
            100 * now.default,
            0.5,
            format="%.2f",
            key="share-usual",
        )
        columns = st.columns(3)
        for number, label in enumerate(LABELS):
            own = now.own.get(label)
            columns[number % 3].number_input(
                f"{label}, %", 0.0, 100.0, None if own is None else 100 * own, 0.5, format="%.2f",
                key=f"share-{slug(label)}", placeholder="usual",
            )  # fmt: skip
        st.form_submit_button("Keep these shares", on_click=_keep, args=(site,))
    st.html(markup.quiet("Empty: the usual share. They change what is foreseen, never a flag or a place."))


def _keep(site: Site) -> None:
    held = {label: st.session_state.get(f"share-{slug(label)}") for label in LABELS}
    own = {label: round(float(value) / 100, 6) for label, value in held.items() if value is not None}
    with told():
        table = table_of(Prevalence(round(st.session_state["share-usual"] / 100, 6), own))
        write_section(site.settings, SECTION, table)
        site.store.note("setting", f"site/{SECTION}", table)
