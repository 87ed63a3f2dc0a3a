"""Records to and from the JSON-line contract of docs/integration.md; the round trip is exact.

In: a Screening, a Ranked one, or a Review. Out: plain dicts that ``json.dumps(..., allow_nan=False)`` writes, and back.
Assessments are consequences of thresholds, so reading a line gives the Screening alone. This module knows no file and
no database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cxr_core.errors import RecordError
from cxr_core.records import (
    LABELS,
    BlindRead,
    Box,
    Context,
    Finding,
    FindingReview,
    Identity,
    ImageFacts,
    ModelRef,
    Notice,
    Opinion,
    Ranked,
    Review,
    Screening,
    Seconds,
)
from cxr_core.voices import ensemble


def to_json(ranked: Ranked, *, opinions: bool = False) -> dict[str, Any]:
    """One object of the JSON-lines contract, its keys in the contract's order.

    ``opinions`` adds the keys "opinions" and "ensemble" at the end, for readers who ask for more than the contract.
    """
    line = screening_to_json(ranked.screening)
    seconds, asked = line.pop("seconds"), line.pop("opinions")
    together = {label: round(value, 6) for label, value in ensemble(ranked.screening).items()}
    assessment = ranked.assessment
    said = line | {
        "flagged": list(assessment.flagged),
        "urgency": assessment.urgency,
        "priority": assessment.priority,
        "rank": ranked.rank,
        "reasons": list(assessment.reasons),
        "seconds": seconds,
    }
    return said | {"opinions": asked, "ensemble": together} if opinions else said


def to_line(ranked: Ranked, *, opinions: bool = False) -> str:
    """One line of a JSON-lines file, with its line end; ASCII only, so that no reader trips over an encoding."""
    return json.dumps(to_json(ranked, opinions=opinions), allow_nan=False) + "\n"


def screening_to_json(screening: Screening, *, identity: bool = False) -> dict[str, Any]:
    """What the models said, without any threshold: the contract's object less the assessment's keys.

    ``identity`` adds whose film it is, for the store alone: a file of results does not name patients.
    """
    named = {"identity": asdict(screening.identity)} if identity and screening.identity else {}
    return named | {
        "file": screening.file,
        "sha256": screening.sha256,
        "status": screening.status,
        "refusal": asdict(screening.refusal) if screening.refusal else None,
        "warnings": [asdict(notice) for notice in screening.warnings],
        "image": asdict(screening.image) if screening.image else None,
        "models": [asdict(ref) for ref in screening.models],
        "scores": {label: screening.scores[label] for label in LABELS if label in screening.scores},
        "findings": [
            {"label": item.label, "score": item.score, "box": list(item.box.as_tuple())} for item in screening.findings
        ],
        "seconds": asdict(screening.seconds),
        "opinions": [_opinion_to_json(item) for item in screening.opinions],
    }


def from_json(line: Mapping[str, Any]) -> Screening:
    """The Screening of a parsed line, with or without its assessment; RecordError names what does not fit."""
    try:
        return Screening(
            file=line["file"],
            sha256=line["sha256"],
            status=line["status"],
            refusal=Notice(**line["refusal"]) if line["refusal"] else None,
            warnings=tuple(Notice(**item) for item in line["warnings"]),
            image=ImageFacts(**line["image"]) if line["image"] else None,
            models=tuple(ModelRef(**item) for item in line["models"]),
            scores=line["scores"],
            findings=tuple(Finding(item["label"], item["score"], Box(*item["box"])) for item in line["findings"]),
            seconds=Seconds(**line["seconds"]),
            opinions=tuple(_opinion(item) for item in line.get("opinions", ())),  # older lines have none
            identity=Identity(**line["identity"]) if line.get("identity") else None,
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise RecordError(f"not a screening: {type(exc).__name__}: {exc}") from exc


def review_to_json(review: Review) -> dict[str, Any]:
    """A review with all that it says, for the store and for files that may tell of patients."""
    blind = review.blind
    return {
        "decision": review.decision,
        "comment": review.comment,
        "reviewed_at": review.reviewed_at.isoformat(),
        "findings": [finding_review_to_json(item) for item in review.findings],
        "impression": review.impression,
        "context": asdict(review.context) if review.context else None,
        "reader": review.reader,
        "role": review.role,
        "blind": blind
        and {
            "findings": [finding_review_to_json(item) for item in blind.findings],
            "flagged": list(blind.flagged),
            "at": blind.at.isoformat(),
        },
        "signed_at": review.signed_at.isoformat() if review.signed_at else None,
        "version": review.version,
        "thresholds": dict(review.thresholds) if review.thresholds is not None else None,
        "preset": review.preset,
    }


def review_from_json(said: Mapping[str, Any]) -> Review:
    """The Review of a parsed object; RecordError names what does not fit."""
    try:
        blind, signed = said["blind"], said["signed_at"]
        return Review(
            decision=said["decision"],
            comment=said["comment"],
            reviewed_at=datetime.fromisoformat(said["reviewed_at"]),
            findings=tuple(map(finding_review_from_json, said["findings"])),
            impression=said["impression"],
            context=Context(**said["context"]) if said["context"] else None,
            reader=said["reader"],
            role=said["role"],
            blind=_blind(blind) if blind else None,
            signed_at=datetime.fromisoformat(signed) if signed else None,
            version=said["version"],
            thresholds=said["thresholds"],
            preset=said["preset"],
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise RecordError(f"not a review: {type(exc).__name__}: {exc}") from exc


def finding_review_to_json(item: FindingReview) -> dict[str, Any]:
    """One finding as a reader judged it; boxes as in a screening's findings, or null."""
    return {
        "label": item.label,
        "status": item.status,
        "box": list(item.box.as_tuple()) if item.box else None,
        "model_box": list(item.model_box.as_tuple()) if item.model_box else None,
        "score": item.score,
    }


def finding_review_from_json(item: Mapping[str, Any]) -> FindingReview:
    """As ``finding_review_to_json`` wrote it; RecordError, KeyError or TypeError if it is none."""
    box, model_box = (Box(*item[name]) if item[name] is not None else None for name in ("box", "model_box"))
    return FindingReview(item["label"], item["status"], box, model_box, item["score"])


def _blind(said: Mapping[str, Any]) -> BlindRead:
    findings = tuple(map(finding_review_from_json, said["findings"]))
    return BlindRead(findings, tuple(said["flagged"]), datetime.fromisoformat(said["at"]))


def _opinion_to_json(opinion: Opinion) -> dict[str, Any]:
    ref = opinion.model
    return {"model": ref.name, "version": ref.version, "sha256": ref.sha256, "scores": dict(opinion.scores)}


def _opinion(item: Mapping[str, Any]) -> Opinion:
    return Opinion(ModelRef(item["model"], item["version"], item["sha256"]), item["scores"])
