"""The review on the screen: what stands there, how it is changed, kept and undone; and what could not be kept.

In: an entry, the store, what a reader says. Every change is saved at once as a version of its own. What cannot be saved
(another session was first, the film was removed, the database is away) stays in this session as a draft that says why,
and nothing of it is lost while the page is open. All of it belongs to one session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from cxr_core.errors import ReviewConflict, StoreError
from cxr_core.records import Review
from cxr_core.store import Entry, Store
from cxr_core.store.lines import result_of
from ui import state

READER, ROLE = "reader_name", "reader_role"
"""Who reads in this session, as typed in."""

ROLES = ("radiologist", "clinician", "radiographer", "resident", "student", "other")

_OWN, _DRAFTS, _UNDO = "review_own", "review_drafts", "review_undo"
_MOST_UNDO = 50

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """What could not be saved, and why. ``conflict``: somebody else's review stands in its place."""

    review: Review
    why: str
    conflict: bool


def on_screen(entry: Entry) -> Review:
    """What the reader sees: the draft if there is one, else the latest version that this session knows of."""
    held = draft(entry)
    return held.review if held else newest(entry) or Review("none", "", state.now())


def newest(entry: Entry) -> Review | None:
    """The latest saved version; a page may have been drawn before this session's own last save."""
    own = _of(_OWN).get(_name(entry))
    stored = entry.review
    return own if own and (stored is None or own.version > stored.version) else stored


def draft(entry: Entry) -> Draft | None:
    """What this session could not save of this film."""
    found: Draft | None = _of(_DRAFTS).get(_name(entry))
    return found


def drafts_of(key: str) -> tuple[Draft, ...]:
    """What this session could not save of a film that is perhaps no longer there."""
    return tuple(held for (film, _), held in _of(_DRAFTS).items() if film == key)


def who() -> dict[str, str]:
    """Reader and role of this session, as a review keeps them."""
    return {"reader": st.session_state.get(READER, ""), "role": st.session_state.get(ROLE, "")}


def change(store: Store, entry: Entry, said: Mapping[str, Any], under: Mapping[str, Any] | None = None) -> None:
    """Say something; whatever was signed before is no longer signed, unless this is the signing.

    ``said`` are fields of Review; ``under`` are those that describe the circumstances and alone change nothing.
    """
    before = on_screen(entry)
    if all(getattr(before, name) == value for name, value in said.items()):
        return
    facts: Mapping[str, Any] = {"signed_at": None} | who() | dict(under or {}) | dict(said)
    review = replace(before, reviewed_at=state.now(), **facts)
    _remember(entry, before)
    held = draft(entry)
    if held:
        _of(_DRAFTS)[_name(entry)] = replace(held, review=review)
    else:
        _keep(store, entry, review)


def can_undo(entry: Entry) -> bool:
    """Whether this session said something of this film that can be taken back."""
    return bool(_of(_UNDO).get(_name(entry)))


def undo(store: Store, entry: Entry) -> None:
    """Take back this session's last change: what stood before becomes a version of its own, on top."""
    steps = _of(_UNDO).get(_name(entry))
    if not steps:
        return
    back = replace(steps.pop(), reviewed_at=state.now())
    held = draft(entry)
    if held:
        _of(_DRAFTS)[_name(entry)] = replace(held, review=back)
    else:
        _keep(store, entry, back)


def theirs(store: Store, entry: Entry) -> Review | None:
    """What stands in the store now."""
    history = store.review_history(entry.key, entry.screening)
    return history[-1] if history else None


def try_again(store: Store, entry: Entry) -> None:
    """Save the draft as if nothing had stood in its way."""
    held = _of(_DRAFTS).pop(_name(entry), None)
    if held:
        _keep(store, entry, held.review)


def put_on_top(store: Store, entry: Entry, seen: int) -> None:
    """Save the draft over version ``seen`` of somebody else, which the reader was shown and which stays as history."""
    held = _of(_DRAFTS).pop(_name(entry), None)
    if held:
        _keep(store, entry, replace(held.review, reviewed_at=state.now()), seen)


def take_theirs(store: Store, entry: Entry) -> None:
    """Give up the draft; undo brings it back, on top."""
    stored = theirs(store, entry)
    held = _of(_DRAFTS).pop(_name(entry), None)
    if held:
        _remember(entry, held.review)
    if stored:
        _of(_OWN)[_name(entry)] = stored


def _keep(store: Store, entry: Entry, review: Review, expected: int | None = None) -> None:
    if expected is None:
        last = newest(entry)
        expected = last.version if last else 0
    try:
        _of(_OWN)[_name(entry)] = store.save_review(entry.key, review, of=entry.screening, expected=expected)
    except StoreError as exc:
        _of(_DRAFTS)[_name(entry)] = Draft(review, str(exc), isinstance(exc, ReviewConflict))


def _remember(entry: Entry, before: Review) -> None:
    steps = _of(_UNDO).setdefault(_name(entry), [])
    steps.append(before)
    del steps[:-_MOST_UNDO]


def _of(name: str) -> dict[Name, Any]:
    found: dict[Name, Any] = st.session_state.setdefault(name, {})
    return found


def _name(entry: Entry) -> Name:
    """A review belongs to a film and to what was said of it: screened anew with other scores, it begins anew."""
    return entry.key, result_of(entry.screening)
