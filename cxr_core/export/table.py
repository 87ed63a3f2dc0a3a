"""The worklist as a CSV file: one row an image (RFC 4180, UTF-8 with BOM, CRLF), and back.

In: ranked screenings with their times and reviews, and the thresholds they were judged by. Out: bytes; ``read_csv``
gives the same TableRows again. Columns:

    file sha256 status refusal_code received_at screened_at rank urgency priority flagged reasons width height view
    score_<label> flag_<label> threshold_<label>       for each of LABELS; score and flag are empty where refused
    reviewer_decision reviewer_comment reviewed_at models
    ensemble_<label>       for each of LABELS; empty where no second opinion answers for the label
    opinions

``opinions`` holds a text for each second opinion, ``name version sha256:...: label score, label score``. A table from
before there were second opinions, which ends at ``models``, is read too.

Times are ISO 8601 with offset, flags 1 or 0, labels and models are joined by "; ". Text is quoted, numbers are not; no
text runs as a formula (cells.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from cxr_core.errors import RecordError
from cxr_core.export import cells
from cxr_core.records import LABELS, Opinion, Ranked, Review
from cxr_core.voices import ensemble

_HEAD = (
    "file", "sha256", "status", "refusal_code", "received_at", "screened_at", "rank", "urgency", "priority", "flagged",
    "reasons", "width", "height", "view",
)  # fmt: skip
_TAIL = ("reviewer_decision", "reviewer_comment", "reviewed_at", "models")
_BEFORE = (*_HEAD, *(f"{kind}_{label}" for label in LABELS for kind in ("score", "flag", "threshold")), *_TAIL)
COLUMNS = (*_BEFORE, *(f"ensemble_{label}" for label in LABELS), "opinions")


@dataclass(frozen=True, slots=True)
class Row:
    """What a line of the table is made of.

    ``ranked`` was judged by ``thresholds``, which a film keeps once it was read; None: by those given to ``to_csv``.
    """

    ranked: Ranked
    received_at: datetime | None = None
    screened_at: datetime | None = None
    review: Review | None = None
    thresholds: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class LabelCells:
    """Score, flag and threshold of one label; score and flag are None for a refused image."""

    score: float | None
    flag: bool | None
    threshold: float


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line of the table, as its reader gets it."""

    file: str
    sha256: str
    status: str
    refusal_code: str
    received_at: datetime | None
    screened_at: datetime | None
    rank: int
    urgency: str
    priority: float
    flagged: tuple[str, ...]
    reasons: str
    width: int | None
    height: int | None
    view: str
    labels: Mapping[str, LabelCells]
    reviewer_decision: str
    reviewer_comment: str
    reviewed_at: datetime | None
    models: tuple[str, ...]
    ensemble: Mapping[str, float]
    opinions: tuple[str, ...]


def to_csv(rows: Iterable[Row], thresholds: Mapping[str, float], *, only_flagged: bool = False) -> bytes:
    """The table in the order given; ``only_flagged`` leaves out rows without a flag (refused ones too)."""
    stream = io.BytesIO()
    write_csv(stream, rows, thresholds, only_flagged=only_flagged)
    return stream.getvalue()


def write_csv(
    stream: BinaryIO, rows: Iterable[Row], thresholds: Mapping[str, float], *, only_flagged: bool = False
) -> int:
    """As ``to_csv``, into a file, row by row; gives the number of rows."""
    check(thresholds)
    chosen = (row for row in rows if row.ranked.assessment.flagged or not only_flagged)
    return cells.write(stream, COLUMNS, (values(table_row(row, thresholds)) for row in chosen))


def check(thresholds: Mapping[str, float]) -> None:
    """RecordError if a label has no threshold."""
    missing = [label for label in LABELS if label not in thresholds]
    if missing:
        raise RecordError(f"no threshold for {', '.join(missing)}")


def read_csv(data: bytes) -> tuple[TableRow, ...]:
    """The rows of a table written by ``to_csv``; RecordError says what does not fit."""
    return parsed(cells.read(data, (COLUMNS, _BEFORE)))


def parsed(lines: Iterable[Mapping[str, str]]) -> tuple[TableRow, ...]:
    """Rows of texts by column -> rows of the table; RecordError if a cell is not what its column holds."""
    try:
        return tuple(map(_parse, lines))
    except ValueError as exc:
        raise RecordError(f"not a table of this product: {exc}") from exc


def table_row(row: Row, thresholds: Mapping[str, float]) -> TableRow:
    """The line that ``to_csv`` writes for a row."""
    screening, assessment, review = row.ranked.screening, row.ranked.assessment, row.review
    image, used = screening.image, row.thresholds or thresholds
    return TableRow(
        file=screening.file,
        sha256=screening.sha256,
        status=screening.status,
        refusal_code=screening.refusal.code if screening.refusal else "",
        received_at=row.received_at,
        screened_at=row.screened_at,
        rank=row.ranked.rank,
        urgency=assessment.urgency,
        priority=assessment.priority,
        flagged=assessment.flagged,
        reasons=" ".join(assessment.reasons),
        width=image.width if image else None,
        height=image.height if image else None,
        view=(image.view or "") if image else "",
        labels={label: _label_cells(row.ranked, label, used[label]) for label in LABELS},
        reviewer_decision=review.decision if review else "",
        reviewer_comment=review.comment if review else "",
        reviewed_at=review.reviewed_at if review else None,
        models=tuple(f"{ref.name} {ref.version} sha256:{ref.sha256}" for ref in screening.models),
        ensemble={label: round(value, 6) for label, value in ensemble(screening).items()},
        opinions=tuple(map(_opinion, screening.opinions)),
    )


def _opinion(opinion: Opinion) -> str:
    said = ", ".join(f"{label} {score:.6f}" for label, score in opinion.scores.items())
    return f"{opinion.model.name} {opinion.model.version} sha256:{opinion.model.sha256}: {said}"


def _label_cells(ranked: Ranked, label: str, threshold: float) -> LabelCells:
    score = ranked.screening.scores.get(label)
    return LabelCells(score, None if score is None else label in ranked.assessment.flagged, threshold)


def values(row: TableRow) -> list[Any]:
    """Cells in the order of COLUMNS."""
    head = [getattr(row, name) for name in _HEAD]
    labels = [row.labels[label] for label in LABELS]
    tail = [getattr(row, name) for name in _TAIL]
    together = [row.ensemble.get(label) for label in LABELS]
    return [*head, *(v for c in labels for v in (c.score, c.flag, c.threshold)), *tail, *together, row.opinions]


def _parse(line: Mapping[str, str]) -> TableRow:
    values = {name: _READERS.get(name, str)(line[name]) for name in (*_HEAD, *_TAIL)}
    together = {label: line.get(f"ensemble_{label}", "") for label in LABELS}
    return TableRow(
        **values,
        labels={label: _parse_label(line, label) for label in LABELS},
        ensemble={label: float(text) for label, text in together.items() if text},
        opinions=cells.several(line.get("opinions", "")),
    )


def _parse_label(line: Mapping[str, str], label: str) -> LabelCells:
    score, flag = line[f"score_{label}"], line[f"flag_{label}"]
    return LabelCells(
        score=float(score) if score else None,
        flag=flag == "1" if flag else None,
        threshold=float(line[f"threshold_{label}"]),
    )


_READERS: dict[str, cells.Reader] = {
    "received_at": cells.time,
    "screened_at": cells.time,
    "reviewed_at": cells.time,
    "rank": int,
    "priority": float,
    "width": cells.whole,
    "height": cells.whole,
    "flagged": cells.several,
    "models": cells.several,
}
