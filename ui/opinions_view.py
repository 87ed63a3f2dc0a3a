"""Beside the scores of a film under review: what second opinions said, and what all say together.

In: a screening. Out: a few small lines below the detector's score of a finding, and a plain sentence where the models
are far apart. Nothing here ranks, flags or moves a threshold.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from cxr_core.records import LABELS, Screening
from cxr_core.voices import disagree, ensemble, together
from ui import markup

TWICE = "The models disagree: look twice."
_TOGETHER = (
    "All together: the mean of the calibrated scores on the logit scale. It is only shown; the detector's own score "
    "alone is held against your threshold."
)


def beside(screening: Screening) -> dict[str, str]:
    """HTML to stand below the detector's score, by finding; only where a second opinion answers for it."""
    return {label: _lines(screening, label, pooled) for label, pooled in ensemble(screening).items()}


def opinions_note(screening: Screening) -> None:
    """What stands below all scores: how to read the second opinions; nothing where none was asked."""
    others = _of_other_findings(screening)
    if others:
        st.html(markup.quiet(f"Findings that only second opinions know: {others}."))
    if screening.opinions:
        names = ", ".join(f"{said.model.name} {said.model.version}" for said in screening.opinions)
        st.html(markup.quiet(f"Second opinions: {names}. {_TOGETHER}"))


def _lines(screening: Screening, label: str, pooled: float) -> str:
    said = [(opinion.model, opinion.scores[label]) for opinion in screening.opinions if label in opinion.scores]
    lines = "".join(_line(model.name, f"Second opinion: {model.name} {model.version}", score) for model, score in said)
    warning = f'<div class="cxr-twice" role="status">{TWICE}</div>' if disagree(together(screening, label)) else ""
    return f'<div class="cxr-opinions">{lines}{_line("all together", _TOGETHER, pooled, "all")}{warning}</div>'


def _line(name: str, hint: str, score: float, kind: str = "") -> str:
    # No bar: those above are drawn against a threshold, and a second opinion has none.
    return f'<div class="cxr-opinion {kind}" title="{escape(hint)}"><span>{escape(name)}</span><b>{score:.2f}</b></div>'


def _of_other_findings(screening: Screening) -> str:
    """Findings outside the nine: no detector stands beside them, so there is nothing to pool."""
    said = [
        f"{label} {score:.2f} ({opinion.model.name})"
        for opinion in screening.opinions
        for label, score in opinion.scores.items()
        if label not in LABELS
    ]
    return ", ".join(said)
