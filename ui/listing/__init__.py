"""The rows of the worklist and of a screening run, as one custom component.

In: plain rows (see ``row``). Out: the key of the row that a person opened, or None. Assets are local files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from cxr_core.records import LABELS
from ui.queue import reach
from ui.theme import label_facts, lane_facts

_HERE = Path(__file__).resolve().parent

_component = st.components.v2.component(
    "cxr_listing",
    html='<div class="listing"></div>',
    css=(_HERE / "listing.css").read_text(encoding="utf-8"),
    js=(_HERE / "listing.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Style:
    """How rows are drawn: ``mode`` is worklist or results; ``counts`` stand beside the lanes' names."""

    mode: str
    thresholds: Mapping[str, float]
    counts: Mapping[str, int] = field(default_factory=dict)
    nothing: str = ""


def listing(rows: Sequence[Mapping[str, Any]], style: Style, *, key: str) -> str | None:
    """Draw the rows; the key of the row that was opened in this run, if one was."""
    result = _component(
        key=key,
        data={
            "mode": style.mode,
            "rows": [_with_reach(row, style.thresholds) for row in rows],
            "labels": label_facts(),
            "lanes": lane_facts(),
            "thresholds": [style.thresholds[label] for label in LABELS],
            "counts": dict(style.counts),
            "nothing": style.nothing,
        },
        on_open_change=lambda: None,
    )
    opened = result.open
    return str(opened) if opened else None


def _with_reach(row: Mapping[str, Any], thresholds: Mapping[str, float]) -> dict[str, Any]:
    scores = row["scores"]
    bars = (
        [round(reach(score, thresholds[label]), 3) for label, score in zip(LABELS, scores, strict=True)]
        if scores
        else None
    )
    return {**row, "reach": bars}
