"""One class of one model: its operating points, its curves, its confusion, its subgroups, the films it got wrong.

In: a card, a finding, a preset. Out: plots, each with its numbers as a table below it; what an older card lacks is said
in a sentence. Everything comes from the card.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cxr_core.card import ModelCard
from cxr_core.records import PRESETS
from ui import card_points, markup, model_plots
from ui.card_points import ALL, MEASURES, Figure, Subgroup
from ui.model_plots import Kind
from ui.plate import draw
from ui.thresholds import interval

_WRONG = {
    "missed": "Missed: with the finding, lowest scores",
    "false_alarm": "False alarms: without the finding, highest scores",
}


def choose(card: ModelCard) -> tuple[str, str]:
    """The class and the preset that a person wants to see."""
    names = card_points.findings(card)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        label = st.pills("Finding", names, default=names[0], required=True, key=f"finding-{card.name}")
        key = f"preset-{card.name}"
        preset = st.segmented_control("Counted at preset", PRESETS, default="balanced", required=True, key=key)
    return str(label), str(preset)


def operating_points(card: ModelCard, label: str) -> None:
    """The presets of a finding: threshold, sensitivity and specificity with their 95% intervals."""
    st.subheader("Operating points")
    points = model_plots.presets(card, label)
    rows = [
        (name, f"{point.threshold:.3f}", interval(point.sensitivity), interval(point.specificity))
        for name, point in points.items()
    ]
    if rows:
        st.html(markup.table(("Preset", "Threshold", "Sensitivity", "Specificity"), rows))
    else:
        st.html(markup.quiet("The card names none; every threshold starts at 0.5."))


def curves(card: ModelCard, label: str) -> None:
    """ROC, precision and recall, FROC and reliability, two beside each other."""
    for pair in (model_plots.KINDS[:2], model_plots.KINDS[2:]):
        for column, kind in zip(st.columns(2, gap="large"), pair, strict=True):
            with column:
                _curve(card, kind, label)


def _curve(card: ModelCard, kind: Kind, label: str) -> None:
    st.subheader(kind.title)
    figure = model_plots.curve(card, kind, label)
    if figure is None:
        unplaced = kind.key == "froc" and card.role == "second_opinion"
        _missing("It shows no places." if unplaced else f"The card holds no points of this curve for {label}.")
        return
    own = card_points.points(card, kind.key, label)
    whose = label if own else "all classes together"
    draw(figure, f"{kind.title} of {card.name}, {whose}. {kind.meaning}", f"{kind.key}-{card.name}")
    st.html(markup.quiet(f"{kind.meaning} Drawn: {whose}."))
    points = card_points.thinned(own or card_points.points(card, kind.key, ALL))
    with st.expander("The same as a table"):
        st.html(markup.table(kind.axes, [(f"{x:.3f}", f"{y:.3f}") for x, y in points]))


def confusion(card: ModelCard, label: str, preset: str) -> None:
    """What was flagged and what was not, at one preset."""
    st.subheader(f"Flagged and found, {preset}")
    counts = card_points.confusion(card, label).get(preset)
    if counts is None:
        _missing(f"The card holds no counts for {label} at this preset.")
        return
    said = (
        f"{label} at the {preset} threshold: of {counts.tp + counts.fn:,} films with the finding {counts.tp:,} were "
        f"flagged and {counts.fn:,} were not; of {counts.fp + counts.tn:,} without it {counts.fp:,} were flagged."
    )
    draw(model_plots.confusion(counts), said, f"confusion-{card.name}")
    st.html(markup.quiet(said))


def subgroups(card: ModelCard, label: str) -> None:
    """A forest plot by view, sex, age and source, with its table."""
    st.subheader("Subgroups")
    groups = card_points.subgroups(card, label)
    if not groups:
        _missing(f"The card holds no subgroups for {label}.")
        return
    held = [key for key in MEASURES if any(key in group.figures for group in groups)]
    chosen = st.segmented_control(
        "Measure", held, default=held[0], required=True, key=f"measure-{card.name}", format_func=MEASURES.__getitem__
    )
    figure = model_plots.forest(groups, str(chosen), label)
    if figure is not None:
        said = f"{MEASURES[str(chosen)]} of {card.name} for {label} by subgroup, with 95% intervals"
        draw(figure, said, f"subgroups-{card.name}")
    st.html(markup.quiet(f"Hollow squares stand on fewer than {model_plots.FEW} films: hardly more than a guess."))
    with st.expander("The same as a table"):
        st.html(markup.table(("Group", "Films", *MEASURES.values()), [_row(group) for group in groups]))


def failures(card: ModelCard, label: str) -> None:
    """The films on which the model was most wrong, by file name."""
    st.subheader("Where it was wrong")
    columns = st.columns(2, gap="large")
    found = {kind: card_points.failures(card, label, kind) for kind in _WRONG}
    if not any(found.values()):
        _missing(f"The card names no films for {label}.")
        return
    for column, (kind, title) in zip(columns, _WRONG.items(), strict=True):
        with column:
            rows = [(film.file, f"{film.score:.3f}") for film in found[kind]]
            st.html(markup.table((title, "Score"), rows) if rows else markup.quiet(f"{title}: the card names none."))


def _row(group: Subgroup) -> Sequence[str]:
    cells = [_cell(group.figures.get(key)) for key in MEASURES]
    return (group.name, f"{group.n:,}" if group.n is not None else "", *cells)


def _cell(figure: Figure | None) -> str:
    return interval(figure.value) if figure else "not measured"


def _missing(text: str) -> None:
    st.html(markup.quiet(text))
