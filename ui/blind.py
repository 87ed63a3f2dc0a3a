"""Blind first read: nothing that a model said is shown until the reader has committed what they see themselves.

In: the session's switch, films, what a blind reader names and draws. Out: whether a film is to be shown blind, and the
blind draft. A film whose answers this session has shown cannot be read blind any more. What the pages hand to the
browser for a blind film holds no score, no box of a model, no flag, no place in the queue; this module only says when.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from cxr_core.records import LABELS, FindingReview
from cxr_core.store import Entry

MODE = "blind_mode"
"""Whether this session reads blind first."""

_SEEN, _DRAFTS = "models_seen", "blind_drafts"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was named and drawn so far; ``before`` is the draft that the last change was made to."""

    named: tuple[str, ...] = ()
    boxes: tuple[FindingReview, ...] = ()
    before: Draft | None = None


KEPT_BACK = (
    "Places in the queue, bars and flags are the models' answers, so they are kept from you as long as the switch "
    "Blind first read is on. Films wait for you on Review in order of arrival."
)
"""Said where rows would show what models answered."""


def end() -> None:
    """Switch blind reading off."""
    st.session_state[MODE] = False


def mode() -> bool:
    """Whether the switch is on."""
    return bool(st.session_state.get(MODE, False))


def reads_blind(entry: Entry) -> bool:
    """Whether this film is to be shown without the models' answers, now."""
    return mode() and entry.screening.status == "screened" and entry.key not in _seen()


def shown(entry: Entry) -> None:
    """The models' answers for this film are on the screen: from now on a read of it is not blind."""
    _seen().add(entry.key)


def was_shown(key: str) -> bool:
    """Whether this session has seen the models' answers for a film."""
    return key in _seen()


def draft(entry: Entry) -> Draft:
    """What the reader said so far."""
    found: Draft = _drafts().get(entry.key, Draft())
    return found


def name(entry: Entry, label: str, *, seen: bool) -> None:
    """The reader sees a label, or no longer; a label's boxes go with it."""
    old = draft(entry)
    named = tuple(item for item in LABELS if (seen if item == label else item in old.named))
    boxes = old.boxes if seen else tuple(box for box in old.boxes if box.label != label)
    _drafts()[entry.key] = Draft(named, boxes, old)


def draw(entry: Entry, boxes: tuple[FindingReview, ...]) -> None:
    """The reader's boxes, all of them; who draws a box names its label. A label goes with the last of its boxes."""
    old = draft(entry)
    had, has = {box.label for box in old.boxes}, {box.label for box in boxes}
    named = tuple(item for item in LABELS if item in has or (item in old.named and item not in had))
    _drafts()[entry.key] = Draft(named, boxes, old)


def can_undo(entry: Entry) -> bool:
    """Whether something was said."""
    return draft(entry).before is not None


def undo(entry: Entry) -> None:
    """Take the last word or stroke back."""
    before = draft(entry).before
    if before is not None:
        _drafts()[entry.key] = before


def taken(entry: Entry) -> Draft:
    """The draft, to be committed: it is forgotten here, and the film is no longer blind."""
    found = draft(entry)
    _drafts().pop(entry.key, None)
    shown(entry)
    return found


def _seen() -> set[str]:
    found: set[str] = st.session_state.setdefault(_SEEN, set())
    return found


def _drafts() -> dict[str, Draft]:
    found: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    return found
