"""The rail of nine threshold sliders with its presets.

In: the session's thresholds and what they do to today's queue. Out: changed thresholds, kept through ui.thresholds.
Moving a slider runs no model: the scores are there, only the line moves.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cxr_core.card import LabelCard
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS
from ui import markup
from ui.frame import told
from ui.state import Site
from ui.theme import slug
from ui.thresholds import CHOICES, MINE, Thresholds, current, keep, meaning, with_preset, with_value

STEP = 0.001


def rail(site: Site, now: Thresholds) -> dict[str, st.delta_generator.DeltaGenerator]:
    """Draw presets and sliders; gives a place below each slider for what it means."""
    _seed(now)
    with st.container(key="rail", gap=None):
        return _rail(site)


def _rail(site: Site) -> dict[str, st.delta_generator.DeltaGenerator]:
    st.segmented_control(
        "Thresholds",
        CHOICES,
        key="preset",
        required=True,
        on_change=_preset_moved,
        args=(site,),
        help="Where each score begins to raise a flag. The first three are the model card's own operating points; "
        "moving any slider makes the set yours. They are kept for this site and these models.",
    )
    places = {}
    for label in LABELS:
        with st.container(key=f"class_{slug(label)}", gap=None):
            st.slider(
                label,
                0.0,
                1.0,
                step=STEP,
                format="%.3f",
                key=_key(label),
                on_change=_slider_moved,
                args=(site, label),
            )
            places[label] = st.empty()
    return places


def explain(
    places: Mapping[str, st.delta_generator.DeltaGenerator],
    cards: Mapping[str, LabelCard],
    now: Thresholds,
    flags: Mapping[str, int],
    total: int,
) -> None:
    """Below each slider: how many it flags today, and what it caught and cost on the validation data."""
    for label, place in places.items():
        told = meaning(cards.get(label), now.values[label])
        place.html(markup.slider_meaning(f"{flags[label]} of {total}", told))


def label_cards(screener: Screener) -> dict[str, LabelCard]:
    """The card of each finding."""
    return {str(item.finding): item for card in screener.cards for item in card.finding_labels}


def _key(label: str) -> str:
    return f"threshold_{slug(label)}"


def _seed(now: Thresholds) -> None:
    """Put the thresholds into the widgets on arrival and after a preset; never under a finger that still drags."""
    wanted = {"preset": now.preset} | {_key(label): now.values[label] for label in LABELS}
    for key, value in wanted.items():
        if st.session_state.get(key) != value:
            st.session_state[key] = value


def _preset_moved(site: Site) -> None:
    with told():
        keep(site, with_preset(current(site), site.screener, st.session_state["preset"] or MINE))


def _slider_moved(site: Site, label: str) -> None:
    with told():
        keep(site, with_value(current(site), label, float(st.session_state[_key(label)])))
