"""The site's thresholds as its sliders keep them, for programs that have no sliders.

In: what the store keeps of them, the models' cards, the preset of the settings. Out: their name and a threshold for
each label. Whatever makes no sense falls back to the preset, as on the pages.
"""

from __future__ import annotations

from typing import Any

from cxr_core.card import ModelCard, thresholds_of
from cxr_core.records import LABELS, PRESETS

_MINE = "mine"


def site_thresholds(kept: Any, cards: tuple[ModelCard, ...], preset: str) -> tuple[str, dict[str, float]]:
    """A preset, the site's own name for one, or "mine", and its values."""
    chosen = kept.get("preset") if isinstance(kept, dict) else None
    base = thresholds_of(cards, chosen if chosen in PRESETS else preset)
    values = _numbers(kept, "values")
    if isinstance(chosen, str) and chosen and set(values) == set(LABELS):
        return chosen, {**base, **values}
    mine = _numbers(kept, "mine")
    if chosen == _MINE and mine:
        return _MINE, {**base, **mine}
    return (chosen if chosen in PRESETS else preset), base


def _numbers(kept: Any, name: str) -> dict[str, float]:
    """The thresholds under a name; what is none is left out."""
    raw = kept.get(name) if isinstance(kept, dict) else None
    return {
        label: float(value)
        for label, value in (raw.items() if isinstance(raw, dict) else ())
        if label in LABELS and isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    }
