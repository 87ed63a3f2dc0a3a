"""The film viewer, as one custom component: zoom, pan, window and level, inversion, magnifier, boxes, evidence, keys.

In: one study and the address of its picture. Out: boxes as a reader drew them, and that a reader asks where the models
looked. Its parts are local files, joined here into the one module that Streamlit mounts; nothing is fetched but films.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime import get_instance

from cxr_core.records import LABELS, ImageFacts, Screening
from ui.films import FilmFile
from ui.theme import label_facts

_HERE = Path(__file__).resolve().parent
SCRIPTS = ("film.js", "boxes.js", "evidence.js", "edit.js", "viewer.js", "paint.js", "input.js")


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_component = st.components.v2.component(
    "cxr_viewer",
    html=_asset("viewer.html"),
    css=_asset("viewer.css"),
    js="\n".join(_asset(name) for name in SCRIPTS),
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


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier film of the same patient, to be laid beside this one or in its place."""

    film: FilmAddress
    image: ImageFacts
    caption: str


@dataclass(frozen=True, slots=True)
class Study:
    """What the viewer draws: the film, its boxes (see ``ui.verdicts.drawn``), and the films on either side.

    ``evidence`` is what ``ui.explain_view.evidence`` tells. ``seq`` is the time of the reader's last stroke that the
    boxes know of; ``undo`` whether there is something to take back. A blind reader's study holds nothing of a model.
    """

    screening: Screening
    film: FilmAddress
    boxes: Sequence[Mapping[str, Any]]
    flagged: Sequence[str]
    synthetic: bool
    evidence: Mapping[str, Any]
    beside: Sequence[FilmAddress] = ()
    earlier: Earlier | None = None
    seq: float = 0
    undo: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What the viewer calls: where it looked is asked for; boxes, or the window, changed; the last change is undone."""

    explain: Callable[[], None]
    edit: Callable[[], None]
    undo: Callable[[], None]
    window: Callable[[], None]


def viewer(study: Study, heard: Heard) -> None:
    """Draw the viewer; one a page, kept from film to film.

    What it has to say stands in the session's ``viewer`` while it calls: ``explain``, the film's SHA-256; ``edit``,
    {"film", "seq", "places"} (see ``ui.verdicts.places_from``); ``undo``, {"film", "seq"}; ``window``, {"film", "low",
    "high", "inverted"}, the greys that are black and white, 0 to 1 of the film as it is sent.
    """
    screening, image, earlier = study.screening, study.screening.image, study.earlier
    _component(
        key="viewer",
        data={
            "film": {"id": screening.sha256, "synthetic": study.synthetic} | _facts(study.film, image),
            "other": _facts(earlier.film, earlier.image) | {"caption": earlier.caption} if earlier else None,
            "labels": _labels(study.boxes),
            "boxes": list(study.boxes),
            "flagged": list(study.flagged),
            "evidence": dict(study.evidence),
            "prefetch": [{"url": item.url, "kind": item.kind} for item in study.beside],
            "seq": study.seq,
            "undo": study.undo,
        },
        on_explain_change=heard.explain,
        on_edit_change=heard.edit,
        on_undo_change=heard.undo,
        on_window_change=heard.window,
    )


def _facts(film: FilmAddress, image: ImageFacts | None) -> dict[str, Any]:
    size = f"{image.width} x {image.height} px, {image.source.upper()}" if image else ""
    view = f", {image.view}" if image and image.view else ""
    sides = {"width": image.width if image else 0, "height": image.height if image else 0}
    return {"url": film.url, "kind": film.kind, "caption": f"{size}{view}"} | sides


def _labels(boxes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The nine classes, and those that only other people's models know: these have a button, and no colour of ours."""
    others = dict.fromkeys(box["label"] for box in boxes if box["label"] not in LABELS)
    plain = {"colour": "#B8C0C8", "dash": [1, 3], "foreign": True}
    return [*label_facts(), *({"name": label, "short": label[:3].upper()} | plain for label in others)]
