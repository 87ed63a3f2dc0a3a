"""The tables of what comes from and goes to other systems.

    inbox         one row a film that another system gave, from the moment it was acknowledged
    seen_files    what the folder watcher has taken, by a digest of the path
    outbox        one row a version of a result and a destination
    destinations  since when results go to a destination, and how it last answered
    heartbeats    which of the processes beside the app are alive

No identifier of a patient stands here: instances and paths are kept as digests, films by their own.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cxr_core.store.tables import Base


class InboxRow(Base):
    """One film that came in; ``id`` rises in order of arrival, ``repeats`` counts how often the same came again."""

    __tablename__ = "inbox"
    __table_args__ = (UniqueConstraint("instance", "sha256"), Index("ix_inbox_state_id", "state", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(String(16))
    sender: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    instance: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    starts: Mapped[int]
    repeats: Mapped[int]
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)


class SeenFileRow(Base):
    """A file of a watched folder as it was when it was taken."""

    __tablename__ = "seen_files"

    path: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    changed_ns: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime]


class OutboxRow(Base):
    """One version of an image's result for one destination; ``objects`` is a JSON list of what was made for it."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("image_id", "destination", "version"),
        Index("ix_outbox_state_next_at", "state", "next_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    destination: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text)
    objects: Mapped[str] = mapped_column(Text)


class DestinationRow(Base):
    """A destination that results have been due for."""

    __tablename__ = "destinations"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime]
    looked_at: Mapped[datetime]


class HeartbeatRow(Base):
    """A process beside the app: when it last said that it is alive, and a JSON object of what it said."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]
    facts: Mapped[str] = mapped_column(Text)
