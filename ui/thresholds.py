"""The site's thresholds: what stands in the sliders, where it is kept, which presets the site has named.

The session's own thresholds come from the store at first need and go back there with every change, under the key of
the models: a threshold belongs to a model version. A new version starts from its own card, and a person is asked to
look at that; what was screened by an earlier version keeps the thresholds that the site had for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cxr_core.errors import RecordError
from cxr_core.pipeline import Screener
from cxr_core.queueing import Queue, Terms
from cxr_core.records import LABELS, PRESETS, Interval
from ui import state
from ui.site_rules import site_rules
from ui.state import Site

MINE = "mine"
CHOICES = (*PRESETS, MINE)

MOST_NAME = 40
"""Characters of a preset's name: it stands on a button."""

_SESSION = "thresholds"
_PREFIX, _PRESETS = "thresholds/", "preset/"
_KEY = 40  # characters of the models key in the name of a preset; names are short in the database


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The threshold of each of LABELS, the preset they are (or "mine", or the site's name), and the site's own ones.

    ``asked``: these models are new here, and nobody has looked at their thresholds yet.
    """

    preset: str
    values: Mapping[str, float]
    mine: Mapping[str, float]
    asked: bool = False


def current(site: Site) -> Thresholds:
    """This session's thresholds; a new site starts with the preset of its settings."""
    key = site.screener.models_key
    kept = st.session_state.get(_SESSION)
    if not kept or kept[0] != key:
        kept = (key, _load(site, key))
        st.session_state[_SESSION] = kept
    thresholds: Thresholds = kept[1]
    return thresholds


def keep(site: Site, thresholds: Thresholds) -> None:
    """Make these the session's thresholds and the site's."""
    key = site.screener.models_key
    told = {"preset": thresholds.preset, "mine": dict(thresholds.mine), "values": dict(thresholds.values)}
    try:
        site.store.put_setting(_PREFIX + key, told)
    finally:
        st.session_state[_SESSION] = (key, thresholds)


def queue(site: Site, thresholds: Thresholds) -> Queue:
    """The worklist as it is now, under these thresholds and the site's policy."""
    former = {
        name.removeprefix(_PREFIX): _numbers(raw.get("values"))
        for name, raw in site.store.settings_under(_PREFIX).items()
        if isinstance(raw, dict)
    }
    policy = site_rules(site.settings).policy
    terms = Terms(
        thresholds.values, site.screener.urgencies, policy, {key: kept for key, kept in former.items() if kept}
    )
    return state.worklist().queue(terms, site.screener.models_key, state.now())


def with_preset(old: Thresholds, screener: Screener, preset: str) -> Thresholds:
    """All nine at a preset, or back at the site's own."""
    values = old.mine if preset == MINE else screener.thresholds(preset)
    return Thresholds(preset, values or old.values, old.mine)


def with_value(old: Thresholds, label: str, value: float) -> Thresholds:
    """One moved by hand: from now on they are the site's own."""
    values = {**old.values, label: value}
    return Thresholds(MINE, values, values)


def named(site: Site) -> dict[str, dict[str, float]]:
    """The presets that the site has named for these models."""
    prefix = _preset(site, "")
    found = {name.removeprefix(prefix): _numbers(raw) for name, raw in site.store.settings_under(prefix).items()}
    return {name: values for name, values in found.items() if set(values) == set(LABELS)}


def save_named(site: Site, name: str, values: Mapping[str, float]) -> None:
    """Keep the thresholds under a name; RecordError for a name that is none or is the card's."""
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME or not name.isprintable() or name.casefold() in CHOICES:
        raise RecordError(f"a preset's name is 1 to {MOST_NAME} characters and none of {', '.join(CHOICES)}")
    site.store.put_setting(_preset(site, name), dict(values))


def drop_named(site: Site, name: str) -> None:
    """Forget a preset; the thresholds in use stay."""
    site.store.drop_setting(_preset(site, name))


def _preset(site: Site, name: str) -> str:
    return f"{_PRESETS}{site.screener.models_key[:_KEY]}/{name}"


def interval(item: Interval | None) -> str:
    """A value with its 95% interval, as in ".91 [.86-.95]"."""
    return f"{short(item.value)} [{short(item.low)}-{short(item.high)}]" if item else "not measured"


def short(value: float) -> str:
    """Two decimals without the leading zero, as in ".91"."""
    return f"{value:.2f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _load(site: Site, key: str) -> Thresholds:
    """From the stored choice; anything missing or out of range falls back to the preset."""
    known = site.store.settings_under(_PREFIX)
    raw = known.get(_PREFIX + key)
    preset, screener = site.settings.preset, site.screener
    if raw is None:
        asked = any(name != _PREFIX + key for name in known)
        return Thresholds(preset, screener.thresholds(preset), {}, asked)
    chosen = raw.get("preset") if isinstance(raw, dict) else None
    mine = _numbers(raw.get("mine")) if isinstance(raw, dict) else {}
    base = screener.thresholds(chosen if chosen in PRESETS else preset)
    if chosen == MINE and mine:
        return Thresholds(MINE, {**base, **mine}, {**base, **mine})
    return Thresholds(chosen if chosen in PRESETS else preset, base, mine)


def _numbers(raw: Any) -> dict[str, float]:
    """The thresholds in a stored value; what makes no sense is left out."""
    kept = raw.items() if isinstance(raw, dict) else ()
    return {
        label: float(value)
        for label, value in kept
        if label in LABELS and isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    }
