"""What a reader's clicks and strokes make of the findings of a review. Pure: knows no page, no store, no clock.

A review's findings are said of labels (no box) and of places (see ``FindingReview``); here both are kept in one order:
the labels' verdicts first, in the order of LABELS, then the places as they were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cxr_core.records import LABELS, Box, Decision, Finding, FindingReview, FindingStatus, Screening

Findings = tuple[FindingReview, ...]

MOST_BOXES = 200
"""More boxes than any reader draws: what is beyond was not drawn by a hand."""

_LEAST = 4.0  # film pixels: a smaller box is a slip of the mouse


def is_place(item: FindingReview) -> bool:
    """Whether it was said of a place; else it was said of the label."""
    return item.box is not None or item.model_box is not None


def verdict(findings: Findings, label: str) -> FindingStatus | None:
    """What was said of a label on the film as a whole."""
    return next((item.status for item in findings if item.label == label and not is_place(item)), None)


def with_verdict(findings: Findings, label: str, status: FindingStatus | None, score: float | None) -> Findings:
    """Say something of a label, or take it back (None). What is not there has no places: those of the label go."""
    others = [item for item in findings if item.label != label or (is_place(item) and status != "disagree")]
    said = [FindingReview(label, status, None, None, score)] if status else []
    return _in_order([*others, *said])


def with_places(findings: Findings, places: Findings, flagged: Sequence[str], scores: Mapping[str, float]) -> Findings:
    """Put these places for the ones there were. A place that stands says of its label that it is on the film.

    A label that was added only by its boxes goes with the last of them.
    """
    had, has = _standing(findings), _standing(places)
    verdicts = {item.label: item for item in findings if not is_place(item)}
    for label in has:
        said = verdicts.get(label)
        if said is None or said.status == "disagree":
            status: FindingStatus = "agree" if label in flagged else "added"
            verdicts[label] = FindingReview(label, status, None, None, scores.get(label))
    for label in had - has:
        if label in verdicts and verdicts[label].status == "added":
            del verdicts[label]
    return _in_order([*verdicts.values(), *places])


def agreed_with_all(findings: Findings, flagged: Sequence[str], scores: Mapping[str, float]) -> Findings:
    """Agree with every flag that nothing was said of."""
    for label in flagged:
        if verdict(findings, label) is None:
            findings = with_verdict(findings, label, "agree", scores.get(label))
    return findings


def overall(findings: Findings, flagged: Sequence[str], before: Decision) -> Decision:
    """What the verdicts make of the flags as a whole; where they leave it open, what was said before."""
    said = {item.label: item.status for item in findings if not is_place(item)}
    if "disagree" in said.values() or any(said[label] == "added" and label not in flagged for label in said):
        return "disagree"
    if flagged and all(said.get(label) in ("agree", "added") for label in flagged):
        return "agree"
    return "none" if before == "agree" and flagged else before


def places_from(raw: Any, screening: Screening) -> Findings:
    """What the viewer sends -> places.

    {"id": "m3", "box": …} is the model's finding 3 at the place the reader gave it, {"id": "m3", "gone": true} one that
    was rejected, {"id": …, "label": …, "box": …} a reader's own. Whatever is not so is left out: it comes from a
    browser. Boxes end at the film's edges. Labels of other people's models, which are none of LABELS, are not judged.
    """
    places = []
    for item in raw[:MOST_BOXES] if isinstance(raw, list) else []:
        if isinstance(item, dict):
            place = _place(item, screening)
            if place is not None:
                places.append(place)
    return tuple(places)


def _place(item: Mapping[str, Any], screening: Screening) -> FindingReview | None:
    own = _model_finding(item.get("id"), screening)
    if own and item.get("gone") is True:
        return FindingReview(own.label, "disagree", None, own.box, own.score)
    box = _box(item.get("box"), screening)
    if box is None:
        return None
    if own:
        # The viewer is told tenths of a pixel: a box that was only agreed with keeps the model's own corners.
        kept = all(abs(a - b) < 0.06 for a, b in zip(box.as_tuple(), own.box.as_tuple(), strict=True))
        return FindingReview(own.label, "agree", own.box if kept else box, own.box, own.score)
    label = item.get("label")
    return FindingReview(label, "added", box) if label in LABELS else None


def _model_finding(name: Any, screening: Screening) -> Finding | None:
    number = name[1:] if isinstance(name, str) and name.startswith("m") else ""
    if not (number.isascii() and number.isdecimal() and len(number) < 6 and int(number) < len(screening.findings)):
        return None
    found = screening.findings[int(number)]
    return found if found.label in LABELS else None


def _box(raw: Any, screening: Screening) -> Box | None:
    numbers = isinstance(raw, list) and len(raw) == 4 and all(type(v) in (int, float) for v in raw)
    if screening.image is None or not numbers or not all(math.isfinite(v) for v in raw):
        return None
    width, height = float(screening.image.width), float(screening.image.height)
    x1, x2 = sorted(min(max(float(v), 0.0), width) for v in (raw[0], raw[2]))
    y1, y2 = sorted(min(max(float(v), 0.0), height) for v in (raw[1], raw[3]))
    return Box(x1, y1, x2, y2) if x2 - x1 >= _LEAST and y2 - y1 >= _LEAST else None


def drawn(
    screening: Screening, findings: Findings, flagged: Sequence[str], limits: Mapping[str, float]
) -> list[dict[str, Any]]:
    """The boxes of a film as the viewer draws them, best first: the models', as the reader left them, and the reader's.

    Of the models' the best of each label, further ones of a flagged label from its box threshold on, and whatever was
    judged. ``id`` names a box, ``status`` is what was said of it, "gone" for a rejected one; ``score`` is None for a
    reader's own.
    """
    judged = {(item.label, item.model_box): item for item in findings if item.model_box is not None}
    boxes, seen = [], set[str]()
    for number, finding in sorted(enumerate(screening.findings), key=lambda pair: -pair[1].score):
        best, said = finding.label not in seen, judged.get((finding.label, finding.box))
        seen.add(finding.label)
        further = finding.label in flagged and finding.score >= limits.get(finding.label, 0.3)
        if best or further or said:
            denied = verdict(findings, finding.label) == "disagree"
            flag = finding.label in flagged and not denied
            boxes.append(_drawn_finding(f"m{number}", finding, said, flag) | {"denied": denied})
    own = [item for item in findings if item.status == "added" and item.box]
    return boxes + [_drawn_own(f"n{number}", item) for number, item in enumerate(own)]


def drawn_blind(findings: Findings) -> list[dict[str, Any]]:
    """The reader's own boxes, and nothing that a model said."""
    return [_drawn_own(f"n{number}", item) for number, item in enumerate(findings)]


def _drawn_finding(name: str, finding: Finding, said: FindingReview | None, flagged: bool) -> dict[str, Any]:
    status = ("gone" if said.status == "disagree" else said.status) if said else None
    place = said.box if said and said.box else finding.box
    box = [round(value, 1) for value in place.as_tuple()]
    facts = {"id": name, "label": finding.label, "score": finding.score, "box": box}
    return facts | {"flagged": flagged, "status": status, "fixed": finding.label not in LABELS}


def _drawn_own(name: str, item: FindingReview) -> dict[str, Any]:
    box = [round(value, 1) for value in item.box.as_tuple()] if item.box else []
    return {"id": name, "label": item.label, "score": None, "box": box, "flagged": True, "status": "added"}


def _standing(findings: Findings) -> set[str]:
    return {item.label for item in findings if item.box is not None}


def _in_order(items: Sequence[FindingReview]) -> Findings:
    verdicts = sorted((item for item in items if not is_place(item)), key=lambda item: LABELS.index(item.label))
    return (*verdicts, *(item for item in items if is_place(item)))
