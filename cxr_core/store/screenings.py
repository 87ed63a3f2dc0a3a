"""What the models said of each image, and when it came in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cxr_core.errors import RecordError
from cxr_core.records import Screening, models_key
from cxr_core.serial import screening_to_json
from cxr_core.store.audit import append
from cxr_core.store.lines import LINES, Entry, Lines, entry_of, parsed, result_of
from cxr_core.store.packing import columns_of
from cxr_core.store.part import Part
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.reviews import reviews_of
from cxr_core.store.study_rows import link
from cxr_core.store.tables import ImageRow, ScreeningRow


class ScreeningsPart(Part):
    """Images and their screenings, as entries of the worklist."""

    def find(self, sha256: str, models_key: str) -> Entry | None:
        """The image of these bytes as these models saw it, or None: then it is new to them.

        A refused image is found too; whether to read it again is the caller's choice.
        """
        return next(iter(self._entries(ImageRow.key == sha256, ScreeningRow.models_key == models_key)), None)

    def save(self, screening: Screening, received_at: datetime, *, synthetic: bool = False) -> Entry:
        """Keep a screening. The same image by the same models replaces the earlier one; by others, it is added.

        The place in the queue stays that of the image's first arrival; a review of another result no longer counts. An
        image that was removed is back with this, and arrives now.
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
            elif image.removed_at is not None:
                image.removed_at, image.received_at = None, received_at
                append(session, "restored", key, {"why": "it was sent again"})
            link(session, image, screening.identity)
            mine = (ScreeningRow.image_id == image.id, ScreeningRow.models_key == made_by)
            row = session.scalar(select(ScreeningRow).where(*mine))
            if row is None:
                row = ScreeningRow(image_id=image.id, models_key=made_by)
                session.add(row)
            again = row.id is not None
            row.status, row.payload, row.screened_at = screening.status, payload, datetime.now(UTC)
            for name, value in columns_of(screening).items():
                setattr(row, name, value)
            session.flush()
            if again and screening.sha256:
                self._films.forget_derived(key)  # the film may now be shown turned
            append(session, "screened", key, _told(screening, made_by))
            return entry_of(session.execute(LINES.where(*mine)).one(), reviews_of(session, ImageRow.id == image.id))

        return self._change(change)

    def entries(self, models_key: str | None = None) -> tuple[Entry, ...]:
        """Every image, in order of arrival, refused ones too: as the models of that key saw it, else at its latest."""
        return self._entries(preferred=models_key)

    def entry(self, key: str, models_key: str | None = None) -> Entry | None:
        """One image, as ``entries`` gives it, or None."""
        return next(iter(self._entries(ImageRow.key == key, preferred=models_key)), None)

    def reviewed(self, models_key: str | None = None) -> tuple[Entry, ...]:
        """The entries that a person has said something of; costs little where these are few."""
        judged = select(ReviewRow.image_id).where(ReviewRow.latest)
        found = self._entries(ImageRow.id.in_(judged), preferred=models_key)
        return tuple(entry for entry in found if entry.review and entry.review.said)

    def history(self, key: str) -> tuple[Screening, ...]:
        """Every screening of one image, by whichever models, the latest last."""
        lines = LINES.where(ImageRow.key == key)
        payloads = self._database.read(lambda session: [line.payload for line in session.execute(lines)])
        return tuple(parsed(payload) for payload in payloads)

    def _entries(
        self, *only: ColumnElement[bool], preferred: str | None = None, lines: Lines = LINES
    ) -> tuple[Entry, ...]:
        """One screening of each image that fits, in order of arrival: by the preferred models, else the latest."""

        def read(session: Session) -> tuple[Entry, ...]:
            shown: dict[str, Any] = {}
            for line in session.execute(lines.where(*only)):
                held = shown.get(line.key)
                if held is None or line.models_key == preferred or held.models_key != preferred:
                    shown[line.key] = line
            ids = (line.image_id for line in shown.values())
            reviews = reviews_of(session, *((ImageRow.id == next(ids),) if len(shown) == 1 else ()))
            return tuple(entry_of(line, reviews) for line in shown.values())

        return self._database.read(read)


def _told(screening: Screening, made_by: str) -> dict[str, str]:
    """What the audit trail keeps of a screening: by which models, and a digest of what they said."""
    refusal = {"refusal": screening.refusal.code} if screening.refusal else {}
    return {"status": screening.status, "models": made_by, "result": result_of(screening), **refusal}
