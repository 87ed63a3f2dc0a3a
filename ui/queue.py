"""The worklist's rows: entries ranked under the session's thresholds, filtered, and said in words.

In: entries and thresholds. Out: queued rows, counts, and plain dictionaries for the listing. Pure, but for the clock
that is handed in; knows no widget.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cxr_core.export.table import Row
from cxr_core.pipeline import Screener
from cxr_core.records import FOLLOWS_ORIGIN, INFORMS, LABELS, Ranked, Screening, models_key
from cxr_core.store import Entry
from cxr_core.triage import rank

LANES = ("urgent", "soon", "check", "refused", "routine")
REVIEWED = ("all", "not yet", "reviewed")

_DECISIONS = {"agree": "Agreed", "disagree": "Disagreed", "none": "Comment"}
_REFUSED_DECISIONS = _DECISIONS | {"agree": "Seen to"}


@dataclass(frozen=True, slots=True)
class Queued:
    """One image at its place in the queue."""

    entry: Entry
    ranked: Ranked

    @property
    def lane(self) -> str:
        """Its urgency; a refused image has a lane of its own, so that it is seen."""
        return "refused" if self.entry.screening.status == "refused" else self.ranked.assessment.urgency

    def as_row(self) -> Row:
        """As the CSV wants it."""
        return Row(self.ranked, self.entry.received_at, self.entry.screened_at, self.entry.review)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person wants to see; empty means everything."""

    lanes: tuple[str, ...] = ()
    label: str = ""
    reviewed: str = "all"
    text: str = ""

    def admit(self, item: Queued) -> bool:
        """Whether this row is to be seen."""
        return (
            (not self.lanes or item.lane in self.lanes)
            and (not self.label or self.label in item.ranked.assessment.flagged)
            and (self.reviewed == "all" or is_reviewed(item.entry) == (self.reviewed == "reviewed"))
            and self.text.strip().casefold() in item.entry.screening.file.casefold()
        )


def queue(entries: Sequence[Entry], thresholds: Mapping[str, float], screener: Screener) -> tuple[Queued, ...]:
    """Every image in queue order; ``entries`` in order of arrival, so that equals are read longest waiting first.

    A screening by other models than the screener's is at least to be checked: these thresholds are not its own.
    """
    # By the object: screenings without bytes may be equal and still be two images. ``rank`` keeps the order of equals.
    held: dict[int, deque[Entry]] = {}
    for entry in entries:
        held.setdefault(id(entry.screening), deque()).append(entry)
    screenings = (entry.screening for entry in entries)
    ranked = rank(screenings, thresholds, screener.urgencies, running=screener.models_key)
    return tuple(Queued(held[id(item.screening)].popleft(), item) for item in ranked)


def by_key(items: Iterable[Queued]) -> dict[str, Queued]:
    """The same queue, in the same order, by the store's keys."""
    return {item.entry.key: item for item in items}


def lane_counts(items: Iterable[Queued]) -> dict[str, int]:
    """How many stand in each lane."""
    counts = Counter(item.lane for item in items)
    return {lane: counts[lane] for lane in LANES}


def flag_counts(items: Iterable[Queued]) -> dict[str, int]:
    """How many are flagged for each label."""
    counts = Counter(label for item in items for label in item.ranked.assessment.flagged)
    return {label: counts[label] for label in LABELS}


def is_reviewed(entry: Entry) -> bool:
    """Whether a person has decided; a comment alone is no decision."""
    return entry.review is not None and entry.review.decision != "none"


def waited(since: datetime, now: datetime) -> str:
    """How long, as people say it on a ward."""
    minutes = max(0, int((now - since) / timedelta(minutes=1)))
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
    found = []
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
    if screening.status == "screened" and models_key(screening.models) != models:
        found.append("other model version")
    return found


def listing_row(item: Queued, thumb: Callable[[str], str | None], now: datetime, models: str) -> dict[str, Any]:
    """A row as the listing component draws it."""
    entry, screening, review = item.entry, item.entry.screening, item.entry.review
    words = _DECISIONS if screening.scores else _REFUSED_DECISIONS
    said = review is not None and (review.decision != "none" or review.comment)
    return {
        "id": entry.key,
        "rank": item.ranked.rank,
        "lane": item.lane,
        "name": screening.file,
        "tags": [*_patient_id(screening), *tags(entry, models)],
        "reasons": list(item.ranked.assessment.reasons),
        "flagged": list(item.ranked.assessment.flagged),
        "scores": scores(screening),
        "image": screening.image is not None,
        "thumb": thumb(entry.key) if screening.image else None,
        "waiting": waited(entry.received_at, now),
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
