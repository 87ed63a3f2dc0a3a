"""The site's own presets of thresholds: saved under a name, taken, deleted; and the question that new models ask.

In: the session's thresholds. Out: drawings; a preset that was taken waits in the session until the sliders hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from ui import markup
from ui.frame import told
from ui.state import Site
from ui.thresholds import MOST_NAME, Thresholds, drop_named, keep, named, save_named, with_preset

_TAKEN = "preset_taken"
_NAME = "preset-name"


def presets(site: Site, now: Thresholds) -> None:
    """Save what the sliders show under a name; take or delete what was saved for these models."""
    with st.popover("Named presets", width="stretch", help="Sets of thresholds that this site has named."):
        kept = named(site)
        for name, values in kept.items():
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(name, key=f"take-{name}", on_click=_take, args=(values,), width="stretch")
                st.button("Delete", key=f"drop-{name}", on_click=_drop, args=(site, name), type="tertiary")
        if not kept:
            st.html(markup.quiet("None yet for these models."))
        st.text_input("Name", key=_NAME, max_chars=MOST_NAME, placeholder="such as Night shift")
        st.button("Save the thresholds shown", on_click=_save, args=(site, dict(now.values)), width="stretch")
        st.html(markup.quiet("A preset belongs to the model version that it was made for."))


def listed(site: Site) -> None:
    """What was named for these models, with its thresholds; each can be deleted."""
    kept = named(site)
    for name, values in kept.items():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            told_ = ", ".join(f"{label} {value:.3f}" for label, value in values.items())
            st.html(f"<b>{escape(name)}</b> {markup.quiet(told_)}", width="stretch")
            st.button("Delete", key=f"forget-{name}", on_click=_drop, args=(site, name), type="tertiary")
    if not kept:
        st.html(markup.quiet("None yet for these models. Name one beside the sliders of the worklist."))


def taken() -> Mapping[str, float] | None:
    """The preset that a hand has just taken; once."""
    found: Mapping[str, float] | None = st.session_state.pop(_TAKEN, None)
    return found


def new_models(site: Site, now: Thresholds) -> None:
    """Where these models are new here: say so, and ask for their thresholds with one button."""
    if not now.asked:
        return
    preset = site.settings.preset
    with st.container(key="new-models", border=True, horizontal=True, vertical_alignment="center"):
        st.html(
            "<b>New model version: its thresholds have not been chosen.</b> Those of the earlier version were measured "
            f"on its own scores and do not hold here. Until you choose, the {preset} preset of the new cards is in "
            "use. What the earlier version screened keeps the thresholds it had.",
            width="stretch",
        )
        st.button(f"Use the new {preset} preset", type="primary", on_click=_accept, args=(site, now, preset))


def _accept(site: Site, now: Thresholds, preset: str) -> None:
    with told():
        keep(site, with_preset(now, site.screener, preset))


def _take(values: Mapping[str, float]) -> None:
    st.session_state[_TAKEN] = values


def _drop(site: Site, name: str) -> None:
    with told():
        drop_named(site, name)


def _save(site: Site, values: Mapping[str, float]) -> None:
    with told():
        save_named(site, str(st.session_state.get(_NAME, "")), values)
        st.session_state[_NAME] = ""
