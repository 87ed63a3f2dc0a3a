"""The lines of reviews.jsonl, as the app exports them: one JSON object a film (docs/training.md, Feedback).

In: a file. Out: Reviewed records, or an error that names line and field. It opens no film. Comments are no part of the
format: free text may name a patient.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cxr_core.records import LABELS
from training.errors import BadBox, BadFile, MissingData, UnknownLabel

FORMAT = 1
STATUSES = ("agree", "disagree", "added")
DECISIONS = ("agree", "disagree", "none")
_FIELDS = frozenset(("format", "file", "sha256", "image", "decision", "findings", "reviewer", "reviewed_at", "models"))


@dataclass(frozen=True, slots=True)
class Said:
    """What a reader said of one finding; ``corners`` are pixels of the film, None where no place was given."""

    label: str
    status: str
    corners: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One line: a film and what was said of it. ``where`` names the line."""

    where: str
    file: str
    sha256: str
    width: int
    height: int
    said: tuple[Said, ...]
    role: str

    def truth(self) -> dict[str, int]:
        """1 for a finding that stands by at least one agreement or addition, 0 for one that was only disagreed with."""
        found: dict[str, int] = {}
        for item in self.said:
            found[item.label] = max(found.get(item.label, 0), int(item.status != "disagree"))
        return found


def parse(path: Path) -> list[Reviewed]:
    """Every line of a file; a DataError names line and field."""
    if not path.is_file():
        raise MissingData(f"there are no reviews at {path.name}")
    found: dict[str, Reviewed] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        item = _line(f"{path.name} line {number}", line)
        if item.sha256 in found:
            raise BadFile(f"{item.where}: the film of {found[item.sha256].where} again; keep one of the two")
        found[item.sha256] = item
    return list(found.values())


def _line(where: str, line: bytes) -> Reviewed:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BadFile(f"{where} is no JSON: {exc}") from exc
    if not isinstance(raw, dict):
        raise BadFile(f"{where}: expected an object")
    odd = sorted(set(raw) ^ _FIELDS)
    if odd:
        raise BadFile(f"{where}: field {odd[0]!r} is {'missing' if odd[0] in _FIELDS else 'not part of the format'}")
    _one_of(where, "format", raw["format"], (FORMAT,))
    _one_of(where, "decision", raw["decision"], DECISIONS)
    sha256 = _text(where, "sha256", raw["sha256"])
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise BadFile(f"{where}: sha256 must be 64 hexadecimal digits")
    _time(where, raw["reviewed_at"])
    _text(where, "models", raw["models"])
    width, height = (_side(where, _object(where, "image", raw["image"]), name) for name in ("width", "height"))
    if not isinstance(raw["findings"], list):
        raise BadFile(f"{where}: findings must be a list")
    said = tuple(_said(f"{where} findings[{index}]", item) for index, item in enumerate(raw["findings"]))
    role = _text(where, "reviewer.role", _object(where, "reviewer", raw["reviewer"]).get("role"))
    return Reviewed(where, _text(where, "file", raw["file"]), sha256, width, height, said, role)


def _said(where: str, raw: Any) -> Said:
    item = _object(where, "finding", raw)
    odd = sorted(set(item) - {"label", "status", "box"})
    if odd:
        raise BadFile(f"{where}: field {odd[0]!r} is not part of the format")
    label = item.get("label")
    if label not in LABELS:
        raise UnknownLabel(f"{where}.label: {label!r} is none of {', '.join(LABELS)}")
    _one_of(where, "status", item.get("status"), STATUSES)
    box = item.get("box")
    if box is None:
        return Said(label, item["status"], None)
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(value) for value in box):
        raise BadBox(f"{where}.box: expected [x1, y1, x2, y2] in pixels of the film, got {box!r}")
    x1, y1, x2, y2 = (float(value) for value in box)
    return Said(label, item["status"], (x1, y1, x2, y2))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def _object(where: str, name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadFile(f"{where}: {name} must be an object")
    return value


def _text(where: str, name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadFile(f"{where}: {name} must be a text that is not empty")
    return value


def _side(where: str, image: Mapping[str, Any], name: str) -> int:
    value = image.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadFile(f"{where}: image.{name} must be a whole number of pixels, got {value!r}")
    return value


def _one_of(where: str, name: str, value: Any, allowed: Sequence[Any]) -> None:
    if value not in allowed or isinstance(value, bool):
        raise BadFile(f"{where}: {name} must be {' or '.join(map(str, allowed))}, got {value!r}")


def _time(where: str, value: Any) -> None:
    try:
        aware = datetime.fromisoformat(_text(where, "reviewed_at", value)).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise BadFile(f"{where}: reviewed_at must be a time with its zone, as 2026-03-01T14:05:00+01:00, got {value!r}")
