"""How far readers and models agree, finding by finding: those who read blind, and those who saw the answer.

In: what readers said, and today's thresholds. Out: two tables. Names of readers do not appear: this is about the model.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cxr_core.agreement import FEW, Agreement, agreements, flagged
from cxr_core.records import Interval
from cxr_core.store.operations import Judged
from ui import markup

_HEADS = ("Finding", "Films", "Both", "Reader alone", "Model alone", "Neither", "Kappa, 95% interval",
          "Agree on presence", "on absence")  # fmt: skip


def agreement_section(judged: Judged, thresholds: Mapping[str, float]) -> None:
    """Both tables, or what is missing for them."""
    st.subheader("Agreement of readers and models")
    by_model = flagged(judged.scores, judged.thresholds, thresholds)
    blind = agreements(judged.blind, by_model)
    films = max(item.films for item in blind)
    st.markdown("**Blind first reads**: before the reader saw any score or box")
    if not films:
        st.html(
            markup.quiet(
                "Nobody has read blind yet. Switch on the blind first read on Review: the reader names what is to be "
                "seen, then the model's answer appears. That alone shows how far they agree."
            )
        )
    else:
        st.html(markup.table(_HEADS, [_cells(item) for item in blind]))
        few = f" With fewer than {FEW} films an interval is a rough guess." if films < FEW else ""
        st.html(
            markup.quiet(
                "Cohen's kappa: 1 is full agreement, 0 what chance alone gives. It is low where a finding is rare, "
                f"however much both agree that it is not there; so look at the counts too.{few}"
            )
        )
    sighted = agreements(judged.verdicts, by_model)
    if any(item.films for item in sighted):
        with st.expander("Reviews with the model's answer in sight"):
            st.html(markup.table(_HEADS, [_cells(item) for item in sighted if item.films]))
            st.html(
                markup.quiet(
                    "Only findings on which a reader gave a verdict. Who has seen an answer tends to follow it, so "
                    "these flatter the model; they are no measure of how good it is."
                )
            )


def _cells(item: Agreement) -> tuple[str, ...]:
    counts = (item.films, item.both, item.reader, item.model, item.neither)
    return (
        item.label,
        *(f"{count:,}" for count in counts),
        _interval(item.kappa),
        _share(item.on_presence),
        _share(item.on_absence),
    )


def _interval(kappa: Interval | None) -> str:
    return f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})" if kappa else "not defined"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f}%"
