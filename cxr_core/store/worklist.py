"""The whole worklist as columns, and entries for the few rows that are shown.

In: a models key. Out: Columns, numpy arrays with a row an image, in order of arrival; names and entries by row. A
second look costs one query where nothing has changed, and otherwise what has changed: the audit trail's last number
tells. All that ranks stands in one index of the database, so that no payload is touched. This module ranks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Executable, case, func, select
from sqlalchemy.orm import Session

from cxr_core.store.audit import AuditRow
from cxr_core.store.lines import LINES, Entry, Reviews, entry_of
from cxr_core.store.packing import REQUESTED, unpacked
from cxr_core.store.part import Part
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.reviews import reviews_of
from cxr_core.store.study_rows import StudyRow
from cxr_core.store.tables import ImageRow, ScreeningRow

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_AT_ONCE = 400
"""Keys in one query; a database takes some thousands of parameters at most."""

_MOST_CHANGES = 5 * _AT_ONCE
"""From so many changed images on, reading all anew is as quick."""

_REFUSED, _DOUBTFUL, _SYNTHETIC, _REQUESTED = 1, 2, 4, 8  # parts of ``_MARKS``


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """N images in order of arrival, each as the preferred models saw it, else at its latest.

    ``ids`` number the images in the database; ``received`` UTC, microseconds; ``scores`` (N, 9) in the order of LABELS,
    NaN where refused; ``requested`` 2 STAT, 1 HIGH, 0; ``models`` indexes ``made_by``, the models keys, of which the
    first is the preferred; ``read``: a person decided on this very result; ``thresholds`` (N, 9) those that it was read
    with, NaN where unread or unkept. ``seen`` numbers the last change that is in it.
    """

    seen: int
    made_by: tuple[str, ...]
    ids: Ints
    received: npt.NDArray[np.datetime64]
    models: Ints
    scores: npt.NDArray[np.float64]
    refused: Bools
    doubtful: Bools
    requested: Ints
    read: Bools
    thresholds: npt.NDArray[np.float64]
    synthetic: Bools

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def preferred(self) -> str:
        """The models key that was asked for."""
        return self.made_by[0]

    @property
    def outdated(self) -> Bools:
        """(N,) screened by other models than the preferred ones."""
        return np.asarray((self.models != 0) & ~self.refused)


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """How the images of Columns are called, row by row: ``keys`` in the store, ``searched`` what people look for.

    ``searched``: file, patient ID and accession number, in lower case; never the patient's name. ``seen`` as Columns.
    """

    seen: int
    ids: Ints
    keys: npt.NDArray[np.object_]
    searched: npt.NDArray[np.object_]


class WorklistPart(Part):
    """The worklist of many images."""

    def worklist(self, models_key: str, known: Columns | None = None) -> Columns:
        """Every image in the worklist; ``known`` is an earlier answer, which is brought up to date or given back."""

        def read(session: Session) -> Columns:
            seen = session.scalar(select(func.max(AuditRow.seq))) or 0
            if known is not None and known.preferred == models_key and known.seen <= seen:
                if known.seen == seen:
                    return known
                touched = _touched(session, known.seen)
                if touched is not None:
                    return _merged(known, touched, _columns(session, seen, models_key, touched))
            return _columns(session, seen, models_key)

        return self._database.read(read)

    def names(self, columns: Columns, known: Names | None = None) -> Names:
        """What the rows of Columns are called; ``known`` is an earlier answer, for these columns or others."""
        if known is not None and known.seen == columns.seen and known.ids is columns.ids:
            return known

        def read(session: Session) -> tuple[Ints, list[tuple[Any, ...]]]:
            changed = _touched(session, known.seen) if known is not None else None
            if known is None or changed is None:
                return np.zeros(0, np.int64), _fetched(session, _NAMES)
            old = known.ids[~np.isin(known.ids, changed)]
            new = columns.ids[~np.isin(columns.ids, old)]
            parts = (_fetched(session, _NAMES.where(ImageRow.id.in_(part))) for part in _parts(new.tolist()))
            return old, [row for part in parts for row in part]

        kept, rows = self._database.read(read)
        rows.sort(key=itemgetter(3))
        ids = np.array([row[0] for row in rows], np.int64)
        keys, searched = _objects(row[1] for row in rows), _objects(row[2] for row in rows)
        if known is not None and len(kept):
            at = np.isin(known.ids, kept)
            ids = np.concatenate((ids, known.ids[at]))
            keys = np.concatenate((keys, known.keys[at]))
            searched = np.concatenate((searched, known.searched[at]))
        return Names(columns.seen, columns.ids, _aligned(columns.ids, ids, keys), _aligned(columns.ids, ids, searched))

    def row_of(self, columns: Columns, key: str) -> int | None:
        """The row of an image, or None."""
        number = self._database.read(lambda session: session.scalar(select(ImageRow.id).where(ImageRow.key == key)))
        found = np.flatnonzero(columns.ids == (-1 if number is None else number))
        return int(found[0]) if len(found) else None

    def entries_at(self, columns: Columns, rows: Sequence[int] | Ints) -> tuple[Entry | None, ...]:
        """The entries of these rows, as ``entry`` gives each; None for one that has gone since."""
        wanted = columns.ids[np.asarray(rows, np.int64)].tolist()

        def read(session: Session) -> dict[int, Entry]:
            found: dict[int, Any] = {}
            reviews: Reviews = {}
            for part in _parts(wanted):
                for line in session.execute(LINES.where(ImageRow.id.in_(part))):
                    held = found.get(line.image_id)
                    if held is None or columns.preferred == line.models_key or held.models_key != columns.preferred:
                        found[line.image_id] = line
                reviews |= reviews_of(session, ImageRow.id.in_(part))
            return {number: entry_of(line, reviews) for number, line in found.items()}

        entries = self._database.read(read) if wanted else {}
        return tuple(entries.get(number) for number in wanted)


def _flag(condition: Any, value: int) -> ColumnElement[int]:
    return case((condition, value), else_=0)


_MARKS = (
    _flag(ScreeningRow.status == "refused", _REFUSED)
    + _flag(ScreeningRow.doubtful, _DOUBTFUL)
    + _flag(ImageRow.synthetic, _SYNTHETIC)
    + ScreeningRow.requested * _REQUESTED
)
_ROWS = (
    select(ImageRow.id, ImageRow.received_at, _MARKS, ScreeningRow.scores)
    .join(ScreeningRow, ScreeningRow.image_id == ImageRow.id)
    .where(ImageRow.removed_at.is_(None))
)
_READ = (
    select(ReviewRow.image_id, ScreeningRow.models_key, ReviewRow.thresholds)
    .join(ScreeningRow, (ScreeningRow.image_id == ReviewRow.image_id) & (ScreeningRow.result == ReviewRow.about))
    .where(ReviewRow.latest, (ReviewRow.decision != "none") | ReviewRow.signed_at.is_not(None))
)
_ASKED = select(ImageRow.id, StudyRow.requested_priority).join(StudyRow, StudyRow.id == ImageRow.study_id)
_ASKED = _ASKED.where(StudyRow.requested_priority.in_(REQUESTED))
_NAMES = (
    select(ImageRow.id, ImageRow.key, ScreeningRow.searched, ScreeningRow.id)
    .join(ScreeningRow, ScreeningRow.image_id == ImageRow.id)
    .where(ImageRow.removed_at.is_(None))
)


def _fetched(session: Session, rows: Executable) -> list[tuple[Any, ...]]:
    """The rows as the driver gives them: SQLAlchemy's own would take as long again for 100,000 of them."""
    result = session.connection().execute(rows)
    return list(result.cursor.fetchall()) if result.cursor is not None else []


