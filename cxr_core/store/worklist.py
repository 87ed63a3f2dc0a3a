"""The whole worklist as columns, and entries for the few rows that are shown.

In: a models key. Out: Columns, numpy arrays with a row an image, in order of arrival; names and entries by row. A
second look costs one query where nothing has changed, and otherwise what has changed: the audit trail's last number
tells. All that is read stands in indices of the database, so that no payload is touched. This module ranks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from cxr_core.records import LABELS
from cxr_core.store.audit import AuditRow
from cxr_core.store.gathered import Array, Kind, gathered
from cxr_core.store.lines import LINES, Entry, Reviews, entry_of
from cxr_core.store.packing import REQUESTED
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

        def read(session: Session) -> tuple[Ints, _Called]:
            changed = _touched(session, known.seen) if known is not None else None
            if known is None or changed is None:
                return np.zeros(0, np.int64), _called(session)
            old = known.ids[~np.isin(known.ids, changed)]
            return old, _called(session, columns.ids[~np.isin(columns.ids, old)])

        kept, ((ids, keys), (images, searched)) = self._database.read(read)
        if known is not None and len(kept):
            at = np.isin(known.ids, kept)
            ids, keys = np.concatenate((ids, known.ids[at])), np.concatenate((keys, known.keys[at]))
            images = np.concatenate((images, known.ids[at]))
            searched = np.concatenate((searched, known.searched[at]))
        aligned = _aligned(columns.ids, ids, keys), _aligned(columns.ids, images, searched)
        return Names(columns.seen, columns.ids, *aligned)

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


_IMAGES = select(ImageRow.id, ImageRow.received_at, ImageRow.synthetic).where(ImageRow.removed_at.is_(None))
_SCREENED = select(
    ScreeningRow.image_id,
    ScreeningRow.scores,
    ScreeningRow.status == "refused",
    ScreeningRow.doubtful,
    ScreeningRow.requested,
    ScreeningRow.result,
)
_BESIDE = _SCREENED.add_columns(ScreeningRow.models_key, ScreeningRow.screened_at, ScreeningRow.id)
_READ = select(ReviewRow.image_id, ReviewRow.about, ReviewRow.thresholds).where(
    ReviewRow.latest, (ReviewRow.decision != "none") | ReviewRow.signed_at.is_not(None)
)
_PRIORITY = case(REQUESTED, value=StudyRow.requested_priority, else_=0)
_ASKED = select(ImageRow.id, _PRIORITY).join(StudyRow, StudyRow.id == ImageRow.study_id)
_ASKED = _ASKED.where(StudyRow.requested_priority.in_(REQUESTED))
_KEYS = select(ImageRow.id, ImageRow.key).where(ImageRow.removed_at.is_(None))
_SEARCHED = select(ScreeningRow.image_id, ScreeningRow.searched, ScreeningRow.id)

_Called = tuple[tuple[Array, Array], tuple[Array, Array]]
"""Images and their keys; images and what people look for, the last of several for an image counts."""


def _found(
    session: Session, rows: Select[*tuple[Any, ...]], image: Any, only: Ints | None, *kinds: Kind
) -> tuple[Array, ...]:
    """The columns of the rows of all images, or of ``only`` these numbers."""
    if only is None:
        return gathered(session, rows, *kinds)
    parts = [gathered(session, rows.where(image.in_(part)), *kinds) for part in _parts(only.tolist()) or [()]]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _called(session: Session, only: Ints | None = None) -> _Called:
    ids, keys = _found(session, _KEYS, ImageRow.id, only, "number", "text")
    images, searched, number = _found(session, _SEARCHED, ScreeningRow.image_id, only, "number", "text", "number")
    order = np.argsort(number, kind="stable")
    return (ids, keys), (images[order], searched[order])


def _columns(session: Session, seen: int, preferred: str, only: Ints | None = None) -> Columns:
    """Columns of all images, or of ``only`` these numbers.

    The tables are read one by one and joined here, where that costs a fraction of what it costs in the database.
    """
    ids, received, synthetic = _found(session, _IMAGES, ImageRow.id, only, "number", "instant", "flag")
    made_by, (image, models, scores, refused, doubtful, requested, results) = _screened(session, preferred, only)
    _, at, place = np.intersect1d(ids, image, assume_unique=True, return_indices=True)
    order = np.lexsort((ids[at], received[at]))
    at, place = at[order], place[order]
    ids = ids[at]
    read, thresholds = _judged(session, ids, results[place], only)
    return Columns(
        seen=seen,
        made_by=made_by,
        ids=ids,
        received=received[at],
        models=models[place],
        scores=scores[place],
        refused=refused[place],
        doubtful=doubtful[place],
        requested=np.maximum(requested[place], _asked(session, ids, only)),
        read=read,
        thresholds=thresholds,
        synthetic=synthetic[at],
    )


def _screened(session: Session, preferred: str, only: Ints | None) -> tuple[tuple[str, ...], tuple[Array, ...]]:
    """Models keys; and the screening that counts for each image: image, models, the rest of ``_SCREENED``."""
    kinds: tuple[Kind, ...] = ("number", "nine", "flag", "flag", "number", "digest")
    rows = _SCREENED.where(ScreeningRow.models_key == preferred)
    mine = _found(session, rows, ScreeningRow.image_id, only, *kinds)
    # Not "!=": the two ranges of the index beside this key are empty as a rule, and cost nothing then.
    rows = _BESIDE.where((ScreeningRow.models_key < preferred) | (ScreeningRow.models_key > preferred))
    *others, made, when, number = _found(
        session, rows, ScreeningRow.image_id, only, *kinds, "text", "instant", "number"
    )
    newest = np.lexsort((number, when))[::-1]
    newest = newest[np.unique(others[0][newest], return_index=True)[1]]
    newest = newest[~np.isin(others[0][newest], mine[0])]
    if not len(newest):
        return (preferred,), (mine[0], np.zeros(len(mine[0]), np.int64), *mine[1:])
    index = {preferred: 0}
    models = [index.setdefault(name, len(index)) for name in made[newest].tolist()]
    image, *rest = (np.concatenate((own, other[newest])) for own, other in zip(mine, others, strict=True))
    return tuple(index), (image, np.array([0] * len(mine[0]) + models, np.int64), *rest)


def _asked(session: Session, ids: Ints, only: Ints | None) -> Ints:
    """How urgently the study of each image was asked for."""
    asked = np.zeros(len(ids), np.int64)
    image, priority = _found(session, _ASKED, ImageRow.id, only, "number", "number")
    _, at, place = np.intersect1d(ids, image, assume_unique=True, return_indices=True)
    asked[at] = priority[place]
    return asked


def _judged(session: Session, ids: Ints, results: Array, only: Ints | None) -> tuple[Bools, npt.NDArray[np.float64]]:
    """Which of the shown results a person has decided on, and the thresholds that were kept with it."""
    read, kept = np.zeros(len(ids), bool), np.full((len(ids), len(LABELS)), np.nan)
    image, about, thresholds = _found(session, _READ, ReviewRow.image_id, only, "number", "digest", "nine")
    if len(ids):
        order = np.argsort(ids, kind="stable")
        places = order[np.minimum(np.searchsorted(ids[order], image), len(ids) - 1)]
        mine = (ids[places] == image) & (results[places] == about)
        read[places[mine]] = True
        kept[places[mine]] = thresholds[mine]
    return read, kept


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


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]


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
