"""A review in plain sentences, so that two of them can be compared and none is lost without a word. Pure."""

from __future__ import annotations

from datetime import datetime

from cxr_core.records import Context, Review
from ui.verdicts import is_place

_WORDS = {"agree": "agreed", "disagree": "disagreed"}
_YES = {True: "yes", False: "no"}


def signature(review: Review) -> str:
    """Who it was, in the words the reader typed in; never empty."""
    return ", ".join(part for part in (review.reader, review.role) if part) or "a reader without a name"


def clock(at: datetime) -> str:
    """A time as people on a ward read it."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def sentences(review: Review) -> list[str]:
    """Everything a review says, a sentence each."""
    said = []
    if review.signed_at:
        said.append(f"Signed off by {signature(review)}, {clock(review.signed_at)}.")
    if review.decision in _WORDS:
        said.append(f"{_WORDS[review.decision].capitalize()} with the flags as a whole.")
    said += _labels(review)
    places = [item for item in review.findings if is_place(item)]
    if places:
        said.append(
            "Boxes: " + ", ".join(_place(item.label, item.status, item.box != item.model_box) for item in places)
        )
    if review.impression:
        said.append(f"Impression: {review.impression}")
    if review.comment:
        said.append(f"Comment: {review.comment}")
    if review.context:
        said.append(f"Patient: {context(review.context) or 'nothing known'}.")
    if review.blind:
        said.append(f"Read blind, {clock(review.blind.at)}: {', '.join(review.blind.flagged) or 'nothing seen'}.")
    return said or ["Nothing is said."]


def _labels(review: Review) -> list[str]:
    words = {"agree": "Is there", "added": "Is there, and was not flagged", "disagree": "Is not there"}
    found = []
    for status, word in words.items():
        labels = [item.label for item in review.findings if item.status == status and not is_place(item)]
        if labels:
            found.append(f"{word}: {', '.join(labels)}.")
    return found


def _place(label: str, status: str, moved: bool) -> str:
    if status == "disagree":
        return f"{label} (deleted)"
    return f"{label} ({'drawn' if status == 'added' else 'moved' if moved else 'kept'})"


def context(known: Context) -> str:
    """What is known of the patient, in a line; empty where nothing is."""
    parts = [
        f"{name} {_YES[value]}"
        for name, value in (("fever", known.fever), ("cough", known.cough), ("contact", known.contact))
        if value is not None
    ]
    if known.pcr:
        parts.append(f"PCR {known.pcr}")
    if known.spo2 is not None:
        parts.append(f"SpO2 {known.spo2:g}%")
    if known.age is not None:
        parts.append(f"{known.age:g} years")
    if known.sex:
        parts.append({"F": "female", "M": "male", "O": "other sex"}[known.sex])
    return ", ".join(parts)
