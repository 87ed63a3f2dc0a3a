"""Cells of a CSV table that a spreadsheet opens without harm, and the way back.

In: a value. Out: a number that stays a number, or a text that is never run. A text that a spreadsheet would take for a
formula gets an apostrophe in front (OWASP, "CSV Injection"), which ``plain`` takes off. This module knows no column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from cxr_core.errors import RecordError

JOIN = "; "
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four: full-width, which Excel takes for = + - @
_CHUNK = 200
"""Rows that are written at once: a table of a hundred thousand films never stands in memory whole."""


def cell(value: Any) -> str | int | float:
    """None empty, flags 1 or 0, times ISO 8601, several texts joined by "; ", text made safe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return neutral(JOIN.join(value) if isinstance(value, tuple) else str(value))


def neutral(text: str) -> str:
    """One more apostrophe before a formula, however many are there already, so that ``plain`` can undo it."""
    return "'" + text if text.lstrip("'").startswith(_FORMULA) else text


def plain(text: str) -> str:
    """The text that ``neutral`` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text


def write(stream: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a table as it comes, a few rows at a time: RFC 4180, UTF-8 with BOM, CRLF; gives the number of rows."""
    count = 0
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    stream.write(b"\xef\xbb\xbf")
    writer.writerow(columns)
    for count, values in enumerate(rows, 1):
        writer.writerow([cell(value) for value in values])
        if count % _CHUNK == 0:
            _flush(text, stream)
    _flush(text, stream)
    return count


def read(data: bytes, headers: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    """The rows of a table whose first row is one of ``headers``, by column; RecordError if it is none of them."""
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = tuple(next(lines, []))
        if header not in set(map(tuple, headers)):
            wanted = " or ".join(str(len(item)) for item in headers)
            raise RecordError(f"the first row must name the {wanted} columns of this table, got {len(header)}")
        for line in lines:
            yield dict(zip(header, map(plain, line), strict=True))
    except (ValueError, csv.Error) as exc:
        raise RecordError(f"not a table of this product: {exc}") from exc


def time(text: str) -> datetime | None:
    """A time, or None of an empty cell."""
    return datetime.fromisoformat(text) if text else None


def whole(text: str) -> int | None:
    """A whole number, or None of an empty cell."""
    return int(text) if text else None


def several(text: str) -> tuple[str, ...]:
    """Texts that were joined."""
    return tuple(text.split(JOIN)) if text else ()


def _flush(text: io.StringIO, stream: BinaryIO) -> None:
    # A file name with bytes that are no UTF-8 holds lone surrogates; it must not cost the whole table.
    stream.write(text.getvalue().encode("utf-8", "backslashreplace"))
    text.seek(0)
    text.truncate()


Reader = Callable[[str], Any]
