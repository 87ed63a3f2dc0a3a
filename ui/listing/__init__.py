"""The rows of the worklist and of a screening run, as one custom component.

In: plain rows (see ``row``). Out: the key of the row that a person opened, or None. Assets are local files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from ui.queue import reach
from ui.theme import group_facts, label_facts, lane_facts

_HERE = Path(__file__).resolve().parent

_component = st.components.v2.component(
    "cxr_listing",
    html='<div class="listing"></div>',
    css=(_HERE / "listing.css").read_text(encoding="utf-8"),
    js=(_HERE / "listing.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Style:
    """How rows are drawn: ``mode`` is worklist or results; ``counts`` stand beside the groups' names."""

    mode: str
    counts: Mapping[str, int] = field(default_factory=dict)
    nothing: str = ""


def listing(rows: Sequence[Mapping[str, Any]], style: Style, *, key: str) -> str | None:
    """Draw the rows; the key of the row that was opened in this run, if one was."""
    result = _component(
        key=key,
        data={
            "mode": style.mode,
            "rows": [_with_reach(row) for row in rows],
            "labels": label_facts(),
            "lanes": lane_facts(),
            "groups": group_facts(),
            "counts": dict(style.counts),
            "nothing": style.nothing,
        },
        on_open_change=lambda: None,
    )
    opened = result.open
    return str(opened) if opened else None


def _with_reach(row: Mapping[str, Any]) -> dict[str, Any]:
    """With how far each bar goes: to the tick at the row's own threshold, which a row that was read keeps."""
    pairs = zip(row["scores"] or (), row["thresholds"], strict=bool(row["scores"]))
    bars = [round(reach(score, threshold), 3) for score, threshold in pairs]
    return {**row, "reach": bars or None}
