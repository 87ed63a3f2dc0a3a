"""What is exported of one image: the stored records, and the boxes that leave with them.

In: a screening, its assessment at the site's thresholds, what a reader said. Out: a Result, and its Marks: boxes of the
models and of the reader, in pixels of the film as shown. Nothing is decided here: who disagrees is told, not obeyed.
This module knows no file format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cxr_core.errors import RecordError
from cxr_core.records import LABELS, Assessment, Box, Finding, FindingReview, ModelRef, Review, Screening
from cxr_core.serial import review_to_json, screening_to_json

NOTICE = "Research use only, not for diagnosis. Expert review required."
EXPORTER = "1"
"""Raised whenever the same records would be written otherwise, so that a changed object gets a UID of its own."""

Verdict = Literal["", "agree", "moved", "disagree", "added"]

_SAME = 0.11
"""Pixels: a reader's words about a box quote it as the viewer showed it, rounded to a tenth of a pixel."""

_BOX_THRESHOLD = 0.3


@dataclass(frozen=True, slots=True)
class Window:
    """The reader's window: greys of the shown film, 0 black to 1 white, that are drawn black and white."""

    low: float = 0.0
    high: float = 1.0
    inverted: bool = False

    def __post_init__(self) -> None:
        if not -4.0 <= self.low < self.high <= 5.0:
            raise RecordError(f"a window needs low < high, near 0 to 1, got {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Result:
    """One image's stored records. ``key`` names the image, ``speakers`` the model that speaks for each label.

    ``preset`` is the name of the thresholds; ``box_thresholds``: see LabelCard.
    """

    key: str
    screening: Screening
    assessment: Assessment
    thresholds: Mapping[str, float]
    preset: str
    received_at: datetime
    screened_at: datetime
    review: Review | None = None
    synthetic: bool = False
    speakers: Mapping[str, ModelRef] = field(default_factory=dict)
    box_thresholds: Mapping[str, float] = field(default_factory=dict)
    window: Window | None = None
    every_box: bool = False

    @property
    def reviewed(self) -> bool:
        """Whether a person has said anything."""
        return self.review is not None and self.review.said

    @property
    def told_at(self) -> datetime:
        """When the latest of it was said."""
        return self.review.reviewed_at if self.review and self.review.said else self.screened_at

    @property
    def lane(self) -> str:
        """The place in the worklist, as the pages call it."""
        return "refused" if self.screening.status == "refused" else self.assessment.urgency

    def verdict(self, label: str) -> str:
        """What a reader said of a label on the whole film: a key of ``codes.VERDICTS``, "" for nothing."""
        if self.review is None:
            return ""
        boxed = any(item.label == label for item in self.review.findings)
        return self.review.verdict(label) or ("of boxes" if boxed else "")

    def digest(self, *more: str) -> str:
        """A digest of all that is exported, and of ``more``: equal digests, equal objects."""
        told = {
            "exporter": EXPORTER,
            "screening": screening_to_json(self.screening, identity=True),
            "flagged": self.assessment.flagged,
            "lane": self.lane,
            "thresholds": {label: self.thresholds[label] for label in sorted(self.thresholds)},
            "preset": self.preset,
            "screened_at": self.screened_at.isoformat(),
            "review": review_to_json(self.review) if self.review else None,
            "window": [self.window.low, self.window.high, self.window.inverted] if self.window else None,
            "every_box": self.every_box,
            "synthetic": self.synthetic,
            "more": more,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Mark:
    """A box that leaves: whose it is, what it was given, and what a reader said of it.

    ``score`` is the model's of the box; None where only a reader saw one. ``flagged`` is of the label on the whole
    film.
    """

    label: str
    box: Box
    by: Literal["model", "reader"]
    score: float | None
    flagged: bool
    verdict: Verdict = ""


def marks(result: Result) -> tuple[Mark, ...]:
    """Every box that leaves, those of flagged labels first, then by score; a reader's box follows the model's.

    Of the models': those that Review shows (the best of each label, and further ones of a flagged label from its box
    threshold on), all that a reader spoke of, and with ``every_box`` all that are kept.
    """
    said = [item for item in (result.review.findings if result.review else ()) if item.box or item.model_box]
    found: list[Mark] = []
    for finding in _shown(result, said):
        about = next((item for item in said if _speaks_of(item, finding)), None)
        found.append(_of_model(finding, about, result))
        if about and _moved(about):
            found.append(_of_reader(about, finding.score, result, "moved"))
    found += [_of_reader(item, None, result, "added") for item in said if item.box and not item.model_box]
    order = {label: place for place, label in enumerate(LABELS)}
    # A stable sort: the reader's box of a pair stays behind the model's, as both go by the model's score.
    return tuple(sorted(found, key=lambda m: (not m.flagged, -(m.score or 0.0), order.get(m.label, len(order)))))


def drawn(result: Result) -> tuple[Mark, ...]:
    """The marks that belong on a picture: of flagged labels, and all that a reader spoke of.

    A box of a label under its threshold is in the report's numbers; on the film it would be read as a finding.
    """
    return tuple(mark for mark in marks(result) if mark.flagged or mark.verdict)


def told(mark: Mark) -> str:
    """A mark's words beside its box."""
    score = "" if mark.by == "reader" or mark.score is None else f" {mark.score:.2f}"
    said = {
        "": "",
        "agree": ", reader agrees",
        "moved": " (reader)",
        "disagree": ", reader disagrees",
        "added": " (added by reader)",
    }
    words = ", reader moved it" if mark.by == "model" and mark.verdict == "moved" else said[mark.verdict]
    return f"{mark.label}{score}{words}"


def second_opinions(result: Result) -> Iterator[str]:
    """What other models said beside those whose scores rank, a sentence each."""
    for opinion in result.screening.opinions:
        said = ", ".join(f"{label} {score:.2f}" for label, score in opinion.scores.items())
        ref = opinion.model
        yield f"Second opinion, not used for flags: {ref.name} {ref.version} sha256:{ref.sha256}: {said or 'nothing'}."


def clean(text: str) -> str:
    """A text that every format can hold: one line, without control characters and halves of characters."""
    kept = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(kept.split())


def _shown(result: Result, said: list[FindingReview]) -> Iterator[Finding]:
    seen: set[str] = set()
    spoken_of: list[FindingReview] = []
    for finding in sorted(result.screening.findings, key=lambda item: -item.score):
        best = finding.label not in seen
        seen.add(finding.label)
        further = finding.label in result.assessment.flagged and finding.score >= result.box_thresholds.get(
            finding.label, _BOX_THRESHOLD
        )
        about = [item for item in said if _speaks_of(item, finding)]
        spoken_of += about
        if result.every_box or best or further or about:
            yield finding
    for item in said:
        if item.model_box and item not in spoken_of:
            # The box that was judged is no longer kept (it fell under another floor); what was said of it stays.
            yield Finding(item.label, item.score or 0.0, item.model_box)


def _speaks_of(item: FindingReview, finding: Finding) -> bool:
    if item.label != finding.label or item.model_box is None:
        return False
    return _near(item.model_box, finding.box)


def _near(one: Box, other: Box) -> bool:
    return all(abs(a - b) <= _SAME for a, b in zip(one.as_tuple(), other.as_tuple(), strict=True))


def _moved(item: FindingReview) -> bool:
    return bool(item.box and item.model_box and not _near(item.box, item.model_box))


def _of_model(finding: Finding, about: FindingReview | None, result: Result) -> Mark:
    verdict: Verdict = "" if about is None else "moved" if _moved(about) else about.status
    flagged = finding.label in result.assessment.flagged
    return Mark(finding.label, finding.box, "model", finding.score, flagged, verdict)


def _of_reader(item: FindingReview, score: float | None, result: Result, verdict: Verdict) -> Mark:
    if item.box is None:
        raise RecordError("a reader's mark needs the reader's box")
    flagged = item.label in result.assessment.flagged
    return Mark(item.label, item.box, "reader", score, flagged, verdict)