def _columns(session: Session, seen: int, preferred: str, only: Ints | None = None) -> Columns:
    """Columns of all images, or of ``only`` these numbers."""

    def rows(statement: Any, column: Any) -> list[tuple[Any, ...]]:
        if only is None:
            return _fetched(session, statement)
        parts = (_fetched(session, statement.where(column.in_(part))) for part in _parts(only.tolist()))
        return [row for part in parts for row in part]

    this = ScreeningRow.models_key == preferred
    mine = rows(_ROWS.where(this), ImageRow.id)
    judged = rows(_READ.where(this), ReviewRow.image_id)
    # Not "!=": the two ranges of the index beside this key are empty as a rule, and cost nothing then.
    beside = (ScreeningRow.models_key < preferred) | (ScreeningRow.models_key > preferred)
    by_time = _ROWS.add_columns(ScreeningRow.models_key, ScreeningRow.screened_at, ScreeningRow.id).where(beside)
    others = sorted(rows(by_time, ImageRow.id), key=itemgetter(5, 6))
    known = {row[0] for row in mine} if others else set()
    latest = {row[0]: row for row in others if row[0] not in known}
    judged += rows(_READ.where(beside), ReviewRow.image_id) if latest else []
    made_by = tuple(dict.fromkeys((preferred, *(row[4] for row in latest.values()))))
    index = {name: number for number, name in enumerate(made_by)}
    both = [*mine, *latest.values()]
    ids = np.fromiter((row[0] for row in both), np.int64, len(both))
    received = np.array([row[1] for row in both], "datetime64[us]")
    marks = np.fromiter((row[2] for row in both), np.int64, len(both))
    models = np.zeros(len(both), np.int64)
    models[len(mine) :] = [index[row[4]] for row in latest.values()]
    order = np.lexsort((ids, received))
    ids, marks, models = ids[order], marks[order], models[order]
    requested = np.maximum(marks // _REQUESTED, _asked(rows(_ASKED, ImageRow.id), ids))
    read, thresholds = _judged(judged, ids, models, index)
    return Columns(
        seen=seen,
        made_by=made_by,
        ids=ids,
        received=received[order],
        models=models,
        scores=unpacked([row[3] for row in both])[order],
        refused=marks & _REFUSED != 0,
        doubtful=marks & _DOUBTFUL != 0,
        requested=requested,
        read=read,
        thresholds=thresholds,
        synthetic=marks & _SYNTHETIC != 0,
    )


def _asked(rows: list[tuple[Any, ...]], ids: Ints) -> Ints:
    """How urgently the study of each image was asked for."""
    asked = np.zeros(len(ids), np.int64)
    by_id = {row[0]: REQUESTED[row[1]] for row in rows}
    for place, number in _places(ids, by_id):
        asked[place] = by_id[number]
    return asked


def _judged(
    rows: list[tuple[Any, ...]], ids: Ints, models: Ints, index: dict[str, int]
) -> tuple[Bools, npt.NDArray[np.float64]]:
    """Which of the shown results a person has decided on, and the thresholds that were kept with it."""
    read, kept = np.zeros(len(ids), bool), np.full((len(ids), 9), np.nan)
    if not rows or not len(ids):
        return read, kept
    numbers = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    made = np.fromiter((index.get(row[1], -1) for row in rows), np.int64, len(rows))
    order = np.argsort(ids)
    places = order[np.minimum(np.searchsorted(ids[order], numbers), len(ids) - 1)]
    mine = (ids[places] == numbers) & (models[places] == made)
    read[places[mine]] = True
    kept[places[mine]] = unpacked([row[2] for row in rows])[mine]
    return read, kept


def _places(ids: Ints, wanted: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Where the wanted numbers stand in ``ids``, and the number; those that are not there are left out."""
    numbers = np.fromiter(wanted, np.int64)
    places = np.flatnonzero(np.isin(ids, numbers))
    return zip(places.tolist(), ids[places].tolist(), strict=True)


def _objects(values: Iterable[str]) -> npt.NDArray[np.object_]:
    return np.array([*values, None], object)[:-1]  # None keeps numpy from making a table of texts


def _aligned(wanted: Ints, ids: Ints, values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """The values of ``ids`` in the order of ``wanted``; the last of several; "" where an image has gone since."""
    whole = np.full(len(wanted), "", object)
    if len(ids):
        order = np.argsort(ids, kind="stable")
        at = np.searchsorted(ids[order], wanted, side="right") - 1
        found = (at >= 0) & (ids[order][np.maximum(at, 0)] == wanted)
        whole[found] = values[order][at[found]]
    return whole


def _touched(session: Session, since: int) -> Ints | None:
    """Numbers of the images that changed since that place in the audit trail, with the others of their studies.

    None if that cannot be told, or is as long as everything. A request for one film is one for its study.
    """
    rows = select(AuditRow.action, AuditRow.subject).where(AuditRow.seq > since).limit(_MOST_CHANGES + 1)
    changes = session.execute(rows).all()
    if len(changes) > _MOST_CHANGES or any(change.action == "erased" for change in changes):
        return None
    keys = list({change.subject for change in changes if change.action in _CHANGES})
    found: set[int] = set()
    for part in _parts(keys):
        studies = select(ImageRow.study_id).where(ImageRow.key.in_(part), ImageRow.study_id.is_not(None))
        found |= set(session.scalars(select(ImageRow.id).where(ImageRow.key.in_(part))))
        found |= set(session.scalars(select(ImageRow.id).where(ImageRow.study_id.in_(studies))))
    return np.array(sorted(found), np.int64)


_CHANGES = frozenset({"screened", "overruled", "reviewed", "signed", "removed", "restored"})
"""Actions whose subject is the key of an image that may now look different in the worklist."""


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _merged(known: Columns, touched: Ints, fresh: Columns) -> Columns:
    """The known images less those that changed, and these as they are now."""
    keep = ~np.isin(known.ids, touched)
    made_by = tuple(dict.fromkeys((*known.made_by, *fresh.made_by)))
    renumber = np.array([made_by.index(name) for name in fresh.made_by], np.int64)
    parts = {name: (getattr(known, name)[keep], getattr(fresh, name)) for name in _ARRAYS}
    parts["models"] = (known.models[keep], renumber[fresh.models])
    joined = {name: np.concatenate(both) for name, both in parts.items()}
    order = np.lexsort((joined["ids"], joined["received"]))
    arrays = {name: values[order] for name, values in joined.items()}
    return Columns(seen=fresh.seen, made_by=made_by, **arrays)


_ARRAYS = (
    "ids", "received", "models", "scores", "refused", "doubtful", "requested", "read", "thresholds", "synthetic",
)  # fmt: skip
