"""The findings beside a film, as one custom component: the models' scores, and the reader's word on each.

In: a table drawn as HTML (ui.markup, which escapes what comes from outside) and what was said of each row. Out: the
reader's words, as the ``said`` of the session's ``findings``: a list, in which those that were heard may stand again.
``at`` rises from word to word; ``heard`` tells the browser which one was heard last.

    {"film": sha256, "at": …, "what": "finding", "label": …, "status": "agree" | "disagree" | "added" | null}
    {"film": sha256, "at": …, "what": "all", "status": "agree" | "disagree"}        of all flags of the film
    {"film": sha256, "at": …, "what": "sign"}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from cxr_core.records import FindingStatus

_HERE = Path(__file__).resolve().parent

# Its rows look as everywhere else in the app, so the page's own style sheet must reach them.
_component = st.components.v2.component(
    "cxr_findings",
    html='<div class="cxr-findings"></div>',
    css=(_HERE / "findings.css").read_text(encoding="utf-8"),
    js=(_HERE / "findings.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One label: whether it is flagged (never, for a blind reader), and what the reader said of it."""

    label: str
    flagged: bool
    status: FindingStatus | None


@dataclass(frozen=True, slots=True)
class Table:
    """What is drawn for a film; for a blind reader ``html`` holds no score."""

    film: str
    html: str
    rows: Sequence[Row]
    heard: float
    blind: bool


def findings_table(table: Table, said: Callable[[], None]) -> None:
    """Draw the table; ``said`` is called with the reader's words."""
    _component(key="findings", data=asdict(table), on_said_change=said)
