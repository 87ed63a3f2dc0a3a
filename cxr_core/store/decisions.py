"""What people said of a film's result: a decision and a comment, one an image and a result."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.records import Decision, Review, Screening
from cxr_core.store.lines import LINES, Reviews, parsed, result_of
from cxr_core.store.part import Part
from cxr_core.store.tables import ImageRow, ReviewRow


class DecisionsPart(Part):
    """Decisions and comments, one an image and a result."""

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
            line = session.execute(LINES.where(ImageRow.key == key)).all()[-1:]
            if not line:
                raise StoreError("this image is no longer in the worklist; reload the page")
            about = result_of(of or parsed(line[0].payload))
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


def reviews_of(session: Session, *only: ColumnElement[bool]) -> Reviews:
    """What was said of the images that fit."""
    rows = session.scalars(select(ReviewRow).join(ImageRow, ImageRow.id == ReviewRow.image_id).where(*only))
    return {(row.image_id, row.about): _review(row) for row in rows}


def _review(row: ReviewRow) -> Review:
    return Review(cast("Decision", row.decision), row.comment, row.reviewed_at)
