"""Figures of the work, as plotly figures. In: counts by bin. Out: figures; nothing is counted here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cxr_core.operations import Bins
from cxr_core.records import LABELS
from ui.plate import INK, PLATE, plate
from ui.theme import LABEL_STYLES

_SCREENED, _REFUSED, _EXPECTED, _HERE = "#8fa9c4", "#d08a5b", "#9aa3ad", "#8fc1e8"
_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}}
_MOST_BARS = 12

Counts = npt.NDArray[np.int64]


def throughput(span: Bins, screened: Counts, refused: Counts) -> go.Figure:
    """Films a bin, those that were refused on top with a pattern of their own."""
    figure = plate(("", f"films a {span.name}"))
    kinds = (("screened", screened, _SCREENED, ""), ("refused", refused, _REFUSED, "/"))
    for name, counts, colour, shape in kinds:
        figure.add_trace(
            go.Bar(
                x=_middles(span),
                y=counts,
                name=name,
                marker={"color": colour, "pattern": {"shape": shape, "bgcolor": colour, "fgcolor": PLATE, "size": 6}},
                hovertemplate="%{y} " + name + "<extra>%{x}</extra>",
            )
        )
    figure.update_layout(barmode="stack", showlegend=True, legend=_LEGEND, bargap=0.15)
    figure.update_yaxes(rangemode="tozero")
    return figure


def reasons(counts: Mapping[str, int]) -> go.Figure:
    """Films by code, the most frequent on top."""
    shown = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_BARS]
    figure = plate(("films", ""))
    figure.add_trace(
        go.Bar(
            x=[count for _, count in shown],
            y=[code for code, _ in shown],
            orientation="h",
            marker={"color": _REFUSED},
            text=[f"{count:,}" for _, count in shown],
            textposition="outside",
            textfont={"color": INK},
            cliponaxis=False,
            hovertemplate="%{y}: %{x}<extra></extra>",
        )
    )
    figure.update_layout(height=90 + 26 * max(2, len(shown)), margin={"l": 60, "r": 50, "t": 10, "b": 50})
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(rangemode="tozero")
    return figure


def flags(span: Bins, shares: npt.NDArray[np.float64], labels: Sequence[str]) -> go.Figure:
    """(B, 9) shares of films flagged for each label, by bin; a bin without a film is a gap."""
    figure = plate(("", f"share flagged, by {span.name}"))
    for label in labels:
        style = LABEL_STYLES[label]
        dash = ",".join(f"{length}px" for length in style.dash) if style.dash else "solid"
        figure.add_trace(
            go.Scatter(
                x=_middles(span),
                y=shares[:, LABELS.index(label)],
                mode="lines+markers",
                name=label,
                connectgaps=False,
                line={"color": style.colour, "width": 2, "dash": dash},
                marker={"size": 5},
                hovertemplate="%{y:.0%} of the films<extra>" + label + "</extra>",
            )
        )
    figure.update_layout(showlegend=True, legend={**_LEGEND, "font": {"size": 11}})
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def distribution(
    names: Sequence[str], expected: npt.NDArray[np.float64], here: npt.NDArray[np.float64], label: str
) -> go.Figure:
    """Shares of films by score, where the model was measured and here."""
    figure = plate((f"model score of {label}", "share of films"))
    kinds = (("where it was measured", expected, _EXPECTED, "."), ("here", here, _HERE, ""))
    for name, shares, colour, shape in kinds:
        figure.add_trace(
            go.Bar(
                x=list(names),
                y=shares,
                name=name,
                marker={"color": colour, "pattern": {"shape": shape, "bgcolor": colour, "fgcolor": PLATE, "size": 6}},
                hovertemplate="%{y:.1%}<extra>" + name + "</extra>",
            )
        )
    figure.update_layout(barmode="group", showlegend=True, legend=_LEGEND)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def _middles(span: Bins) -> npt.NDArray[np.datetime64]:
    """A bar stands in the middle of its bin."""
    return span.starts + (span.edges[1] - span.edges[0]) // 2
