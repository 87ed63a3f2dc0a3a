"""Many rows in one: the database joins each column into one value, which numpy takes apart again.

In: a select, and the kind of each of its columns. Out: an array a column, a row each, in whatever order. A driver makes
several objects a row, which for 100,000 rows takes longer than all that is then done with them. One value holds at most
1 GB, in SQLite and in PostgreSQL: some millions of rows. This module knows no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import BigInteger, ColumnElement, LargeBinary, Select, case, cast, func, literal
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.store.packing import BYTES, NOTHING, NUMBERS

Array = npt.NDArray[Any]
Kind = Literal["number", "flag", "instant", "nine", "digest", "text"]
"""int64, bool, datetime64[us], (N, 9) float64 as packing.py packs them, S64, str objects.

Only ``nine`` may be NULL: NaN then. What is no SHA-256 in hexadecimal by its length is a blank ``digest``.
"""

BINARY = "cxr_binary"
"""The execution option that has PostgreSQL send bytes as they are, not in hexadecimal (store/database.py)."""

_BETWEEN = "\x1f"  # "unit separator"; nothing that the store keeps for searching holds a control character but "\n"

_DIGEST = 64


@dataclass(frozen=True, slots=True)
class _Way:
    """How a database joins a column, and how its value is taken apart; no value where there are no rows."""

    joined: Callable[[Any], ColumnElement[Any]]
    apart: Callable[[Any], Array]


def gathered(session: Session, rows: Select[*tuple[Any, ...]], *kinds: Kind) -> tuple[Array, ...]:
    """The columns of ``rows``, which are of these kinds.

    All are joined in one pass, so that the values of one row have one place in all arrays.
    """
    ways = [_WAYS[session.get_bind().dialect.name][kind] for kind in kinds]
    columns = [way.joined(column) for way, column in zip(ways, rows.selected_columns, strict=True)]
    values = session.execute(rows.with_only_columns(*columns), execution_options={BINARY: True}).one()
    arrays = tuple(way.apart(value) for way, value in zip(ways, values, strict=True))
    if len({len(array) for array in arrays}) > 1:
        # A name with the separator in it must not put other films' names beside a film.
        raise StoreError("the database holds a text with a control character, which this program never writes")
    return arrays


def _whole(column: Any) -> ColumnElement[Any]:
    return func.coalesce(column, literal(NOTHING, LargeBinary))


def _digest(column: Any) -> ColumnElement[Any]:
    return func.aggregate_strings(case((func.length(column) == _DIGEST, column), else_=" " * _DIGEST), "")


def _bytes(column: Any) -> ColumnElement[Any]:
    return func.string_agg(column, literal(b"", LargeBinary), type_=LargeBinary)


def _instants(raw: bytes | None) -> Array:
    return np.datetime64("2000-01-01", "us") + np.frombuffer(raw or b"", ">i8").astype("timedelta64[us]")


def _nine(raw: bytes | None) -> Array:
    numbers = np.frombuffer(raw or b"", NUMBERS)
    return numbers.reshape(-1, BYTES // NUMBERS.itemsize).astype(np.float64, copy=False)


def _texts(raw: str | None) -> Array:
    return objects(raw.split(_BETWEEN) if raw is not None else ())


def objects(values: Iterable[str]) -> npt.NDArray[np.object_]:
    """An array of texts."""
    return np.array([*values, None], object)[:-1]  # None keeps numpy from making a table of texts


_HEX = _Way(_digest, lambda raw: np.frombuffer((raw or "").encode(), f"S{_DIGEST}"))
_TEXT = _Way(lambda column: func.aggregate_strings(column, _BETWEEN), _texts)
_WAYS: dict[str, dict[Kind, _Way]] = {
    "sqlite": {
        "number": _Way(func.group_concat, lambda raw: np.fromstring(raw or "", np.int64, sep=",")),
        "flag": _Way(
            lambda column: func.group_concat(column, ""), lambda raw: np.frombuffer((raw or "").encode(), "S1") == b"1"
        ),
        "instant": _Way(func.group_concat, lambda raw: np.array(raw.split(",") if raw else [], "datetime64[us]")),
        "nine": _Way(
            lambda column: func.group_concat(func.hex(_whole(column)), ""), lambda raw: _nine(bytes.fromhex(raw or ""))
        ),
        "digest": _HEX,
        "text": _TEXT,
    },
    # PostgreSQL's own binary form of a number and an instant: 8 bytes each, the latter microseconds from 2000 on.
    "postgresql": {
        "number": _Way(
            lambda column: _bytes(func.int8send(cast(column, BigInteger))),
            lambda raw: np.frombuffer(raw or b"", ">i8").astype(np.int64),
        ),
        "flag": _Way(
            lambda column: _bytes(func.boolsend(column)), lambda raw: np.frombuffer(raw or b"", np.bool_).copy()
        ),
        "instant": _Way(lambda column: _bytes(func.timestamp_send(column)), _instants),
        "nine": _Way(lambda column: _bytes(_whole(column)), _nine),
        "digest": _HEX,
        "text": _TEXT,
    },
}
