"""Plots of a model card, as plotly figures. In: points of one class. Out: figures; nothing is measured here.

The class that was chosen is drawn in its colour and dash, the others thin and grey behind it, so that one is read
against the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cxr_core.card import ModelCard
from cxr_core.records import OperatingPoint
from ui.card_points import ALL, MEASURES, Counts, Point, Subgroup, findings, points
from ui.plate import FAINT, HEIGHT, INK, PLATE, plate
from ui.theme import LABEL_STYLES

FEW = 30
"""Films below which a subgroup's figure is drawn hollow: its interval says little more than that it is unknown."""

_OTHER = "#9aa3ad"


@dataclass(frozen=True, slots=True)
class Kind:
    """A curve that a card may hold: its title, its axes, and what it tells, in a sentence."""

    key: str
    title: str
    axes: tuple[str, str]
    meaning: str


KINDS = (
    Kind("roc", "ROC", ("1 - specificity", "sensitivity"), "Films found against films flagged in vain, by threshold."),
    Kind(
        "precision_recall",
        "Precision and recall",
        ("sensitivity (recall)", "precision"),
        "Of the flagged films, the share that carry the finding; it falls where the finding is rarer than here.",
    ),
    Kind("froc", "Boxes: FROC", ("false boxes a film", "sensitivity"), "Places found against false boxes a film."),
    Kind(
        "reliability",
        "Reliability",
        ("model score", "share that carry the finding"),
        "A score means what it says where the line runs along the diagonal.",
    ),
)


def curve(card: ModelCard, kind: Kind, label: str) -> go.Figure | None:
    """One curve of one class; None where the card has none. Boxes of all classes together stand in for a class."""
    own = points(card, kind.key, label)
    chosen = own or (points(card, kind.key, ALL) if kind.key == "froc" else ())
    if not chosen:
        return None
    figure = plate(kind.axes)
    for other in findings(card):
        if other != label:
            figure.add_trace(_line(points(card, kind.key, other), other, {"color": FAINT, "width": 1}, opacity=0.7))
    if kind.key in ("roc", "reliability"):
        figure.add_trace(_line(((0.0, 0.0), (1.0, 1.0)), "", {"color": FAINT, "width": 1, "dash": "dot"}))
    name = label if own else "all classes"
    drawn = _line(chosen, name, _stroke(name))
    if kind.key == "reliability":
        drawn.update(mode="lines+markers", marker={"color": _stroke(name)["color"], "size": 6})
    figure.add_trace(drawn)
    if kind.key == "roc":
        figure.add_trace(_presets(card, label))
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_xaxes(range=[-0.02, 1.02] if kind.key != "froc" else None, rangemode="tozero")
    return figure


def confusion(counts: Counts) -> go.Figure:
    """Flagged or not against with or without the finding: numbers in squares, darker where fewer."""
    values = [[counts.fp, counts.tn], [counts.tp, counts.fn]]
    # A share of its row, so that a rare finding's row is as readable as the common one's.
    shares = [[value / max(1, sum(row)) for value in row] for row in values]
    text = [
        [f"{value:,}<br>{100 * share:.0f}%" for value, share in zip(*pair, strict=True)]
        for pair in zip(values, shares, strict=True)
    ]
    figure = plate(("", ""))
    cells = go.Heatmap(
        z=shares,
        x=["flagged", "not flagged"],
        y=["without the finding", "with the finding"],
        text=text,
        texttemplate="%{text}",
        textfont={"size": 15},
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=3,
        ygap=3,
        colorscale=[[0, "#171b20"], [1, "#3f5a75"]],
        hovertemplate="%{y}, %{x}: %{text} of the row<extra></extra>",
    )
    figure.add_trace(cells)
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(showgrid=False, tickangle=-90)
    return figure


def forest(groups: Sequence[Subgroup], measure: str, label: str) -> go.Figure | None:
    """One measure by subgroup, each with its 95% interval; hollow where it stands on few films."""
    shown = [(group, group.figures[measure]) for group in groups if measure in group.figures]
    if not shown:
        return None
    values = [figure.value for _, figure in shown]
    sizes = [figure.n if figure.n is not None else group.n for group, figure in shown]
    names = [group.name if n is None else f"{group.name} (n {n:,})" for (group, _), n in zip(shown, sizes, strict=True)]
    colour = _stroke(label)["color"]
    plot = plate((f"{MEASURES[measure]} with 95% interval", ""))
    marks = go.Scatter(
        x=[item.value for item in values],
        y=names,
        mode="markers",
        marker={
            "color": [PLATE if n is not None and n < FEW else colour for n in sizes],
            "line": {"color": colour, "width": 2},
            "size": 10,
            "symbol": "square",
        },
        error_x={
            "array": [item.high - item.value for item in values],
            "arrayminus": [item.value - item.low for item in values],
            "color": colour,
            "thickness": 1.5,
        },
        customdata=[(item.low, item.high) for item in values],
        hovertemplate="%{y}: %{x:.3f} [%{customdata[0]:.3f} to %{customdata[1]:.3f}]<extra></extra>",
    )
    plot.add_trace(marks)
    plot.update_xaxes(range=[min(0.5, *(item.low for item in values)) - 0.03, 1.02])
    plot.update_yaxes(autorange="reversed")
    plot.update_layout(height=max(HEIGHT - 80, 110 + 26 * len(shown)))
    return plot


def _line(curve_points: Sequence[Point], name: str, line: Mapping[str, object], opacity: float = 1.0) -> go.Scatter:
    return go.Scatter(
        x=[x for x, _ in curve_points],
        y=[y for _, y in curve_points],
        mode="lines",
        name=name,
        line=dict(line),
        opacity=opacity,
        hoverinfo="skip" if not name else None,
        hovertemplate=f"{name}: %{{x:.3f}}, %{{y:.3f}}<extra></extra>" if name else None,
    )


def _stroke(label: str) -> dict[str, object]:
    style = LABEL_STYLES.get(label)
    dash = ",".join(f"{length}px" for length in style.dash) if style and style.dash else "solid"
    return {"color": style.colour if style else _OTHER, "width": 2.5, "dash": dash}


def _presets(card: ModelCard, label: str) -> go.Scatter:
    """The presets on the ROC, with their names."""
    placed = [(name, *place) for name, point in presets(card, label).items() if (place := _place(point))]
    return go.Scatter(
        x=[x for _, x, _ in placed],
        y=[y for _, _, y in placed],
        mode="markers+text",
        text=[name for name, _, _ in placed],
        textposition="bottom right",
        textfont={"color": INK, "size": 11},
        marker={"color": PLATE, "line": {"color": INK, "width": 2}, "size": 8},
        hovertemplate="%{text}: sensitivity %{y:.3f}, specificity %{customdata:.3f}<extra></extra>",
        customdata=[1 - x for _, x, _ in placed],
    )


def presets(card: ModelCard, label: str) -> dict[str, OperatingPoint]:
    """The operating points of a finding, by name."""
    found: dict[str, OperatingPoint] = {}
    for item in card.finding_labels:
        if item.finding == label:
            found |= item.operating_points
    return found


def _place(point: OperatingPoint) -> Point | None:
    if not point.sensitivity or not point.specificity:
        return None
    return 1 - point.specificity.value, point.sensitivity.value
