"""The whole worklist as columns, and entries for the few rows that are shown.

In: a models key. Out: Columns, numpy arrays with a row an image, in order of arrival; and entries by key. A second look
costs one query where nothing has changed, and otherwise what has changed: the audit trail's last number says which.
This module ranks nothing and knows no threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Executable, and_, case, func, select
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

_AT_ONCE = 400
"""Keys in one query; a database takes some thousands of parameters at most."""

_MOST_CHANGES = 5 * _AT_ONCE
"""From so many changed images on, reading all anew is as quick."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """N images in order of arrival, each as the preferred models saw it, else at its latest.

    ``keys`` names them in the store; ``received`` UTC, microseconds; ``scores`` (N, 9) in the order of LABELS, NaN
    where refused; ``requested`` 2 STAT, 1 HIGH, 0; ``models`` indexes ``made_by``, the models keys; ``read``: a person
    decided on this very result; ``thresholds`` (N, 9) those that it was read with, NaN where unread or unkept;
    ``searched``: file, patient ID and accession, in lower case. ``seen`` numbers the last change that is in it.
    """

    seen: int
    preferred: str
    made_by: tuple[str, ...]
    keys: npt.NDArray[np.object_]
    ids: npt.NDArray[np.int64]
    received: npt.NDArray[np.datetime64]
    models: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    refused: Bools
    doubtful: Bools
    requested: npt.NDArray[np.int8]
    read: Bools
    thresholds: npt.NDArray[np.float64]
    synthetic: Bools
    searched: npt.NDArray[np.object_]
    _rows: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def row(self, key: str) -> int | None:
        """The row of an image, or None."""
        if len(self._rows) != len(self.keys):
            self._rows.update(zip(self.keys.tolist(), range(len(self.keys)), strict=True))
        return self._rows.get(key)

    @property
    def outdated(self) -> Bools:
        """(N,) screened by other models than the preferred ones."""
        mine = self.made_by.index(self.preferred) if self.preferred in self.made_by else -1
        return np.asarray((self.models != mine) & ~self.refused)


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
                if touched is not None and len(touched) <= _MOST_CHANGES:
                    return _merged(known, touched, _columns(_of(session, touched), seen, models_key))
            return _columns(_fetched(session, _ROWS), seen, models_key)

        return self._database.read(read)

    def entries_of(self, keys: Sequence[str], models_key: str | None = None) -> tuple[Entry, ...]:
        """The entries of these images, in this order, as ``entry`` gives each; those that are gone are left out."""

        def read(session: Session) -> dict[str, Entry]:
            found: dict[str, Any] = {}
            for part in _parts(keys):
                for line in session.execute(LINES.where(ImageRow.key.in_(part))):
                    held = found.get(line.key)
                    if held is None or line.models_key == models_key or held.models_key != models_key:
                        found[line.key] = line
            reviews: Reviews = {}
            for some in _parts([line.image_id for line in found.values()]):
                reviews |= reviews_of(session, ImageRow.id.in_(some))
            return {key: entry_of(line, reviews) for key, line in found.items()}

        entries = self._database.read(read) if keys else {}
        return tuple(entries[key] for key in keys if key in entries)


_ROWS = (
    select(
        ImageRow.id,
        ImageRow.key,
        ImageRow.received_at,
        ImageRow.synthetic,
        ScreeningRow.models_key,
        ScreeningRow.status,
        ScreeningRow.scores,
        ScreeningRow.doubtful,
        ScreeningRow.requested,
        ScreeningRow.searched,
        case(*((StudyRow.requested_priority == word, number) for word, number in REQUESTED.items()), else_=0),
        and_(ReviewRow.id.is_not(None), (ReviewRow.decision != "none") | ReviewRow.signed_at.is_not(None)),
        ReviewRow.thresholds,
    )
    .join(ScreeningRow, ScreeningRow.image_id == ImageRow.id)
    .outerjoin(StudyRow, StudyRow.id == ImageRow.study_id)
    .outerjoin(
        ReviewRow,
        and_(ReviewRow.image_id == ImageRow.id, ReviewRow.about == ScreeningRow.result, ReviewRow.latest),
    )
    .where(ImageRow.removed_at.is_(None))
    .order_by(ImageRow.received_at, ImageRow.id, ScreeningRow.screened_at, ScreeningRow.id)
)
"""A row a screening, in the order of LINES."""


def _fetched(session: Session, rows: Executable) -> list[tuple[Any, ...]]:
    """The rows as the driver gives them: SQLAlchemy's own would take as long again for 100,000 of them."""
    result = session.connection().execute(rows)
    return list(result.cursor.fetchall()) if result.cursor is not None else []


