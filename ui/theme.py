"""One fixed look for each class and each urgency, the same in boxes, bars, sliders, plots and exports.

This module knows colours, dash patterns and shapes; it knows no page and no score.

The nine colours were chosen by a search that starts from Okabe and Ito's set (2008) and keeps the smallest distance in
OKLab between any two of them as large as possible, seen by normal, protan, deutan and tritan eyes (Machado 2009), and
each at least 4 : 1 against black; tests/app/test_theme.py measures both. Colour is never alone: every class also has
a dash pattern and a short name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from cxr_core.records import COVID, LABELS

ASSETS = Path(__file__).resolve().parent / "assets"

Lane = Literal["urgent", "soon", "check", "routine", "refused"]


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """How one class is drawn. ``dash`` is a canvas/SVG dash pattern in screen pixels, empty for a solid line."""

    label: str
    short: str
    colour: str
    dash: tuple[int, ...]


LABEL_STYLES: dict[str, LabelStyle] = {
    style.label: style
    for style in (
        LabelStyle(COVID, "COV", "#FFFFFF", (7, 4)),
        LabelStyle("Atelectasis", "ATE", "#6363DA", ()),
        LabelStyle("Cardiomegaly", "CAR", "#B683FF", (12, 3)),
        LabelStyle("Effusion", "EFF", "#95D6FC", ()),
        LabelStyle("Infiltrate", "INF", "#E18300", (2, 3)),
        LabelStyle("Mass", "MAS", "#9A6185", ()),
        LabelStyle("Nodule", "NOD", "#41B298", (4, 2)),
        LabelStyle("Pneumonia", "PNA", "#EBD01A", (10, 3, 2, 3)),
        LabelStyle("Pneumothorax", "PTX", "#CB4216", ()),
    )
}


@dataclass(frozen=True, slots=True)
class LaneStyle:
    """How one urgency is drawn: a word, a shape (the inside of a 16 x 16 SVG) and what it means."""

    lane: Lane
    word: str
    shape: str
    meaning: str


LANE_STYLES: dict[str, LaneStyle] = {
    style.lane: style
    for style in (
        LaneStyle(
            "urgent",
            "Urgent",
            '<path d="M8 1.5 15 14.5H1Z" fill="currentColor"/>',
            "a finding is flagged that may not wait",
        ),
        LaneStyle(
            "soon", "Soon", '<path d="M8 1 15 8 8 15 1 8Z" fill="currentColor"/>', "a finding is flagged; read it early"
        ),
        LaneStyle(
            "check",
            "Check",
            '<path d="M2 2h12v12H2Z" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2"/>'
            '<path d="M6.2 6.2a1.8 1.8 0 1 1 2.4 1.8c-.5.2-.6.5-.6 1.1M8 11v1" fill="none" stroke="currentColor"'
            ' stroke-width="1.5"/>',
            "the reading is doubtful: a person must look whether the picture was read right",
        ),
        LaneStyle(
            "routine",
            "Routine",
            '<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2"/>',
            "nothing is above your thresholds; this is not a statement that nothing is there",
        ),
        LaneStyle(
            "refused",
            "Refused",
            '<path d="M2 2h12v12H2Z" fill="none" stroke="currentColor" stroke-width="2"/>'
            '<path d="m5 5 6 6m0-6-6 6" stroke="currentColor" stroke-width="2"/>',
            "could not be screened; it stays here until a person has seen to it",
        ),
    )
}


GROUP_STYLES: dict[str, LaneStyle] = {
    "stat": LaneStyle(
        "stat",
        "STAT",
        '<path d="M8 .8 12.6 8H3.4Z M8 7.6 14 15H2Z" fill="currentColor"/>',
        "the requesting ward asked for these at once; they stand before all others",
    ),
    "over": LaneStyle(
        "over",
        "Waited too long",
        '<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2"/>'
        '<path d="M8 4.2V8l2.6 1.8" fill="none" stroke="currentColor" stroke-width="1.8"/>',
        "over this site's limit for their urgency, the longest over first",
    ),
    **LANE_STYLES,
    "read": LaneStyle(
        "read",
        "Read",
        '<path d="m2.5 8.5 3.6 3.8 7.4-8.4" fill="none" stroke="currentColor" stroke-width="2.2"/>',
        "a person has decided; flags are shown as they were then",
    ),
}
"""The parts of the worklist from top to bottom: requests, limits, the lanes, what was read."""


def label_facts() -> list[dict[str, object]]:
    """The classes in their fixed order, as the JavaScript parts want them."""
    styles = (LABEL_STYLES[label] for label in LABELS)
    return [{"name": s.label, "short": s.short, "colour": s.colour, "dash": list(s.dash)} for s in styles]


def lane_facts() -> dict[str, dict[str, str]]:
    """The urgencies by name, as the JavaScript parts want them."""
    return {lane: {"word": s.word, "shape": s.shape, "meaning": s.meaning} for lane, s in LANE_STYLES.items()}


def group_facts() -> dict[str, dict[str, str]]:
    """The parts of the worklist by name, as the JavaScript parts want them."""
    return {name: {"word": s.word, "shape": s.shape, "meaning": s.meaning} for name, s in GROUP_STYLES.items()}


def slug(label: str) -> str:
    """A label as part of a CSS class or a widget key."""
    return label.lower().replace("-", "_").replace(" ", "_")


def stylesheet() -> str:
    """The page's style: the frame's file, a rule a class for its slider, a rule a lane for its shape.

    st.html drops SVG elements, so shapes come in as masks from data addresses, which ask no server.
    """
    shapes = "\n".join(
        f".cxr-shape.{s.lane} {{ --shape: {_data_address(_drawing(s.shape))}; }}" for s in GROUP_STYLES.values()
    )
    mark = f".cxr-mark i {{ background-image: {_data_address((ASSETS / 'mark.svg').read_text(encoding='utf-8'))}; }}"
    sliders = "\n".join(
        f".st-key-threshold_{slug(s.label)} {{ --label-colour: {s.colour}; }}" for s in LABEL_STYLES.values()
    )
    return f"<style>{(ASSETS / 'frame.css').read_text(encoding='utf-8')}\n{sliders}\n{shapes}\n{mark}</style>"


def _drawing(inside: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{inside}</svg>'


def _data_address(svg: str) -> str:
    return f'url("data:image/svg+xml,{quote(svg)}")'
