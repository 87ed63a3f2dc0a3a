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
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cxr_core.errors import RecordError, StoreError
from cxr_core.records import Decision, Review, Screening, models_key
from cxr_core.serial import from_json, screening_to_json
from cxr_core.settings import Settings
from cxr_core.store.database import Database
from cxr_core.store.films import Films
from cxr_core.store.tables import ImageRow, ReviewRow, ScreeningRow, SettingRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the worklist: its latest screening, when it arrived, and what a person said.

    ``key`` names the image in every method of Store: the SHA-256 of its bytes, see ``key_of``. Times are UTC.
    """

    key: str
    screening: Screening
    received_at: datetime
    screened_at: datetime
    synthetic: bool
    review: Review | None


def key_of(screening: Screening) -> str:
    """What the store calls this image: its SHA-256, or a name of its own if its bytes could not be had."""
    if screening.sha256:
        return screening.sha256
    return "unread-" + hashlib.sha256(screening.file.encode("utf-8", "surrogatepass")).hexdigest()


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

    def has_film(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return self._films.has(sha256)

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

        The place in the queue stays that of the image's first arrival.
        """
        if received_at.tzinfo is None:
            raise RecordError("the time of arrival needs its time zone")
        payload = json.dumps(screening_to_json(screening), allow_nan=False)

        key, made_by = key_of(screening), models_key(screening.models)

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
            row.status, row.payload, row.screened_at = screening.status, payload, datetime.now(UTC)
            session.flush()
            return _entry(session.execute(_LINES.where(*mine)).one())

        return self._change(change)

    def entries(self) -> tuple[Entry, ...]:
        """Every image, in order of arrival, refused ones too, each with its latest screening."""
        return self._entries()

    def entry(self, key: str) -> Entry | None:
        """One image with its latest screening, or None."""
        return next(iter(self._entries(ImageRow.key == key)), None)

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
        """Keep a person's decision on an image in place of an earlier one; StoreError if the image is not here."""
        review = Review(decision, comment, at or datetime.now(UTC))

        def change(session: Session) -> Review:
            image_id = session.scalar(select(ImageRow.id).where(ImageRow.key == key))
            if image_id is None:
                raise StoreError("this image is no longer in the worklist; reload the page")
            said = {"decision": decision, "comment": comment, "reviewed_at": review.reviewed_at}
            session.merge(ReviewRow(image_id=image_id, **said))
            return review

        return self._change(change)

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

    def _entries(self, *only: ColumnElement[bool]) -> tuple[Entry, ...]:
        """The latest screening of each image that fits, in order of arrival."""
        with self._database.reading() as session:
            latest = {line.key: line for line in session.execute(_LINES.where(*only))}
        return tuple(_entry(line) for line in latest.values())

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
        ImageRow.key,
        ImageRow.received_at,
        ImageRow.synthetic,
        ScreeningRow.payload,
        ScreeningRow.screened_at,
        ReviewRow.decision,
        ReviewRow.comment,
        ReviewRow.reviewed_at,
    )
    .join(ScreeningRow, ScreeningRow.image_id == ImageRow.id)
    .outerjoin(ReviewRow, ReviewRow.image_id == ImageRow.id)
    .order_by(ImageRow.received_at, ImageRow.id, ScreeningRow.screened_at, ScreeningRow.id)
)
"""A line a screening; images in order of arrival, the screenings of an image in order of time."""


def _entry(line: Any) -> Entry:
    return Entry(
        key=line.key,
        screening=_parsed(line.payload),
        received_at=line.received_at,
        screened_at=line.screened_at,
        synthetic=line.synthetic,
        review=Review(line.decision, line.comment, line.reviewed_at) if line.decision else None,
    )


@lru_cache(maxsize=20_000)
def _parsed(payload: str) -> Screening:
    """Screenings are frozen, so a page that lists thousands on every slider move may share them."""
    return from_json(json.loads(payload))
