"""What the models said of each image, and when it came in."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
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

_FEW = 100
"""Images whose reviews are asked for by number; of more, all reviews there are."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A screening on its way into the tables: what is the same however often its transaction runs."""

    key: str
    screening: Screening
    payload: str
    made_by: str
    received_at: datetime
    synthetic: bool

    @classmethod
    def of(cls, screening: Screening, received_at: datetime, synthetic: bool) -> _Kept:
        # Without bytes nothing tells two images apart, and two patients' files may have one name: never merged.
        key = screening.sha256 or f"unread-{uuid4().hex}"
        payload = json.dumps(screening_to_json(screening, identity=True), allow_nan=False)
        return cls(key, screening, payload, models_key(screening.models), received_at, synthetic)


class ScreeningsPart(Part):
    """Images and their screenings, as entries of the worklist."""

    def find(self, sha256: str, models_key: str) -> Entry | None:
        """The image of these bytes as these models saw it, or None: then it is new to them.

        A refused image is found too; whether to read it again is the caller's choice.
        """
        return next(iter(self._entries(ImageRow.key == sha256, ScreeningRow.models_key == models_key)), None)

    def find_all(self, keys: Collection[str], models_key: str) -> dict[str, Entry]:
        """Those of the images that are here as these models saw them, by key; all in one look."""
        wanted = [key for key in keys if key]
        mine = (ImageRow.key.in_(wanted), ScreeningRow.models_key == models_key)
        return {entry.key: entry for entry in self._entries(*mine)} if wanted else {}

    def save(self, screening: Screening, received_at: datetime, *, synthetic: bool = False) -> Entry:
        """Keep a screening. The same image by the same models replaces the earlier one; by others, it is added.

        The place in the queue stays that of the image's first arrival; a review of another result no longer counts. An
        image that was removed is back with this, and arrives now.
        """
        return self.save_all([(screening, received_at)], synthetic=synthetic)[0]

    def save_all(self, arrivals: Sequence[tuple[Screening, datetime]], *, synthetic: bool = False) -> tuple[Entry, ...]:
        """Keep several as ``save`` keeps one, all or none of them; the disk is waited for once."""
        if any(received_at.tzinfo is None for _, received_at in arrivals):
            raise RecordError("the time of arrival needs its time zone")
        kept = [_Kept.of(screening, received_at, synthetic) for screening, received_at in arrivals]
        return self._change(lambda session: tuple(self._keep(session, item) for item in kept)) if kept else ()

    def _keep(self, session: Session, item: _Kept) -> Entry:
        """One of them, inside the transaction."""
        image = session.scalar(select(ImageRow).where(ImageRow.key == item.key))
        new, row = image is None, None
        if image is None:
            image = ImageRow(key=item.key, received_at=item.received_at, synthetic=item.synthetic)
            session.add(image)
            session.flush()
        else:
            if image.removed_at is not None:
                image.removed_at, image.received_at = None, item.received_at
                append(session, "restored", item.key, {"why": "it was sent again"})
            mine = (ScreeningRow.image_id == image.id, ScreeningRow.models_key == item.made_by)
            row = session.scalar(select(ScreeningRow).where(*mine))
        link(session, image, item.screening.identity)
        again = row is not None
        if row is None:
            row = ScreeningRow(image_id=image.id, models_key=item.made_by)
            session.add(row)
        row.status, row.payload, row.screened_at = item.screening.status, item.payload, datetime.now(UTC)
        for name, value in columns_of(item.screening).items():
            setattr(row, name, value)
        if again and item.screening.sha256:
            self._films.forget_derived(item.key)  # the film may now be shown turned
        append(session, "screened", item.key, _told(item.screening, item.made_by))
        reviews = {} if new else reviews_of(session, ImageRow.id == image.id)
        return entry_of(_line(image, row), reviews)

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
            if not shown:
                return ()
            ids = [line.image_id for line in shown.values()]
            reviews = reviews_of(session, *((ImageRow.id.in_(ids),) if len(ids) <= _FEW else ()))
            return tuple(entry_of(line, reviews) for line in shown.values())

        return self._database.read(read)


def _line(image: ImageRow, row: ScreeningRow) -> Any:
    """What ``LINES`` would give of the two; times as the database gives them back."""
    return SimpleNamespace(
        image_id=image.id,
        key=image.key,
        received_at=image.received_at.astimezone(UTC),
        synthetic=image.synthetic,
        models_key=row.models_key,
        payload=row.payload,
        screened_at=row.screened_at,
    )


def _told(screening: Screening, made_by: str) -> dict[str, str]:
    """What the audit trail keeps of a screening: by which models, and a digest of what they said."""
    refusal = {"refusal": screening.refusal.code} if screening.refusal else {}
    return {"status": screening.status, "models": made_by, "result": result_of(screening), **refusal}
