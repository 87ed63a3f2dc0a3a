"""The film viewer, as one custom component: zoom, pan, window and level, inversion, magnifier, boxes, evidence, keys.

In: one study and the address of its picture. Out: that a reader asks where the models looked. Its parts are local
files, joined here into the one module that Streamlit mounts; nothing is fetched but the film.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime import get_instance

from cxr_core.records import Finding, Screening
from ui.films import FilmFile
from ui.theme import label_facts

_HERE = Path(__file__).resolve().parent
_SCRIPTS = ("film.js", "boxes.js", "evidence.js", "viewer.js", "input.js")


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_component = st.components.v2.component(
    "cxr_viewer",
    html=_asset("viewer.html"),
    css=_asset("viewer.css"),
    js="\n".join(_asset(name) for name in _SCRIPTS),
)


@dataclass(frozen=True, slots=True)
class FilmAddress:
    """Where the browser finds a film, and how its greys are packed."""

    kind: str
    url: str


def address(film: FilmFile, place: str) -> FilmAddress:
    """Let the browser fetch a film over the app's own port; ``place`` holds one film at a time for this session."""
    url = get_instance().media_file_mgr.add(str(film.path), "image/png", f"film-{place}")
    return FilmAddress(film.kind, url)


def drawn_findings(
    findings: Sequence[Finding], flagged: Sequence[str], box_thresholds: Mapping[str, float]
) -> list[dict[str, Any]]:
    """The best box of each label, and further ones of a flagged label from its box threshold on; best first."""
    drawn, seen = [], set[str]()
    for finding in sorted(findings, key=lambda item: -item.score):
        best = finding.label not in seen
        seen.add(finding.label)
        if best or (finding.label in flagged and finding.score >= box_thresholds.get(finding.label, 0.3)):
            box = [round(value, 1) for value in finding.box.as_tuple()]
            flag = finding.label in flagged
            drawn.append({"label": finding.label, "score": finding.score, "box": box, "flagged": flag})
    return drawn


@dataclass(frozen=True, slots=True)
class Study:
    """What the viewer draws: the film, its boxes (see ``drawn_findings``), and the films on either side.

    ``evidence`` is what ``ui.explain_view.evidence`` tells.
    """

    screening: Screening
    film: FilmAddress
    boxes: Sequence[Mapping[str, Any]]
    flagged: Sequence[str]
    synthetic: bool
    evidence: Mapping[str, Any]
    beside: Sequence[FilmAddress] = ()


def viewer(study: Study, asked: Callable[[], None]) -> None:
    """Draw the viewer; one a page, kept from film to film.

    ``asked`` is called when the reader asks where the models looked: the film's SHA-256 is then the ``explain`` of the
    session's ``viewer``.
    """
    screening, film = study.screening, study.film
    image = screening.image
    facts = f"{image.width} x {image.height} px, {image.source.upper()}" if image else ""
    view = f", {image.view}" if image and image.view else ""
    _component(
        key="viewer",
        data={
            "film": {
                "id": screening.sha256,
                "url": film.url,
                "kind": film.kind,
                "width": image.width if image else 0,
                "height": image.height if image else 0,
                "caption": f"{facts}{view}",
                "synthetic": study.synthetic,
            },
            "labels": label_facts(),
            "boxes": list(study.boxes),
            "flagged": list(study.flagged),
            "evidence": dict(study.evidence),
            "prefetch": [{"url": item.url, "kind": item.kind} for item in study.beside],
        },
        on_explain_change=asked,
    )
