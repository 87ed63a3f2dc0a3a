"""The frame around every page: title, links, notice; and the two calm states, empty and wrong.

A page calls ``page(...)`` first and does its work inside ``guarded()``, which turns every error of this product into a
sentence with what to do. This module knows no page's content.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.errors import StreamlitAPIException

from cxr_core.errors import CxrError, ModelError, Refusal, SettingsError, StoreError
from ui.appearance import settle
from ui.theme import ASSETS, stylesheet

NAME = "Chest X-ray triage"
NOTICE = "Research use only. Expert review required."

PAGES = {
    "streamlit_app.py": "Home",
    "pages/1_Screen.py": "Screen",
    "pages/2_Worklist.py": "Worklist",
    "pages/3_Review.py": "Review",
    "pages/4_Models.py": "Models",
    "pages/5_Operations.py": "Operations",
    "pages/6_Simulator.py": "Simulator",
    "pages/7_Connections.py": "Connections",
    "pages/8_Settings.py": "Settings",
}
_PATHS = {title: "/" if title == "Home" else f"/{title}" for title in PAGES.values()}

_ABOUT = (
    f"**{NAME}** puts chest radiographs in an order for reading and shows why.\n\n"
    f"{NOTICE} Not a medical device, not for diagnosis. No picture leaves this machine."
)

_TROUBLE = "trouble"

_log = logging.getLogger(__name__)


def page(title: str) -> None:
    """Set the page up and draw the row with name, pages and notice. The first call of every page."""
    st.set_page_config(
        page_title=f"{title} · {NAME}",
        page_icon=str(ASSETS / "mark.svg"),
        layout="wide",
        initial_sidebar_state="collapsed",
        menu_items={"About": _ABOUT, "Get help": None, "Report a bug": None},
    )
    st.html(stylesheet())
    with st.container(key="frame", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="cxr-mark"><i aria-hidden="true"></i>{NAME}</div>', width="content")
        _links(title)
        st.html(f'<div class="cxr-notice" role="note">{NOTICE}</div>', width="stretch")
        settle()


def _links(current: str) -> None:
    """The way to the pages; plain links where a page runs without the others around it."""
    try:
        for path, title in PAGES.items():
            with st.container(key=f"nav_{'here' if title == current else title.lower()}", width="content"):
                st.page_link(path, label=title)
    except StreamlitAPIException:
        links = "".join(f'<a href="{_PATHS[title]}" target="_self">{title}</a>' for title in _PATHS)
        st.html(f'<div class="cxr-plain-links">{links}</div>', width="content")


def empty(title: str, *sentences: str) -> None:
    """The empty state: what this page will show. The caller puts the one button below it."""
    _state("", title, sentences)


def wrong(title: str, *sentences: str) -> None:
    """The error state: what is wrong and what to do."""
    _state("wrong", title, sentences)


def _state(kind: str, title: str, sentences: tuple[str, ...]) -> None:
    body = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    st.html(f'<div class="cxr-state {kind}" role="status"><h2>{html.escape(title)}</h2>{body}</div>')


@contextmanager
def guarded() -> Iterator[None]:
    """Draw this product's errors as a calm state and end the page; anything else is a defect and goes on up."""
    try:
        yield
    except CxrError as exc:
        _log.exception("page stopped")
        title, advice = _explain(exc)
        wrong(title, *filter(None, (_sentence(exc), advice)))
        st.stop()


@contextmanager
def told() -> Iterator[None]:
    """In a callback: what goes wrong is said by the next ``trouble()``; what was on the page stays."""
    try:
        yield
    except CxrError as exc:
        _log.exception("an action failed")
        st.session_state[_TROUBLE] = _sentence(exc)


def trouble() -> None:
    """Say once what the last action could not do."""
    said = st.session_state.pop(_TROUBLE, "")
    if said:
        st.error(f"This was not kept. {said}")


def _sentence(exc: CxrError) -> str:
    text = str(exc)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _explain(exc: CxrError) -> tuple[str, str]:
    """A heading and what to do, for people who did not write this program."""
    if isinstance(exc, SettingsError):
        return (
            "A setting makes no sense",
            "Correct the variable or the site file that it names, then load this page again.",
        )
    if isinstance(exc, ModelError):
        return (
            "No model can be used",
            "Put a model folder with its card.json into the models folder, or point CXR_MODELS_DIR at one, then load "
            "this page again. Films and decisions already stored are untouched.",
        )
    if isinstance(exc, StoreError):
        return (
            "The database or the data folder cannot be reached",
            "Check CXR_DATA_DIR and CXR_DATABASE_URL, that the disk is not full and that the folder may be written, "
            "then load this page again. Nothing was lost.",
        )
    if isinstance(exc, Refusal):
        return "This cannot be screened", ""
    return "This could not be done", "Load the page again. If it comes back, the log says more."
