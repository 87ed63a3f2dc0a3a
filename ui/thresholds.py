"""The site's thresholds: what stands in the sliders, where it is kept, what it means.

The session's own thresholds come from the store at first need and go back there with every change, under the key of
the models: a threshold belongs to a model version (a new version starts from its own card).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cxr_core.card import LabelCard
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS, PRESETS, Interval, OperatingPoint
from ui.state import Site

MINE = "mine"
CHOICES = (*PRESETS, MINE)

_SESSION = "thresholds"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The threshold of each of LABELS, the preset they are (or "mine"), and the site's own ones."""

    preset: str
    values: Mapping[str, float]
    mine: Mapping[str, float]


def current(site: Site) -> Thresholds:
    """This session's thresholds; a new site starts with the preset of its settings."""
    key = site.screener.models_key
    kept = st.session_state.get(_SESSION)
    if not kept or kept[0] != key:
        kept = (key, _load(site.store.get_setting(_name(key)), site.screener, site.settings.preset))
        st.session_state[_SESSION] = kept
    thresholds: Thresholds = kept[1]
    return thresholds


def keep(site: Site, thresholds: Thresholds) -> None:
    """Make these the session's thresholds and the site's."""
    key = site.screener.models_key
    try:
        site.store.put_setting(_name(key), {"preset": thresholds.preset, "mine": dict(thresholds.mine)})
    finally:
        st.session_state[_SESSION] = (key, thresholds)


def with_preset(old: Thresholds, screener: Screener, preset: str) -> Thresholds:
    """All nine at a preset, or back at the site's own."""
    values = old.mine if preset == MINE else screener.thresholds(preset)
    return Thresholds(preset, values or old.values, old.mine)


def with_value(old: Thresholds, label: str, value: float) -> Thresholds:
    """One moved by hand: from now on they are the site's own."""
    values = {**old.values, label: value}
    return Thresholds(MINE, values, values)


def meaning(card: LabelCard | None, value: float) -> str:
    """What a threshold cost and caught on the validation data; bounds where it lies between two measured points.

    Sensitivity never rises and specificity never falls with the threshold, so the neighbours bound what lies between.
    """
    points = sorted(card.operating_points.values(), key=lambda p: p.threshold) if card else []
    for point in points:
        if abs(point.threshold - value) < 5e-4:
            return " · ".join(
                f"{name} {interval(item)}"
                for name, item in (("sens", point.sensitivity), ("spec", point.specificity))
                if item
            )
    below = [p for p in points if p.threshold < value]
    above = [p for p in points if p.threshold > value]
    return _bounds(below[-1] if below else None, above[0] if above else None)


def _bounds(below: OperatingPoint | None, above: OperatingPoint | None) -> str:
    parts = []
    for name, rises in (("sens", False), ("spec", True)):
        left = getattr(below, "sensitivity" if name == "sens" else "specificity", None)
        right = getattr(above, "sensitivity" if name == "sens" else "specificity", None)
        low, high = (left, right) if rises else (right, left)
        if low and high:
            parts.append(f"{name} {short(low.value)}-{short(high.value)}")
        elif low or high:
            parts.append(f"{name} {'at least' if low else 'at most'} {short((low or high).value)}")  # type: ignore[union-attr]
    return " · ".join(parts)


def interval(item: Interval | None) -> str:
    """A value with its 95% interval, as in ".91 [.86-.95]"."""
    return f"{short(item.value)} [{short(item.low)}-{short(item.high)}]" if item else "not measured"


def short(value: float) -> str:
    """Two decimals without the leading zero, as in ".91"."""
    return f"{value:.2f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _load(raw: Any, screener: Screener, preset: str) -> Thresholds:
    """From the stored choice; anything missing or out of range falls back to the preset."""
    chosen = raw.get("preset") if isinstance(raw, dict) else None
    own = raw.get("mine") if isinstance(raw, dict) else None
    mine = {k: float(v) for k, v in own.items() if k in LABELS and 0 <= v <= 1} if isinstance(own, dict) else {}
    base = screener.thresholds(chosen if chosen in PRESETS else preset)
    if chosen == MINE and mine:
        return Thresholds(MINE, {**base, **mine}, {**base, **mine})
    return Thresholds(chosen if chosen in PRESETS else preset, base, mine)


def _name(models_key: str) -> str:
    return f"thresholds/{models_key}"
