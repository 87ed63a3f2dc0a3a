"""The rail of nine threshold sliders with its presets.

In: the session's thresholds and what they do to today's queue. Out: changed thresholds, kept through ui.thresholds.
Moving a slider runs no model: the scores are there, only the line moves.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cxr_core.card import ModelCard
from cxr_core.operating import Prevalence, operating
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS
from ui import markup
from ui.frame import told
from ui.meaning import said
from ui.presets import taken
from ui.state import Site
from ui.theme import slug
from ui.thresholds import CHOICES, MINE, Thresholds, keep, with_preset, with_value

STEP = 0.001

_PRESET, _PUT, _SAID = "preset", "put", "said"
_WIDGETS = {_PRESET: "preset"} | {label: f"threshold_{slug(label)}" for label in LABELS}


def moved(site: Site, now: Thresholds) -> Thresholds:
    """The thresholds after what a hand did to the widgets since they were last drawn; kept if they changed.

    Not by callbacks: Streamlit may break one off when the next slider moves already, and the first move would be
    lost. Here the next run sees it again, for ``put`` remembers what was last put into a widget.
    """
    put: dict[str, object] = st.session_state.setdefault(_PUT, {})
    held = {name: st.session_state.get(key) for name, key in _WIDGETS.items()}
    heard = {name: value for name, value in held.items() if value is not None and value != put.get(name, value)}
    if len(heard) > 1 and held[_PRESET] == st.session_state.get(_SAID):
        heard.pop(_PRESET, None)  # the browser had not been told of "mine" when the next slider moved: no hand did this
    st.session_state[_SAID] = held[_PRESET]
    new = now
    if heard.get(_PRESET, now.preset) != now.preset:
        new = with_preset(new, site.screener, str(heard[_PRESET]))
    picked = taken()
    if picked:
        new = Thresholds(MINE, picked, picked)
    for label in LABELS:
        if heard.get(label, now.values[label]) != now.values[label]:
            new = with_value(new, label, float(str(heard[label])))
    if new != now:
        with told():
            keep(site, new)
    put.update(heard)
    for name, value in {_PRESET: new.preset, **new.values}.items():
        if held[name] != value:
            st.session_state[_WIDGETS[name]] = value
        put[name] = value
    return new


def rail() -> dict[str, st.delta_generator.DeltaGenerator]:
    """Draw presets and sliders; gives a place below each slider for what it means."""
    with st.container(key="rail", gap=None):
        st.segmented_control(
            "Thresholds",
            CHOICES,
            key=_WIDGETS[_PRESET],
            required=True,
            help="Where each score begins to raise a flag. The first three are the model card's own operating points; "
            "moving any slider makes the set yours. They are kept for this site and these models.",
        )
        return {label: _slider(label) for label in LABELS}


def _slider(label: str) -> st.delta_generator.DeltaGenerator:
    with st.container(key=f"class_{slug(label)}", gap=None):
        st.slider(label, 0.0, 1.0, step=STEP, format="%.3f", key=_WIDGETS[label])
        return st.empty()


def explain(
    places: Mapping[str, st.delta_generator.DeltaGenerator],
    screener: Screener,
    now: Thresholds,
    flags: Mapping[str, str],
    prevalence: Prevalence,
) -> None:
    """Below each slider: how many it flags today, what it catches and costs, what that means at the site's prevalence.

    ``flags`` says how many of how many.
    """
    cards = speaking(screener)
    for label, place in places.items():
        here = operating(cards[label], label, now.values[label]) if label in cards else None
        words = said(here, prevalence.of(label))
        place.html(markup.slider_meaning(flags[label], words.caught, words.foreseen, words.whole))


def speaking(screener: Screener) -> dict[str, ModelCard]:
    """The card that speaks for each finding."""
    return {str(item.finding): card for card in screener.cards for item in card.finding_labels}
