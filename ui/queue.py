"""The worklist's rows, said in words: what a row shows, what must not be overlooked about it.

In: queued rows (cxr_core.queueing), or a few entries that came in just now. Out: plain dictionaries for the listing.
Pure, but for the clock that is handed in; knows no widget.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cxr_core.export.uids import fault
from cxr_core.pipeline import Screener
from cxr_core.queueing import LANES, Filters, Queue, Queued
from cxr_core.records import FOLLOWS_ORIGIN, INFORMS, LABELS, Screening, models_key
from cxr_core.store import Entry
from cxr_core.triage import rank, requested
from cxr_core.triage.columns import HIGH, HIGHEST

__all__ = ["LANES", "REVIEWED", "Filters", "Items", "Queued", "queue"]

REVIEWED = ("all", "not yet", "reviewed")

_DECISIONS = {"agree": "Agreed", "disagree": "Disagreed", "none": "Comment"}
_REFUSED_DECISIONS = _DECISIONS | {"agree": "Seen to"}
_REQUESTED = {HIGHEST: ["STAT"], HIGH: ["HIGH"]}


def queue(entries: Sequence[Entry], thresholds: Mapping[str, float], screener: Screener) -> tuple[Queued, ...]:
    """A few images in queue order as if they had come at once, such as a run's results.

    A screening by other models than the screener's is at least to be checked: these thresholds are not its own.
    """
    # By the object: screenings without bytes may be equal and still be two images. ``rank`` keeps the order of equals.
    held: dict[int, deque[Entry]] = {}
    for entry in entries:
        held.setdefault(id(entry.screening), deque()).append(entry)
    screenings = (entry.screening for entry in entries)
    ranked = rank(screenings, thresholds, screener.urgencies, running=screener.models_key)
    found = (Queued(held[id(item.screening)].popleft(), item, thresholds, "") for item in ranked)
    return tuple(found)


class Items(Mapping[str, Queued]):
    """A whole queue by the store's keys, in its order; an image is read when it is asked for."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self._known: dict[str, Queued | None] = {}

    def __getitem__(self, key: str) -> Queued:
        if key not in self._known:
            self._known[key] = self.queue.opened(key)
        found = self._known[key]
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self.queue

    def __iter__(self) -> Iterator[str]:
        return iter(self.queue.keys)

    def __len__(self) -> int:
        return len(self.queue)


def is_reviewed(entry: Entry) -> bool:
    """Whether a person has decided or signed; a comment alone is no decision."""
    return entry.review is not None and (entry.review.decision != "none" or entry.review.signed_at is not None)


def waited(since: datetime, now: datetime) -> str:
    """How long, as people say it on a ward."""
    return lasted((now - since) / timedelta(minutes=1))


def lasted(count: float) -> str:
    """So many minutes, as people say it on a ward."""
    minutes = max(0, int(count))
    if minutes < 1:
        return "< 1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d}"
    return f"{minutes // (24 * 60)} d {minutes // 60 % 24} h"


def patient(screening: Screening) -> str:
    """Whose film it is, in one line, for the eyes of the reader alone: never part of an address or a file's name."""
    who = screening.identity
    if who is None:
        return ""
    age = f"{who.years:.0f} years" if who.years is not None else ""
    facts = (who.shown_name, f"ID {who.patient_id}" if who.patient_id else "", who.sex, age, who.view)
    return " \u00b7 ".join(fact for fact in facts if fact)


def tags(entry: Entry, models: str) -> list[str]:
    """What must not be overlooked about a row, in a word each."""
    screening = entry.screening
    found = list(_REQUESTED.get(requested(screening), []))
    if entry.synthetic:
        found.append("synthetic")
    if screening.refusal:
        found.append(screening.refusal.code)
    codes = {notice.code for notice in screening.warnings}
    if "overridden" in codes:
        found.append("refused at first")
    if codes - INFORMS:
        found.append("doubtful reading")
    if FOLLOWS_ORIGIN in codes:
        found.append("may follow origin")
    if study_fault(screening):
        found.append("no study UID")
    if screening.status == "screened" and models_key(screening.models) != models:
        found.append("other model version")
    return found


def study_fault(screening: Screening) -> str:
    """What is wrong with the study UID of a DICOM film, in words; "" for nothing and for other kinds of files."""
    return fault(screening.identity.study_uid) if screening.identity else ""


def listing_row(item: Queued, thumb: Callable[[str], str | None], now: datetime, models: str) -> dict[str, Any]:
    """A row as the listing component draws it."""
    entry, screening, review = item.entry, item.entry.screening, item.entry.review
    words = _DECISIONS if screening.scores else _REFUSED_DECISIONS
    said = review is not None and (review.decision != "none" or review.comment)
    return {
        "id": entry.key,
        "rank": item.ranked.rank,
        "lane": item.lane,
        "group": item.group,
        "thresholds": [item.thresholds[label] for label in LABELS],
        "name": screening.file,
        "tags": [*_patient_id(screening), *tags(entry, models)],
        "reasons": list(item.ranked.assessment.reasons),
        "flagged": list(item.ranked.assessment.flagged),
        "scores": scores(screening),
        "image": screening.image is not None,
        "thumb": thumb(entry.key) if screening.image else None,
        "waiting": "read" if item.group == "read" else waited(entry.received_at, now),
        "received": entry.received_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        "review": {"word": words[review.decision], "comment": review.comment} if review and said else None,
    }


def _patient_id(screening: Screening) -> list[str]:
    known = screening.identity.patient_id if screening.identity else ""
    return [f"ID {known}"] if known else []


def reach(score: float, threshold: float) -> float:
    """How far a bar goes, in [0, 1]: one half at the threshold, more above it, less below.

    On the logit scale, since calibrated scores and their thresholds crowd near 0: 0.12 against 0.09 must be seen.
    """
    if threshold <= 0 or score >= 1:
        return 1.0
    if threshold >= 1 or score <= 0:
        return 0.0
    above, below = score * (1 - threshold), threshold * (1 - score)
    return above / (above + below)


def scores(screening: Screening) -> list[float] | None:
    """The nine scores in their fixed order; None for a refused image."""
    return [screening.scores[label] for label in LABELS] if screening.scores else None
