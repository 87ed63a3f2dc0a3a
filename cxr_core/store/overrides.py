"""Codes of the gate that a person overruled, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.store.audit import append
from cxr_core.store.part import Part
from cxr_core.store.tables import ImageRow, OverrideRow


@dataclass(frozen=True, slots=True)
class Override:
    """A code of the gate that a person overruled; who is not known yet."""

    code: str
    created_at: datetime


class OverridesPart(Part):
    """What was overruled, and when."""

    def overrule(self, key: str, code: str, at: datetime | None = None, actor: str = "") -> None:
        """Keep that a person overruled a code of the gate; the first time counts. StoreError if it is not here."""

        def change(session: Session) -> None:
            image = session.scalar(select(ImageRow).where(ImageRow.key == key, ImageRow.removed_at.is_(None)))
            if image is None:
                raise StoreError("this image is no longer in the worklist; reload the page")
            if session.get(OverrideRow, (image.id, code)) is None:
                session.add(OverrideRow(image_id=image.id, code=code, created_at=at or datetime.now(UTC)))
                session.flush()
                append(session, "overruled", key, {"code": code}, actor)

        self._change(change)

    def overrides(self, key: str) -> tuple[Override, ...]:
        """What was overruled of an image, in order of time."""
        rows = select(OverrideRow).join(ImageRow, ImageRow.id == OverrideRow.image_id).where(ImageRow.key == key)
        rows = rows.order_by(OverrideRow.created_at, OverrideRow.code)
        found = self._database.read(lambda session: session.scalars(rows).all())
        return tuple(Override(row.code, row.created_at) for row in found)

    def overruled(self, key: str) -> frozenset[str]:
        """The codes of ``overrides``."""
        return frozenset(item.code for item in self.overrides(key))