def _touched(session: Session, since: int) -> list[str] | None:
    """Keys of the images that have changed since that number of the audit trail; None if that cannot be told."""
    rows = select(AuditRow.action, AuditRow.subject).where(AuditRow.seq > since).limit(4 * _MOST_CHANGES)
    changes = session.execute(rows).all()
    if len(changes) == 4 * _MOST_CHANGES or any(change.action == "erased" for change in changes):
        return None
    return list(dict.fromkeys(change.subject for change in changes if change.action in _CHANGES))


_CHANGES = frozenset({"screened", "overruled", "reviewed", "signed", "removed", "restored"})
"""Actions whose subject is the key of an image that may now look different in the worklist."""


def _of(session: Session, keys: list[str]) -> list[tuple[Any, ...]]:
    """The rows of these images and of the others of their studies: a request for one film is one for the study."""
    found: list[tuple[Any, ...]] = []
    known: set[int] = set()
    for part in _parts(keys):
        studies = select(ImageRow.study_id).where(ImageRow.key.in_(part), ImageRow.study_id.is_not(None))
        rows = _fetched(session, _ROWS.where(ImageRow.key.in_(part) | ImageRow.study_id.in_(studies)))
        found += [row for row in rows if row[0] not in known]
        known |= {row[0] for row in rows}
    return found


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _columns(rows: list[tuple[Any, ...]], seen: int, preferred: str) -> Columns:
    """Columns of the rows of ``_ROWS``: of several screenings of an image the preferred models', else the latest."""
    names = zip(*rows, strict=True) if rows else ((),) * 13
    ids, keys, received, synthetic, made, status, scores, doubtful, asked, searched, study, read, kept = names
    made_by = tuple(dict.fromkeys(made))
    index = {key: place for place, key in enumerate(made_by)}
    models = np.fromiter((index[key] for key in made), np.int64, len(rows))
    taken = _one_each(np.array(ids, np.int64), models == index.get(preferred, -1))

    def some(values: Any, kind: Any) -> Any:
        return np.array(values, kind)[taken]

    return Columns(
        seen=seen,
        preferred=preferred,
        made_by=made_by,
        keys=some(keys, object),
        ids=some(ids, np.int64),
        received=some(received, "datetime64[us]"),
        models=models[taken],
        scores=unpacked(list(scores))[taken],
        refused=some(status, object) == "refused",
        doubtful=some(doubtful, bool),
        requested=np.maximum(some(asked, np.int8), some(study, np.int8)),
        read=some(read, bool),
        thresholds=unpacked(list(kept))[taken],
        synthetic=some(synthetic, bool),
        searched=some(searched, object),
    )


def _one_each(ids: npt.NDArray[np.int64], preferred: Bools) -> npt.NDArray[np.int64]:
    """Of rows that stand image by image, one an image: the last of the preferred ones, else the last."""
    if not len(ids):
        return np.zeros(0, np.int64)
    first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    last = np.r_[first[1:], len(ids)] - 1
    places = np.where(preferred, np.arange(len(ids)), -1)
    best = np.maximum.reduceat(places, first)
    return np.where(best >= 0, best, last)


def _merged(known: Columns, touched: list[str], fresh: Columns) -> Columns:
    """The known images less those that changed, and these as they are now."""
    gone = [known.row(key) for key in {*touched, *fresh.keys.tolist()}]
    keep = np.ones(len(known), bool)
    keep[[row for row in gone if row is not None]] = False
    made_by = tuple(dict.fromkeys((*known.made_by, *fresh.made_by)))
    renumber = np.array([made_by.index(key) for key in fresh.made_by], np.int64)
    parts = {name: (getattr(known, name)[keep], getattr(fresh, name)) for name in _ARRAYS}
    parts["models"] = (known.models[keep], renumber[fresh.models] if len(renumber) else fresh.models)
    joined = {name: np.concatenate(both) for name, both in parts.items()}
    order = np.lexsort((joined["ids"], joined["received"]))
    arrays = {name: values[order] for name, values in joined.items()}
    return Columns(seen=fresh.seen, preferred=known.preferred, made_by=made_by, **arrays)


_ARRAYS = (
    "keys", "ids", "received", "models", "scores", "refused", "doubtful", "requested", "read", "thresholds",
    "synthetic", "searched",
)  # fmt: skip
