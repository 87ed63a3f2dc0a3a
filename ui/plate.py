"""The plate that every plot is drawn on: dark in both themes, as a film is; the classes' colours are made for black.

In: titles of axes. Out: an empty plotly figure; and the one way in which a figure is put on a page, never without words
for those who do not see it. This module knows no data.
"""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

HEIGHT = 320
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}
PLATE, INK, FAINT, GRID = "#0c0e11", "#c3c9d1", "#59626d", "#20252b"


def plate(axes: tuple[str, str]) -> go.Figure:
    """An empty plot with its axes' titles."""
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": "#2a3038", "fixedrange": True, "automargin": True}
    across, up = ({**line, "title": {"text": title}} for title in axes)
    layout = {
        "template": "none",
        "height": HEIGHT,
        "paper_bgcolor": PLATE,
        "plot_bgcolor": PLATE,
        "showlegend": False,
        "margin": {"l": 60, "r": 18, "t": 18, "b": 58},
        "font": {"color": INK, "size": 12, "family": "Source Sans"},
        "xaxis": across,
        "yaxis": up,
        "hoverlabel": {"bgcolor": "#15181d", "bordercolor": "#2a3038", "font": {"color": INK}},
    }
    return go.Figure(layout=layout)


def draw(figure: go.Figure, said: str, key: str) -> None:
    """Put a figure on the page; ``said`` is what it shows, in a sentence."""
    st.plotly_chart(figure, theme=None, config=CONFIG, key=key, alt=said)
