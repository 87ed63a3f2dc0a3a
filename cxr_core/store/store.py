"""The store: what came in, what the models said of it, what people said of that.

In: film bytes, screenings, reviews, settings. Out: the same again, also after a restart and from another process.
Several threads and several Stores on one folder may work at once. This module knows no model and no page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cxr_core.errors import RecordError, StoreError
from cxr_core.records import Decision, Review, Screening, models_key
from cxr_core.serial import from_json, screening_to_json
from cxr_core.settings import Settings
from cxr_core.store.database import Database
from cxr_core.store.films import Films
from cxr_core.store.tables import ImageRow, OverrideRow, ReviewRow, ScreeningRow, SettingRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the worklist: its screening, when it arrived, and what a person said of this screening's result.

    ``key`` names the image in every method of Store: the SHA-256 of its bytes, or a name of its own if they could not
    be had. Times are UTC.
    """

    key: str
    screening: Screening
    received_at: datetime
    screened_at: datetime
    synthetic: bool
    review: Review | None


@dataclass(frozen=True, slots=True)
class Override:
    """A code of the gate that a person overruled; who is not known yet."""

    code: str
    created_at: datetime


def result_of(screening: Screening) -> str:
    """A digest of what a person judges: refused and why, or the nine scores. A review holds for one result alone."""
    code = screening.refusal.code if screening.refusal else ""
    told = json.dumps([screening.status, code, sorted(screening.scores.items())])
    return hashlib.sha256(told.encode()).hexdigest()


