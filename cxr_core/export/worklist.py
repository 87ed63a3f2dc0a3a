"""The whole worklist as a CSV file, refused films and all: the columns of the flagged table, then what else is known.

In: rows in queue order. Out: a stream of rows; ``read_worklist`` gives the same WorkRows again. Columns:

    those of export/table.py, then requested_priority review_version signed_at reviewer_role reviewed_findings
    fever cough spo2 contact pcr
    and with identity: reviewer impression context_age context_sex, and one for each field of Identity

Without identity, which is the default, nothing leaves that a person typed or that a header says of the patient. File
names, comments and impressions may hold names: a film is called by its digest, and free texts stay empty. What remains
is a pseudonym all the same: whoever holds the film can find its row by the digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, BinaryIO

from cxr_core.export import cells, table
from cxr_core.export.table import Row, TableRow
from cxr_core.records import Context, FindingReview, Identity, Screening

_MORE = ("requested_priority", "review_version", "signed_at", "reviewer_role", "reviewed_findings")
_CONTEXT = ("fever", "cough", "spo2", "contact", "pcr")
_NAMED = ("reviewer", "impression", "context_age", "context_sex")
_IDENTITY = tuple(spec.name for spec in fields(Identity) if spec.name not in ("view", "priority"))

COLUMNS = (*table.COLUMNS, *_MORE, *_CONTEXT)
COLUMNS_WITH_IDENTITY = (*COLUMNS, *_NAMED, *_IDENTITY)


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A line of the worklist, as its reader gets it; ``identity`` is None where it was left out."""

    row: TableRow
    requested_priority: str
    review_version: int | None
    signed_at: datetime | None
    reviewer_role: str
    reviewed_findings: tuple[str, ...]
    fever: bool | None
    cough: bool | None
    spo2: float | None
    contact: bool | None
    pcr: str
    reviewer: str = ""
    impression: str = ""
    context_age: float | None = None
    context_sex: str = ""
    identity: Mapping[str, str] | None = None


def write_worklist(
    stream: BinaryIO, rows: Iterable[Row], thresholds: Mapping[str, float], *, identity: bool = False
) -> int:
    """Write every row as it comes; gives their number."""
    table.check(thresholds)
    columns = COLUMNS_WITH_IDENTITY if identity else COLUMNS
    return cells.write(stream, columns, (_values(work_row(row, thresholds, identity=identity)) for row in rows))


def read_worklist(data: bytes) -> tuple[WorkRow, ...]:
    """The rows of a table written by ``write_worklist``; RecordError says what does not fit."""
    lines = list(cells.read(data, (COLUMNS, COLUMNS_WITH_IDENTITY)))
    rows = table.parsed(lines)
    return tuple(_parse(row, line) for row, line in zip(rows, lines, strict=True))


def work_row(row: Row, thresholds: Mapping[str, float], *, identity: bool = False) -> WorkRow:
    """The line that ``write_worklist`` writes for a row."""
    screening, review = row.ranked.screening, row.review
    line = table.table_row(row, thresholds)
    known = screening.identity
    context = (review.context if review else None) or Context()
    made = WorkRow(
        row=line,
        requested_priority=known.priority if known else "",
        review_version=review.version if review else None,
        signed_at=review.signed_at if review else None,
        reviewer_role=review.role if review else "",
        reviewed_findings=tuple(map(_told, review.findings)) if review else (),
        **{name: getattr(context, name) for name in _CONTEXT},
    )
    if not identity:
        return replace(made, row=replace(line, file=anonymous_name(screening), reviewer_comment=""))
    return replace(
        made,
        reviewer=review.reader if review else "",
        impression=review.impression if review else "",
        context_age=context.age,
        context_sex=context.sex,
        identity={name: getattr(known, name) if known else "" for name in _IDENTITY},
    )


def anonymous(row: Row) -> Row:
    """The row without what names somebody, for the table of flagged films."""
    screening = replace(row.ranked.screening, file=anonymous_name(row.ranked.screening), identity=None)
    review = replace(row.review, comment="") if row.review else None
    return replace(row, ranked=replace(row.ranked, screening=screening), review=review)


def anonymous_name(screening: Screening) -> str:
    """What a film is called without identity: the front of its digest and its kind's ending, nothing of its name."""
    ending = {"dicom": ".dcm", "png": ".png", "jpeg": ".jpg", "tiff": ".tif", "bmp": ".bmp"}
    kind = screening.image.source if screening.image else ""
    return f"{screening.sha256[:16] or 'unread'}{ending.get(kind, '')}"


def _told(item: FindingReview) -> str:
    """One thing that was said, for people: ``Nodule agree [410.5,820,502,914]``."""
    place = item.box or item.model_box
    where = f" [{','.join(f'{value:g}' for value in place.as_tuple())}]" if place else ""
    return f"{item.label} {item.status}{where}"


def _values(row: WorkRow) -> list[Any]:
    """Cells in the order of the columns."""
    named = [] if row.identity is None else [*(getattr(row, name) for name in _NAMED), *row.identity.values()]
    return [*table.values(row.row), *(getattr(row, name) for name in (*_MORE, *_CONTEXT)), *named]


def _parse(row: TableRow, line: Mapping[str, str]) -> WorkRow:
    read = {name: _READERS.get(name, str)(line[name]) for name in (*_MORE, *_CONTEXT, *_NAMED) if name in line}
    named = {name: line[name] for name in _IDENTITY} if _IDENTITY[0] in line else None
    return WorkRow(row=row, identity=named, **read)


def _flag(text: str) -> bool | None:
    return text == "1" if text else None


def _number(text: str) -> float | None:
    return float(text) if text else None


_READERS: dict[str, cells.Reader] = {
    "review_version": cells.whole,
    "signed_at": cells.time,
    "reviewed_findings": cells.several,
    "fever": _flag,
    "cough": _flag,
    "contact": _flag,
    "spo2": _number,
    "context_age": _number,
}
