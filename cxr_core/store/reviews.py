"""What people said of an image's result: saved version by version, never over another session's.

In: an image's key and a Review. Out: the Review as it was kept, or all that were. The lock is optimistic: who saves
names the version that was on the screen, and is told if another one has come since. This module knows no film.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cxr_core.errors import ReviewConflict, StoreError
from cxr_core.records import Review, Screening
from cxr_core.serial import review_to_json
from cxr_core.store.audit import append
from cxr_core.store.lines import LINES, Reviews, parsed, result_of, review_in
from cxr_core.store.packing import packed
from cxr_core.store.part import Part
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.tables import ImageRow


class ReviewsPart(Part):
    """Reviews, of one result of one image each."""

    def save_review(self, key: str, review: Review, *, of: Screening | None = None, expected: int = 0) -> Review:
        """Add a version to the review of an image; gives it back with its number. Every version stays.

        ``of`` is the screening that was on the reader's screen, else the latest; ``expected`` the version that stood
        there, 0 for none. ReviewConflict if another was saved since; StoreError if the image is not here.
        """

        def change(session: Session) -> Review:
            line = session.execute(LINES.where(ImageRow.key == key)).all()[-1:]
            if not line:
                raise StoreError("this image is no longer in the worklist; its review was not kept")
            about = result_of(of or parsed(line[0].payload))
            kept = _save(session, line[0].image_id, about, review, expected)
            append(session, "signed" if kept.signed_at else "reviewed", key, _told_to_audit(kept, about), kept.reader)
            return kept

        return self._change(change)

    def review_history(self, key: str, of: Screening) -> tuple[Review, ...]:
        """Every version of the review of one result of an image, the latest last."""
        rows = select(ReviewRow.payload).join(ImageRow, ImageRow.id == ReviewRow.image_id)
        rows = rows.where(ImageRow.key == key, ReviewRow.about == result_of(of)).order_by(ReviewRow.version)
        with self._database.reading() as session:
            return tuple(review_in(payload) for payload in session.scalars(rows))


def reviews_of(session: Session, *only: ColumnElement[bool]) -> Reviews:
    """What was last said, of the images that fit."""
    rows = select(ReviewRow.image_id, ReviewRow.about, ReviewRow.payload).where(ReviewRow.latest)
    if only:
        rows = rows.join(ImageRow, ImageRow.id == ReviewRow.image_id).where(*only)
    return {(row.image_id, row.about): review_in(row.payload) for row in session.execute(rows)}


def _save(session: Session, image_id: int, about: str, review: Review, expected: int) -> Review:
    """Add a version; ReviewConflict if the latest is not ``expected``."""
    mine = (ReviewRow.image_id == image_id, ReviewRow.about == about)
    latest = session.scalar(select(ReviewRow).where(*mine, ReviewRow.latest))
    if (latest.version if latest else 0) != expected:
        raise ReviewConflict(_told(review_in(latest.payload) if latest else None))
    kept = replace(review, version=expected + 1)
    if latest:
        latest.latest = False
    row = ReviewRow(image_id=image_id, about=about, version=kept.version, latest=True, decision=kept.decision)
    row.reviewed_at, row.signed_at = kept.reviewed_at, kept.signed_at
    row.payload = json.dumps(review_to_json(kept), allow_nan=False)
    row.thresholds = packed(kept.thresholds) if kept.thresholds else None
    session.add(row)
    session.flush()
    return kept


def _told_to_audit(review: Review, about: str) -> dict[str, str | int]:
    """Which version said what of which result; the reader's words as a digest alone."""
    digest = hashlib.sha256(json.dumps(review_to_json(review)).encode()).hexdigest()
    return {"about": about, "version": review.version, "decision": review.decision, "digest": digest}


def _told(theirs: Review | None) -> str:
    """What happened, without anybody's words: who it was may be shown to readers, not logged."""
    if theirs is None:
        return "the review of this film that was on the screen is gone: nothing was changed; load the page again"
    signed = " and signed it" if theirs.signed_at else ""
    return (
        f"another session saved a review of this film{signed} at {theirs.reviewed_at:%Y-%m-%d %H:%M} UTC, after this "
        "one was begun: neither was changed; look at theirs, then keep it or put yours on top"
    )
