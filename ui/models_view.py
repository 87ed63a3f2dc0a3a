"""The parts of the models page. In: a model card. Out: tables and plots of what the card says; nothing is computed.

``metrics`` and ``curves`` of a card are free-form: whatever figures they hold are shown under their own names, a number
with its interval where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from cxr_core.card import ModelCard
from cxr_core.records import Interval
from ui import markup
from ui.theme import LABEL_STYLES
from ui.thresholds import short

_PLOT = 300
_INK, _OTHER = "#c3c9d1", "#9aa3ad"
_AXIS = {
    "labelColor": _INK,
    "titleColor": _INK,
    "gridColor": "#20252b",
    "domainColor": "#2a3038",
    "tickColor": "#2a3038",
}
_CURVES = {
    "roc": ("ROC", ("1 - specificity", "sensitivity")),
    "reliability": ("Reliability", ("calibrated score", "share found")),
    "froc": ("Boxes: FROC", ("false boxes a film", "sensitivity")),
}


def facts(card: ModelCard) -> None:
    """Name, version, input, licence."""
    spec = card.input
    st.html(
        markup.quiet(
            f"{card.name} {card.version} · made {card.created} · input {spec.width} x {spec.height}, "
            f"{spec.channels} channel · weights {card.ref().sha256[:12]} · licence: {card.licence}"
        )
    )


def operating_points(card: ModelCard) -> None:
    """The presets of each finding: threshold, sensitivity and specificity with their 95% intervals."""
    rows = [
        {
            "Finding": label.finding,
            "Urgency": label.urgency,
            "Preset": name,
            "Threshold": f"{point.threshold:.3f}",
            "Sensitivity": _interval(point.sensitivity),
            "Specificity": _interval(point.specificity),
        }
        for label in card.finding_labels
        for name, point in label.operating_points.items()
    ]
    st.subheader("Operating points")
    if rows:
        st.table(rows)
    else:
        st.html(markup.quiet("The card names none; every threshold starts at 0.5."))


def metric_tables(card: ModelCard) -> None:
    """Every figure of the card, under the names that the card gives."""
    st.subheader("Measured")
    plain: dict[str, Any] = {}
    for name, value in card.metrics.items():
        if isinstance(value, Mapping) and not _is_figure(value):
            st.markdown(f"**{_words(name)}**")
            _table(value)
        else:
            plain[name] = value
    if plain:
        _table(plain)
    if not card.metrics:
        st.html(markup.quiet("The card holds no figures: this model has not been measured."))


def limits(card: ModelCard) -> None:
    """What it is for, what it cannot do, whose films it learnt from."""
    st.subheader("Intended use and limits")
    st.markdown(card.intended_use)
    if card.limits:
        st.html(markup.reasons(card.limits))
    if card.data:
        st.subheader("Data")
        _table(card.data)


def curves(card: ModelCard) -> None:
    """ROC, reliability and FROC, where the card carries their points."""
    for kind, (title, axes) in _CURVES.items():
        points = _points(card.curves.get(kind))
        if points:
            st.subheader(title)
            st.vega_lite_chart(_chart(points, axes), width="stretch", theme=None)


def _points(raw: Any) -> list[dict[str, Any]]:
    """{label: [[x, y], ...]} as points; anything of another shape is left out."""
    if not isinstance(raw, Mapping):
        return []
    return [
        {"label": str(label), "x": float(point[0]), "y": float(point[1])}
        for label, points in raw.items()
        if isinstance(points, list)
        for point in points
        if isinstance(point, list) and len(point) == 2
    ]


def _chart(points: list[dict[str, Any]], axes: tuple[str, str]) -> dict[str, Any]:
    """One line a label. The plate is dark in both themes, as a film is: the classes' colours are made for black."""
    names = list(dict.fromkeys(p["label"] for p in points))
    styles = [LABEL_STYLES.get(name) for name in names]
    colours = [style.colour if style else _OTHER for style in styles]
    dashes = [list(style.dash) if style and style.dash else [1, 0] for style in styles]
    along = {"field": "x", "type": "quantitative", "title": axes[0], "scale": {"domainMin": 0, "nice": False}}
    up = {"field": "y", "type": "quantitative", "title": axes[1], "scale": {"domain": [0, 1]}}
    return {
        "data": {"values": points},
        "mark": {"type": "line", "strokeWidth": 2},
        "height": _PLOT,
        "background": "#0c0e11",
        "padding": dict.fromkeys(("left", "right", "top", "bottom"), 12),
        "config": {"font": "Source Sans", "view": {"stroke": "#2a3038"}, "axis": _AXIS, "legend": {"labelColor": _INK}},
        "encoding": {
            "x": along,
            "y": up,
            "color": {"field": "label", "scale": {"domain": names, "range": colours}, "title": None},
            "strokeDash": {"field": "label", "scale": {"domain": names, "range": dashes}, "legend": None},
            "order": {"field": "x"},
        },
    }


def _table(values: Mapping[str, Any]) -> None:
    rows = "".join(f"<tr><th>{escape(_words(key))}</th><td>{_said(value)}</td></tr>" for key, value in values.items())
    st.html(f'<table class="cxr-table">{rows}</table>')


def _said(value: Any) -> str:
    """One value of a card in words; nested ones as an inner list."""
    if isinstance(value, Mapping):
        if _is_figure(value):
            behind = f", n {value['n']:,}" if "n" in value else ""
            return escape(_interval(Interval(value["value"], value["low"], value["high"])) + behind)
        return " · ".join(f"<i>{escape(_words(key))}</i> {_said(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(item) for item in value)
    return escape(f"{value:.3f}" if isinstance(value, float) else str(value))


def _is_figure(value: Mapping[str, Any]) -> bool:
    return {"value", "low", "high"} <= set(value)


def _interval(item: Interval | None) -> str:
    return f"{short(item.value)} [{short(item.low)}-{short(item.high)}]" if item else "not measured"


def _words(name: str) -> str:
    return str(name).replace("_", " ")
