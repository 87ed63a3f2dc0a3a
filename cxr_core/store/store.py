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

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

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
        with self._database.reading() as session:
            image = session.scalar(_images().where(ImageRow.key == sha256))
            row = next((row for row in image.screenings if row.models_key == models_key), None) if image else None
            return _entry(image, row) if image and row else None

    def save(self, screening: Screening, received_at: datetime, *, synthetic: bool = False) -> Entry:
        """Keep a screening. The same image by the same models replaces the earlier one; by others, it is added.

        The place in the queue stays that of the image's first arrival.
        """
        if received_at.tzinfo is None:
            raise RecordError("the time of arrival needs its time zone")
        payload = json.dumps(screening_to_json(screening), allow_nan=False)

        def change(session: Session) -> Entry:
            key = key_of(screening)
            image = session.scalar(_images().where(ImageRow.key == key))
            if image is None:
                image = ImageRow(key=key, received_at=received_at.astimezone(UTC), synthetic=synthetic, review=None)
                session.add(image)
            made_by = models_key(screening.models)
            row = next((row for row in image.screenings if row.models_key == made_by), None)
            if row is None:
                row = ScreeningRow(models_key=made_by)
                image.screenings.append(row)
            row.status, row.payload, row.screened_at = screening.status, payload, datetime.now(UTC)
            return _entry(image, row)

        return self._change(change)

    def entries(self) -> tuple[Entry, ...]:
        """Every image, in order of arrival, refused ones too, each with its latest screening."""
        with self._database.reading() as session:
            images = session.scalars(_images().order_by(ImageRow.received_at, ImageRow.id)).all()
            return tuple(_entry(image, image.screenings[-1]) for image in images if image.screenings)

    def entry(self, key: str) -> Entry | None:
        """One image with its latest screening, or None."""
        with self._database.reading() as session:
            image = session.scalar(_images().where(ImageRow.key == key))
            return _entry(image, image.screenings[-1]) if image and image.screenings else None

    def history(self, key: str) -> tuple[Screening, ...]:
        """Every screening of one image, by whichever models, the latest last."""
        with self._database.reading() as session:
            image = session.scalar(_images().where(ImageRow.key == key))
            return tuple(_parsed(row.payload) for row in image.screenings) if image else ()

    def remove(self, key: str) -> None:
        """Forget an image: its screenings, its review, its film. No error if it is not here."""

        def change(session: Session) -> None:
            image = session.scalar(_images().where(ImageRow.key == key))
            if image is not None:
                session.delete(image)

        self._change(change)
        if not key.startswith("unread-"):
            self._films.remove(key)

    # People ----------------------------------------------------------------------------------------------------------

    def set_review(self, key: str, decision: Decision, comment: str = "", at: datetime | None = None) -> Review:
        """Keep a person's decision on an image in place of an earlier one; StoreError if the image is not here."""
        review = Review(decision, comment, at or datetime.now(UTC))

        def change(session: Session) -> Review:
            image = session.scalar(_images().where(ImageRow.key == key))
            if image is None:
                raise StoreError("this image is no longer in the worklist; reload the page")
            row = image.review = image.review or ReviewRow()
            row.decision, row.comment, row.reviewed_at = review.decision, review.comment, review.reviewed_at
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


def _images() -> Any:
    return select(ImageRow).options(selectinload(ImageRow.screenings), selectinload(ImageRow.review))


def _entry(image: ImageRow, row: ScreeningRow) -> Entry:
    said = image.review
    return Entry(
        key=image.key,
        screening=_parsed(row.payload),
        received_at=image.received_at,
        screened_at=row.screened_at,
        synthetic=image.synthetic,
        review=Review(said.decision, said.comment, said.reviewed_at) if said else None,  # type: ignore[arg-type]
    )


@lru_cache(maxsize=20_000)
def _parsed(payload: str) -> Screening:
    """Screenings are frozen, so a page that lists thousands on every slider move may share them."""
    return from_json(json.loads(payload))
