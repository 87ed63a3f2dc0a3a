"""The tables, as typed SQLAlchemy models; every constraint is named so that a migration can address it.

    images       one row an image, in order of arrival; ``key`` is its content hash, if it has one
    screenings   what one set of models said of one image; another set of models adds a row, none is overwritten by it
    overrides    codes of the gate that a person overruled: of which image, and when
    settings     what the site chose, a JSON value a name

Nothing here is specific to SQLite.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """An instant: stored as UTC without a zone (SQLite has none), given back with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, RUF100
        """To UTC; a time without its zone is a programming error and raises ValueError."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a stored time needs its time zone")
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, RUF100
        """From the database, as UTC."""
        return value.replace(tzinfo=UTC) if value else None


class Base(DeclarativeBase):
    """Registry of the tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcTime}


class ImageRow(Base):
    """One image as it came in; ``id`` rises in order of arrival. One that was removed is kept until it is purged."""

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    synthetic: Mapped[bool]
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"), index=True)
    removed_at: Mapped[datetime | None]


RANKING = "ix_screenings_ranking"


class ScreeningRow(Base):
    """One screening; ``payload`` is its JSON (cxr_core.serial), other columns are for queries (store/packing.py)."""

    __tablename__ = "screenings"
    __table_args__ = (
        UniqueConstraint("image_id", "models_key"),
        # All that ranking reads, so that 100,000 payloads stay where they are (store/worklist.py).
        Index(RANKING, "models_key", "image_id", "status", "doubtful", "requested", "result", "screened_at", "scores"),
        # All that a search by text reads, for the same reason.
        Index("ix_screenings_search", "image_id", "id", "searched"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    models_key: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    payload: Mapped[str] = mapped_column(Text)
    screened_at: Mapped[datetime] = mapped_column(index=True)
    scores: Mapped[bytes | None]
    doubtful: Mapped[bool]
    requested: Mapped[int]
    result: Mapped[str] = mapped_column(String(64))
    searched: Mapped[str] = mapped_column(Text)


class OverrideRow(Base):
    """One overruled code of one image."""

    __tablename__ = "overrides"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]


class SettingRow(Base):
    """One choice of the site."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]
