"""Records to and from the JSON-line contract of docs/integration.md; the round trip is exact.

In: a Screening, or a Ranked one. Out: plain dicts that ``json.dumps(..., allow_nan=False)`` writes, and back.
Assessments are consequences of thresholds, so reading a line gives the Screening alone. This module knows no file and
no database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cxr_core.errors import RecordError
from cxr_core.records import (
    LABELS,
    Box,
    Finding,
    Identity,
    ImageFacts,
    ModelRef,
    Notice,
    Opinion,
    Ranked,
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


def _opinion_to_json(opinion: Opinion) -> dict[str, Any]:
    ref = opinion.model
    return {"model": ref.name, "version": ref.version, "sha256": ref.sha256, "scores": dict(opinion.scores)}


def _opinion(item: Mapping[str, Any]) -> Opinion:
    return Opinion(ModelRef(item["model"], item["version"], item["sha256"]), item["scores"])
