"""The parts of the models page that are about a whole model: who is there, what it is, its figures, its limits.

In: cards. Out: tables of what they say; nothing is computed. ``metrics`` and ``data`` of a card are free-form: whatever
they hold is shown under its own names, a number with its interval where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from cxr_core.card import ModelCard
from cxr_core.detect import runs_on
from cxr_core.errors import ModelInvalid
from cxr_core.records import Interval
from cxr_core.settings import Settings
from ui import markup
from ui.roster import Roster
from ui.thresholds import interval

_ROLES = {
    "detector": "Detector: its scores rank the worklist, and it shows places.",
    "second_opinion": "Second opinion: shown beside the detectors' scores; it ranks nothing and shows no places.",
    "gate": "Gate: looks at every picture before the models do; it refuses, mends or doubts, and never clears one.",
}
_UNUSED = "Found, not run: other models answer for every one of its labels."

# Names of data sets' classes that would read as a statement about a patient.
_SAID = {"normal": "control", "negative": "control", "healthy": "control"}


def overview(roster: Roster, settings: Settings) -> None:
    """Every model in one line, with what it runs on."""
    rows = [
        (
            f"{card.name} {card.version}",
            "not run" if card in roster.unused else card.role.replace("_", " "),
            card.title,
            ", ".join(str(label.finding) for label in card.finding_labels),
            "not run" if card in roster.unused else _device(card, settings),
        )
        for card in roster.cards
    ]
    st.html(markup.table(("Model", "Role", "What it is", "Answers for", "Runs on"), rows))


def _device(card: ModelCard, settings: Settings) -> str:
    try:
        return runs_on(card, settings)
    except ModelInvalid:  # a card without a file that can be run; what is wrong is said where it is loaded
        return "no file to run"


def facts(card: ModelCard, roster: Roster) -> None:
    """Role, intended use, then name, version, input, licence."""
    st.markdown(f"{_UNUSED if card in roster.unused else _ROLES[card.role]} {card.intended_use}")
    spec = card.input
    st.html(
        markup.quiet(
            f"{card.name} {card.version} · made {card.created} · input {spec.width} x {spec.height}, "
            f"{spec.channels} channel · weights {card.ref().sha256[:12]} · licence: {card.licence}"
        )
    )


def metric_tables(card: ModelCard) -> None:
    """Every figure of the card under its own name, those of outside hospitals first; subgroups have their plot."""
    st.subheader("Measured")
    groups = {
        name: value for name, value in card.metrics.items() if isinstance(value, Mapping) and not _is_figure(value)
    }
    for name in sorted(groups, key=lambda name: not name.startswith("outside")):
        if name != "subgroups":
            st.markdown(f"**{_words(name)}**")
            _table(groups[name])
    plain = {name: value for name, value in card.metrics.items() if name not in groups}
    if plain:
        _table(plain)
    if not card.metrics:
        st.html(markup.quiet("The card holds no figures: this model has not been measured."))


def limits(card: ModelCard) -> None:
    """What it cannot do, whose films it learnt from, what its weights may be used for."""
    st.subheader("Limits")
    if card.limits:
        st.html(markup.reasons(card.limits))
    else:
        st.html(markup.quiet("The card names none, which does not say that there are none."))
    st.subheader("Data and licence")
    _table({**card.data, "licence": card.licence})


def _table(values: Mapping[str, Any]) -> None:
    rows = "".join(f"<tr><th>{escape(_words(key))}</th><td>{_said(value)}</td></tr>" for key, value in values.items())
    st.html(f'<table class="cxr-table">{rows}</table>')


def _said(value: Any) -> str:
    """One value of a card in words; nested ones as an inner list."""
    if isinstance(value, Mapping):
        if _is_figure(value):
            behind = f", n {value['n']:,}" if "n" in value else ""
            return escape(interval(Interval(value["value"], value["low"], value["high"])) + behind)
        return " · ".join(f"<i>{escape(_words(key))}</i> {_said(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(item) for item in value)
    return escape(f"{value:.3f}" if isinstance(value, float) else str(value))


def _is_figure(value: Mapping[str, Any]) -> bool:
    return {"value", "low", "high"} <= set(value)


def _words(name: str) -> str:
    return " ".join(_SAID.get(word, word) for word in str(name).split("_"))
