r"""Reviews as JSON lines for the next training: one object a film, as docs/training.md, Feedback, says.

In: entries of the store. Out: lines of bytes, and how many films were left out and why. The format has no place for
free text. Without identity, which is the default, a film is called by its digest: the training finds it by its bytes.

What becomes of a review: a label agreed with is present with the boxes that stand, one disagreed with is absent, one
that was named in a blind read and not spoken of later is present too. A box that was rejected says that the label is
not *there*; whether it is elsewhere nobody said, so it is left unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from cxr_core.export.worklist import anonymous_name
from cxr_core.records import Box, Review, Screening, models_key

FORMAT = 1

_TURNED = frozenset(
    ("inverted_by_pixels", "turned_90_mended", "turned_180_mended", "turned_270_mended", "mirrored_mended")
)

LEFT_OUT = {
    "nothing said": "their review names no finding, only agrees or disagrees with the flags as a whole",
    "not screened": "they were refused, so nobody could judge a finding",
    "mended": "they were turned, mirrored or inverted before they were screened; their boxes do not fit the files",
}


class Reviewed(Protocol):
    """What is asked of an entry."""

    @property
    def screening(self) -> Screening:
        """What the models said."""

    @property
    def review(self) -> Review | None:
        """What a person said of it."""


@dataclass(slots=True)
class Told:
    """How many lines were written, and how many films with a review were left out, by the keys of LEFT_OUT."""

    lines: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def write_reviews(stream: BinaryIO, entries: Iterable[Reviewed], *, identity: bool = False) -> Told:
    """Write a line for every entry with a review that says something of a finding."""
    told = Told()
    for entry in entries:
        if entry.review is None:
            continue
        reason = _why_not(entry.screening, entry.review)
        if reason:
            told.left_out[reason] += 1
            continue
        stream.write(line(entry.screening, entry.review, identity=identity))
        told.lines += 1
    return told


def line(screening: Screening, review: Review, *, identity: bool = False) -> bytes:
    """One film's line, with its end."""
    image = screening.image
    facts = {
        "format": FORMAT,
        "file": (screening.file.replace("\0", "") if identity else "") or anonymous_name(screening),
        "sha256": screening.sha256,
        "image": {"width": image.width if image else 0, "height": image.height if image else 0},
        "decision": review.decision,
        "findings": list(_findings(review)),
        "reviewer": {"role": review.role.replace("\0", "") or "unknown"},
        "reviewed_at": review.reviewed_at.isoformat(),
        "models": models_key(screening.models),
    }
    return (json.dumps(facts, allow_nan=False) + "\n").encode("ascii")


def _why_not(screening: Screening, review: Review) -> str:
    if screening.status == "refused" or len(screening.sha256) != 64:
        return "not screened"
    if _TURNED & {notice.code for notice in screening.warnings}:
        return "mended"
    return "" if any(_findings(review)) else "nothing said"


def _findings(review: Review) -> Iterator[dict[str, Any]]:
    """What was said of each label, boxes that stand before the label as a whole."""
    spoken = {item.label for item in review.findings}
    boxed = {item.label for item in review.findings if item.box}
    for item in review.findings:
        # A label agreed with as a whole adds nothing to its boxes; alone, or disagreed with, it is all that was said.
        whole = not item.box and not item.model_box
        if item.box or (whole and (item.label not in boxed or item.status == "disagree")):
            yield _said(item.label, item.status, item.box)
    blind = review.blind
    if blind is None:
        return
    for label in blind.flagged:
        if label not in spoken:
            boxes = [item.box for item in blind.findings if item.label == label]
            for box in boxes or [None]:
                yield _said(label, "added", box)


def _said(label: str, status: str, box: Box | None) -> dict[str, Any]:
    return {"label": label, "status": status, "box": list(box.as_tuple()) if box else None}
