"""Which version of which result went where: one row an image, a destination and a version.

In: digests of results. Out: what is to be sent now, and what became of the rest. A version is sent once; one that was
overtaken by a newer before anything of it left is never sent. This module knows neither destinations nor objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.store.audit import append
from cxr_core.store.exchange_tables import DestinationRow, InboxRow, OutboxRow
from cxr_core.store.inbox import cleaned
from cxr_core.store.part import Part
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.tables import ImageRow, ScreeningRow

OutboxState = Literal["waiting", "sent", "failed", "replaced", "nothing"]
"""waiting: to be sent, or to be tried again; failed: given up, with the reason; replaced: overtaken by a newer one;
nothing: of this result there is no object that the destination is given."""

Arrived = Literal["no", "perhaps", "yes"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One object of a version: its format, what names it at the destination, and whether it arrived there."""

    format: str
    identifier: str
    arrived: Arrived = "no"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One version of a result for one destination, with what was made of it once an attempt began."""

    id: int
    key: str
    destination: str
    version: int
    digest: str
    state: OutboxState
    attempts: int
    created_at: datetime
    next_at: datetime
    sent_at: datetime | None
    reason: str
    objects: tuple[Sent, ...]


class OutboxPart(Part):
    """The outbox of one site."""

    def destination_looked_at(self, name: str, now: datetime) -> tuple[datetime, datetime]:
        """Since when results go there, and up to when they were looked through; a new destination begins ``now``."""

        def change(session: Session) -> tuple[datetime, datetime]:
            row = session.get(DestinationRow, name)
            if row is None:
                row = DestinationRow(name=name, since=now, looked_at=now)
                session.add(row)
            return row.since, row.looked_at

        return self._change(change)

    def look_at_destination(self, name: str, looked_at: datetime, since: datetime | None = None) -> None:
        """Remember up to when a destination's results were looked through; ``since`` moves its beginning."""
        values = {"looked_at": looked_at} | ({"since": since} if since else {})
        change = update(DestinationRow).where(DestinationRow.name == name).values(**values)
        self._change(lambda session: session.execute(change))

    def outbox_changed(self, since: datetime, *, received: bool) -> tuple[str, ...]:
        """Images that were screened or reviewed at that time or after; ``received``: only those of the inbox."""
        screened = exists().where(ScreeningRow.image_id == ImageRow.id, ScreeningRow.screened_at >= since)
        reviewed = exists().where(ReviewRow.image_id == ImageRow.id, ReviewRow.reviewed_at >= since)
        only: list[ColumnElement[bool]] = [or_(screened, reviewed), ImageRow.synthetic.is_(False)]
        only.append(ImageRow.removed_at.is_(None))
        if received:
            only.append(exists().where(InboxRow.image_id == ImageRow.id))
        with self._database.reading() as session:
            return tuple(session.scalars(select(ImageRow.key).where(*only).order_by(ImageRow.id)))

    def outbox_add(self, key: str, destination: str, digest: str, next_at: datetime) -> Parcel | None:
        """A new version of a result is due, unless the latest there is the same; None then, or if the image is gone."""

        def change(session: Session) -> Parcel | None:
            image = session.scalar(select(ImageRow.id).where(ImageRow.key == key))
            mine = (OutboxRow.image_id == image, OutboxRow.destination == destination)
            latest = session.scalar(select(OutboxRow).where(*mine).order_by(OutboxRow.version.desc()).limit(1))
            if image is None or (latest is not None and latest.digest == digest):
                return None
            if latest is not None and latest.state in ("waiting", "failed"):
                latest.state, latest.reason = "replaced", "a newer version came before all of it was delivered"
            now = datetime.now(UTC)
            row = OutboxRow(
                image_id=image, destination=destination, version=latest.version + 1 if latest else 1, digest=digest,
                state="waiting", attempts=0, created_at=now, next_at=next_at, sent_at=None, reason="", objects="[]",
            )  # fmt: skip
            session.add(row)
            session.flush()
            return _parcel(row, key)

        return self._change(change)

    def outbox_due(self, now: datetime, limit: int = 50) -> tuple[Parcel, ...]:
        """What is to be sent now; of one image and destination the oldest version first, the others after it."""
        older = select(OutboxRow.image_id, OutboxRow.destination, func.min(OutboxRow.version).label("version"))
        older = older.where(OutboxRow.state == "waiting").group_by(OutboxRow.image_id, OutboxRow.destination)
        first = older.subquery()
        same = (
            (first.c.image_id == OutboxRow.image_id)
            & (first.c.destination == OutboxRow.destination)
            & (first.c.version == OutboxRow.version)
        )
        rows = select(OutboxRow, ImageRow.key).join(first, same).join(ImageRow, ImageRow.id == OutboxRow.image_id)
        rows = rows.where(OutboxRow.next_at <= now).order_by(OutboxRow.next_at, OutboxRow.id).limit(limit)
        with self._database.reading() as session:
            return tuple(_parcel(row, key) for row, key in session.execute(rows))

    def outbox_before(self, parcel: Parcel) -> Mapping[str, str]:
        """What went to the same destination before this version, or may have: format -> identifier, the newest each."""
        rows = select(OutboxRow.objects).join(ImageRow, ImageRow.id == OutboxRow.image_id)
        rows = rows.where(ImageRow.key == parcel.key, OutboxRow.destination == parcel.destination)
        rows = rows.where(OutboxRow.version < parcel.version).order_by(OutboxRow.version)
        with self._database.reading() as session:
            versions = [_objects(text) for text in session.scalars(rows)]
        return {item.format: item.identifier for objects in versions for item in objects if item.arrived != "no"}

    def outbox_trying(self, number: int, objects: Sequence[Sent]) -> None:
        """Say that an attempt begins, and of what."""
        self._set(number, attempts=OutboxRow.attempts + 1, objects=_written(objects))

    def outbox_arrived(self, number: int, objects: Sequence[Sent]) -> None:
        """Say which objects have arrived so far."""
        self._set(number, objects=_written(objects))

    def outbox_sent(self, parcel: Parcel, facts: Mapping[str, Any], note: str = "") -> None:
        """Say that all of a version has arrived; written down in the audit trail, too. ``note``: what to know of it."""

        def change(session: Session) -> None:
            row = session.get(OutboxRow, parcel.id)
            if row is None:
                raise StoreError("this result is no longer in the outbox")
            row.state, row.reason, row.sent_at = "sent", cleaned(note), datetime.now(UTC)
            append(session, "delivered", parcel.key, {"to": parcel.destination, "version": parcel.version, **facts})

        self._change(change)

    def outbox_put_off(self, number: int, reason: str, next_at: datetime) -> None:
        """Say why it did not arrive, and when to try again."""
        self._set(number, reason=cleaned(reason), next_at=next_at)

    def outbox_put_off_all(self, destination: str, reason: str, next_at: datetime) -> None:
        """The same for all that waits for a destination: it cannot be reached."""
        waiting = (OutboxRow.destination == destination, OutboxRow.state == "waiting")
        change = update(OutboxRow).where(*waiting).values(reason=cleaned(reason), next_at=next_at)
        self._change(lambda session: session.execute(change))

    def outbox_failed(self, number: int, reason: str) -> None:
        """Give it up, with the reason; a person may send it again."""
        self._set(number, state="failed", reason=cleaned(reason))

    def outbox_nothing(self, number: int, reason: str) -> None:
        """Say that there is nothing to send, such as a picture of a film that was refused."""
        self._set(number, state="nothing", reason=cleaned(reason))

    def outbox_overtaken(self, number: int) -> None:
        """Leave a version where it is: the result has changed, or is gone."""
        self._set(number, state="replaced", reason="the result changed before all of it was delivered")

    def outbox_again(self, numbers: Sequence[int]) -> None:
        """Send these again, now; nothing changes for a version that was sent or overtaken."""
        now = datetime.now(UTC)
        change = update(OutboxRow).where(OutboxRow.id.in_(numbers), OutboxRow.state.in_(("failed", "waiting")))
        self._change(lambda session: session.execute(change.values(state="waiting", next_at=now)))

    def outbox_counts(self) -> Mapping[str, Mapping[OutboxState, int]]:
        """By destination, how many versions are in each state."""
        rows = select(OutboxRow.destination, OutboxRow.state, func.count()).group_by(
            OutboxRow.destination, OutboxRow.state
        )
        found: dict[str, dict[OutboxState, int]] = {}
        with self._database.reading() as session:
            for destination, state, count in session.execute(rows):
                found.setdefault(destination, {})[cast("OutboxState", state)] = int(count)
        return found

    def outbox_latest(self, limit: int, *states: OutboxState, key: str = "", noted: bool = False) -> tuple[Parcel, ...]:
        """The versions that were made last, the latest first; of these states or this image only, if named.

        ``noted``: only those with a reason or a note.
        """
        rows = select(OutboxRow, ImageRow.key).join(ImageRow, ImageRow.id == OutboxRow.image_id)
        if states:
            rows = rows.where(OutboxRow.state.in_(states))
        if key:
            rows = rows.where(ImageRow.key == key)
        if noted:
            rows = rows.where(OutboxRow.reason != "")
        with self._database.reading() as session:
            found = session.execute(rows.order_by(OutboxRow.id.desc()).limit(limit))
            return tuple(_parcel(row, of) for row, of in found)

    def _set(self, number: int, **values: Any) -> None:
        change = update(OutboxRow).where(OutboxRow.id == number).values(**values)
        self._change(lambda session: session.execute(change))


def _parcel(row: OutboxRow, key: str) -> Parcel:
    return Parcel(
        id=row.id, key=key, destination=row.destination, version=row.version, digest=row.digest,
        state=cast("OutboxState", row.state), attempts=row.attempts, created_at=row.created_at, next_at=row.next_at,
        sent_at=row.sent_at, reason=row.reason, objects=_objects(row.objects),
    )  # fmt: skip


def _objects(text: str) -> tuple[Sent, ...]:
    return tuple(Sent(**item) for item in json.loads(text))


def _written(objects: Sequence[Sent]) -> str:
    return json.dumps([asdict(item) for item in objects])