class Store:
    """The data folder and the database of one site; StoreError when they cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self._films = Films(settings.data_dir)
        self._database = Database(settings.resolved_database_url)

    def close(self) -> None:
        """Give the database's connections back; the Store can still be used and opens new ones."""
        self._database.close()

    # Films -----------------------------------------------------------------------------------------------------------

    def add_film(self, data: bytes) -> str:
        """Keep the bytes as received, safely on disk before this returns; gives their SHA-256."""
        return self._films.add(data)

    def film(self, sha256: str) -> bytes:
        """The bytes as received; StoreError if they are not here or were damaged."""
        return self._films.get(sha256)

    def cache_path(self, sha256: str, kind: str) -> Path:
        """Where a derived file belongs, such as kind "thumb.png"; the caller makes it and may lose it any time."""
        return self._films.cache_path(sha256, kind)

    # Screenings ------------------------------------------------------------------------------------------------------

    def find(self, sha256: str, models_key: str) -> Entry | None:
        """The image of these bytes as these models saw it, or None: then it is new to them.

        A refused image is found too; whether to read it again is the caller's choice.
        """
        return next(iter(self._entries(ImageRow.key == sha256, ScreeningRow.models_key == models_key)), None)

    def save(self, screening: Screening, received_at: datetime, *, synthetic: bool = False) -> Entry:
        """Keep a screening. The same image by the same models replaces the earlier one; by others, it is added.

        The place in the queue stays that of the image's first arrival; a review of another result no longer counts.
        """
        if received_at.tzinfo is None:
            raise RecordError("the time of arrival needs its time zone")
        payload = json.dumps(screening_to_json(screening, identity=True), allow_nan=False)

        # Without bytes nothing tells two images apart, and two patients' files may have one name: never merged.
        key = screening.sha256 or f"unread-{uuid4().hex}"
        made_by = models_key(screening.models)

        def change(session: Session) -> Entry:
            image = session.scalar(select(ImageRow).where(ImageRow.key == key))
            if image is None:
                image = ImageRow(key=key, received_at=received_at, synthetic=synthetic)
                session.add(image)
                session.flush()
            mine = (ScreeningRow.image_id == image.id, ScreeningRow.models_key == made_by)
            row = session.scalar(select(ScreeningRow).where(*mine))
            if row is None:
                row = ScreeningRow(image_id=image.id, models_key=made_by)
                session.add(row)
            again = row.id is not None
            row.status, row.payload, row.screened_at = screening.status, payload, datetime.now(UTC)
            session.flush()
            if again and screening.sha256:
                self._films.forget_derived(key)  # the film may now be shown turned
            return _entry(session.execute(_LINES.where(*mine)).one(), _reviews(session, ImageRow.id == image.id))

        return self._change(change)

    def entries(self, models_key: str | None = None) -> tuple[Entry, ...]:
        """Every image, in order of arrival, refused ones too: as the models of that key saw it, else at its latest."""
        return self._entries(preferred=models_key)

    def entry(self, key: str, models_key: str | None = None) -> Entry | None:
        """One image, as ``entries`` gives it, or None."""
        return next(iter(self._entries(ImageRow.key == key, preferred=models_key)), None)

    def history(self, key: str) -> tuple[Screening, ...]:
        """Every screening of one image, by whichever models, the latest last."""
        with self._database.reading() as session:
            return tuple(_parsed(line.payload) for line in session.execute(_LINES.where(ImageRow.key == key)))

    def remove(self, key: str) -> None:
        """Forget an image: its screenings, its review, its film. No error if it is not here."""

        def change(session: Session) -> None:
            session.execute(delete(ImageRow).where(ImageRow.key == key))  # the rows below it go with it

        self._change(change)
        if not key.startswith("unread-"):
            self._films.remove(key)

    # People ----------------------------------------------------------------------------------------------------------

    def set_review(self, key: str, decision: Decision, comment: str = "", at: datetime | None = None) -> Review:
        """Keep a decision and a comment in place of earlier ones; StoreError if the image is not here."""
        return self._say(key, None, at, decision=decision, comment=comment)

    def set_decision(self, key: str, decision: Decision, *, of: Screening | None = None) -> Review:
        """Keep a decision and leave the comment as it is. ``of`` is the screening that was judged, else the latest."""
        return self._say(key, of, None, decision=decision)

    def set_comment(self, key: str, comment: str, *, of: Screening | None = None) -> Review:
        """Keep a comment and leave the decision as it is. ``of`` is the screening that was meant, else the latest."""
        return self._say(key, of, None, comment=comment)

    def _say(self, key: str, of: Screening | None, at: datetime | None, **said: str) -> Review:
        """Change some of what is said of one result, in one transaction, so that two readers erase nothing."""
        reviewed_at = at or datetime.now(UTC)
        # Checked before anything is written.
        Review(cast("Decision", said.get("decision", "none")), said.get("comment", ""), reviewed_at)

        def change(session: Session) -> Review:
            line = session.execute(_LINES.where(ImageRow.key == key)).all()[-1:]
            if not line:
                raise StoreError("this image is no longer in the worklist; reload the page")
            about = result_of(of or _parsed(line[0].payload))
            row = session.get(ReviewRow, (line[0].image_id, about))
            if row is None:
                row = ReviewRow(image_id=line[0].image_id, about=about, decision="none", comment="")
                session.add(row)
            for name, value in said.items():
                setattr(row, name, value)
            row.reviewed_at = reviewed_at
            session.flush()
            return _review(row)

        return self._change(change)

    def overrule(self, key: str, code: str, at: datetime | None = None) -> None:
        """Keep that a person overruled a code of the gate; the first time counts. StoreError if it is not here."""

        def change(session: Session) -> None:
            image = session.scalar(select(ImageRow).where(ImageRow.key == key))
            if image is None:
                raise StoreError("this image is no longer in the worklist; reload the page")
            if session.get(OverrideRow, (image.id, code)) is None:
                session.add(OverrideRow(image_id=image.id, code=code, created_at=at or datetime.now(UTC)))

        self._change(change)

    def overrides(self, key: str) -> tuple[Override, ...]:
        """What was overruled of an image, in order of time."""
        rows = select(OverrideRow).join(ImageRow, ImageRow.id == OverrideRow.image_id).where(ImageRow.key == key)
        with self._database.reading() as session:
            found = session.scalars(rows.order_by(OverrideRow.created_at, OverrideRow.code)).all()
        return tuple(Override(row.code, row.created_at) for row in found)

    def overruled(self, key: str) -> frozenset[str]:
        """The codes of ``overrides``."""
        return frozenset(item.code for item in self.overrides(key))

    # The site's choices ----------------------------------------------------------------------------------------------

    def get_setting(self, name: str, default: Any = None) -> Any:
        """A value kept by ``put_setting``, or the default."""
        with self._database.reading() as session:
            row = session.get(SettingRow, name)
            return json.loads(row.value) if row else default

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value (None, bool, number, text, list, dict with text keys); RecordError if it is none."""
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as exc:
            raise RecordError(f"setting {name} must be a JSON value: {exc}") from exc
        self._change(lambda session: session.merge(SettingRow(name=name, value=text, changed_at=datetime.now(UTC))))

    def _entries(self, *only: ColumnElement[bool], preferred: str | None = None) -> tuple[Entry, ...]:
        """One screening of each image that fits, in order of arrival: by the preferred models, else the latest."""
        shown: dict[str, Any] = {}
        with self._database.reading() as session:
            for line in session.execute(_LINES.where(*only)):
                held = shown.get(line.key)
                if held is None or line.models_key == preferred or held.models_key != preferred:
                    shown[line.key] = line
            ids = (line.image_id for line in shown.values())
            reviews = _reviews(session, *((ImageRow.id == next(ids),) if len(shown) == 1 else ()))
        return tuple(_entry(line, reviews) for line in shown.values())

    def _change(self, change: Callable[[Session], T]) -> T:
        """Run a change in one transaction; once more if another session added the same row at the same moment."""
        try:
            with self._database.writing() as session:
                return change(session)
        except StoreError as exc:
            if not isinstance(exc.__cause__, IntegrityError):
                raise
        with self._database.writing() as session:
            return change(session)


_LINES = (
    select(
        ImageRow.id.label("image_id"),
        ImageRow.key,
        ImageRow.received_at,
        ImageRow.synthetic,
        ScreeningRow.models_key,
        ScreeningRow.payload,
        ScreeningRow.screened_at,
    )
    .join(ScreeningRow, ScreeningRow.image_id == ImageRow.id)
    .order_by(ImageRow.received_at, ImageRow.id, ScreeningRow.screened_at, ScreeningRow.id)
)
"""A line a screening; images in order of arrival, the screenings of an image in order of time."""

Reviews = dict[tuple[int, str], Review]
"""By image and by the result that was judged."""


def _reviews(session: Session, *only: ColumnElement[bool]) -> Reviews:
    rows = session.scalars(select(ReviewRow).join(ImageRow, ImageRow.id == ReviewRow.image_id).where(*only))
    return {(row.image_id, row.about): _review(row) for row in rows}


def _review(row: ReviewRow) -> Review:
    return Review(cast("Decision", row.decision), row.comment, row.reviewed_at)


def _entry(line: Any, reviews: Reviews) -> Entry:
    screening = _parsed(line.payload)
    return Entry(
        key=line.key,
        screening=screening,
        received_at=line.received_at,
        screened_at=line.screened_at,
        synthetic=line.synthetic,
        review=reviews.get((line.image_id, _result(line.payload))) if reviews else None,
    )


@lru_cache(maxsize=20_000)
def _parsed(payload: str) -> Screening:
    """Screenings are frozen, so a page that lists thousands on every slider move may share them."""
    return from_json(json.loads(payload))


@lru_cache(maxsize=20_000)
def _result(payload: str) -> str:
    return result_of(_parsed(payload))
