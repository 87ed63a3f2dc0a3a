"""The table of reviews: every save is a row, none is ever changed but for losing its place as the latest.

reviews   what a person said of one image and of which result of it (see ``result_of``), version by version
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cxr_core.store.tables import Base


class ReviewRow(Base):
    """One save; ``payload`` is its JSON (cxr_core.serial), the other columns are for queries (store/packing.py).

    Two sessions that save the same version meet at the unique constraint, whatever the database.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("image_id", "about", "version"),
        # All that the worklist reads of those that stand, so that their payloads stay where they are.
        Index("ix_reviews_standing", "latest", "image_id", "about", "decision", "signed_at", "thresholds"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    about: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    latest: Mapped[bool]
    decision: Mapped[str] = mapped_column(String(16))
    reviewed_at: Mapped[datetime]
    signed_at: Mapped[datetime | None]
    payload: Mapped[str] = mapped_column(Text)
    thresholds: Mapped[bytes | None]
