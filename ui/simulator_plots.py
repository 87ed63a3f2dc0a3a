"""Waiting times under three orders of reading, as plotly figures and as tables. In: outcomes. Out: figures and texts.

Each order has a colour, a dash and a marker of its own, none of them a finding's: what differs here is the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cxr_core.simulate import ALL, MISSED, Outcome, Waits
from ui.plate import FAINT, INK, PLATE, plate

ARRIVAL, SCORE, OURS = "First come, first served", "Highest score first", "This worklist"

KINDS = {
    "urgent": "Urgent",
    MISSED: "Urgent, not flagged",
    "soon": "Soon",
    "routine": "Neither",
    ALL: "All films",
}
"""What is on a film, by truth and not by flag, and its name on the page."""


@dataclass(frozen=True, slots=True)
class _Look:
    colour: str
    dash: str
    symbol: str


_LOOKS = {
    ARRIVAL: _Look("#9aa3ad", "dot", "circle-open"),
    SCORE: _Look("#d08a5b", "dash", "diamond"),
    OURS: _Look("#8fc1e8", "solid", "square"),
}


_LEGEND = {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0, "font": {"size": 12}}
_PATTERNS = {ARRIVAL: ".", SCORE: "/", OURS: ""}


def bars(outcomes: Sequence[Outcome], what: str) -> go.Figure:
    """``what`` ("mean" or "longest") by kind of film, an order beside the other; means with their 95% intervals."""
    figure = plate(("minutes", ""))
    for outcome in outcomes:
        look = _LOOKS[outcome.order]
        waits = [item for kind in KINDS if (item := outcome.of(kind))]
        values = [item.mean.value if what == "mean" else item.longest for item in waits]
        pattern = {"shape": _PATTERNS[outcome.order], "bgcolor": look.colour, "fgcolor": PLATE, "size": 6}
        bar = go.Bar(
            x=values,
            y=[KINDS[item.name] for item in waits],
            orientation="h",
            name=outcome.order,
            marker={"color": look.colour, "pattern": pattern},
            text=[minutes(value) for value in values],
            textposition="outside",
            textfont={"color": INK, "size": 11},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} min<extra>" + outcome.order + "</extra>",
        )
        if what == "mean":
            bar.update(error_x=_intervals(waits), textposition="none")
        figure.add_trace(bar)
    figure.update_layout(
        barmode="group",
        height=70 + 74 * len(KINDS),
        bargap=0.28,
        showlegend=True,
        legend={
            "orientation": "h",
            "y": 1.0,
            "yanchor": "bottom",
            "x": 0,
            "font": {"size": 12},
            "traceorder": "normal",
        },
        margin={"l": 60, "r": 60, "t": 40, "b": 50},
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(rangemode="tozero")
    return figure


def curves(outcomes: Sequence[Outcome], kind: str) -> go.Figure:
    """Of the films of one kind, the share that still waits, by minutes since they came."""
    figure = plate(("minutes since the film came", "share still waiting"))
    for outcome in outcomes:
        waits = outcome.of(kind)
        if waits is None:
            continue
        look = _LOOKS[outcome.order]
        figure.add_trace(
            go.Scatter(
                x=[0.0, *waits.curve, waits.longest],
                y=[1.0, *(1 - place / 100 for place in range(1, 100)), 0.0],
                mode="lines",
                name=outcome.order,
                line={"color": look.colour, "width": 2.5, "dash": look.dash},
                hovertemplate="%{y:.0%} wait longer than %{x:.0f} min<extra>" + outcome.order + "</extra>",
            )
        )
    figure.update_layout(showlegend=True, legend=_LEGEND)
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
    figure.update_xaxes(rangemode="tozero")
    figure.add_hline(y=0.05, line={"color": FAINT, "width": 1, "dash": "dot"})
    return figure


def table_rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Every number of the plots: a row a kind and an order."""
    return [
        (
            KINDS[kind],
            outcome.order,
            f"{item.films:,}",
            mean(item),
            *map(minutes, (item.median, item.p95, item.longest)),
        )
        for kind in KINDS
        for outcome in outcomes
        if (item := outcome.of(kind))
    ]


def _tail(item: Waits) -> tuple[str, ...]:
    return minutes(item.median), minutes(item.p95), minutes(item.longest)


TABLE_HEADS = ("Films", "Order", "How many", "Mean, 95% interval", "Median", "95 of 100 wait less than", "Longest")


def mean(item: Waits) -> str:
    """A mean wait with its interval; few films have none."""
    if item.mean.high == float("inf"):
        return f"{minutes(item.mean.value)} (too few for an interval)"
    return f"{minutes(item.mean.value)} ({item.mean.low:.1f} to {item.mean.high:.1f})"


def minutes(value: float) -> str:
    """Minutes as people say them."""
    if value < 180:
        return f"{value:.1f} min" if value < 10 else f"{value:.0f} min"
    return f"{value / 60:.1f} h"


def _intervals(waits: Sequence[Waits]) -> dict[str, object]:
    known = [item.mean if item.mean.high != float("inf") else None for item in waits]
    return {
        "type": "data",
        "symmetric": False,
        "array": [item.high - item.value if item else 0.0 for item in known],
        "arrayminus": [item.value - item.low if item else 0.0 for item in known],
        "color": INK,
        "thickness": 1.2,
        "width": 3,
    }
