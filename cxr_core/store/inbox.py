"""Films that other systems gave: recorded when they are acknowledged, screened afterwards, each once.

In: films that already lie safely on disk. Out: what waits, in order of arrival, and what became of the rest. An
instance is known by a digest of its identifier, so that no table of this module names a patient's film.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from cxr_core.store.audit import append
from cxr_core.store.exchange_tables import InboxRow, SeenFileRow
from cxr_core.store.part import Part
from cxr_core.store.tables import ImageRow

Origin = Literal["dicom", "web", "folder"]
InboxState = Literal["waiting", "screened", "refused", "repeated"]
"""waiting: not looked at yet; screened, refused: in the worklist; repeated: the same picture as an earlier one of that
instance, sent with another header or encoding."""


@dataclass(frozen=True, slots=True)
class Received:
    """A film that lies in the landing folder under ``path``, whole and written through to the disk.

    ``instance`` is a digest of what the sender calls it; ``name`` is what people will see.
    """

    path: Path
    sha256: str
    size: int
    instance: str
    origin: Origin
    sender: str
    name: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class InboxFilm:
    """A film of the inbox; ``repeats`` is how often the same came again, ``starts`` how often its screening began."""

    id: int
    origin: Origin
    sender: str
    name: str
    instance: str
    sha256: str
    size: int
    received_at: datetime
    state: InboxState
    reason: str
    starts: int
    repeats: int


class InboxPart(Part):
    """The inbox of one site; several processes may fill it while one empties it."""

    def landing(self) -> Path:
        """The folder in which a film is written before ``receive``: private, on the disk of the films."""
        return self._films.landing()

    def receive(self, films: Sequence[Received]) -> tuple[bool, ...]:
        """Move films to their place and record them in one transaction; whether each is new.

        When this returns, all of it outlives a power cut. A film of the same instance with the same bytes is one: the
        first stays, with its place. If its bytes are no longer here, it waits to be screened again.
        """
        missing = [not self._films.has(film.sha256) for film in films]
        self._films.adopt([(film.path, film.sha256) for film in films])

        def change(session: Session) -> tuple[bool, ...]:
            return tuple(_recorded(session, film, lost) for film, lost in zip(films, missing, strict=True))

        return self._change(change)

    def inbox_waiting(self, limit: int, after: int = 0) -> tuple[InboxFilm, ...]:
        """What is to be screened, in order of arrival, from the row behind ``after``."""
        rows = select(InboxRow).where(InboxRow.state == "waiting", InboxRow.id > after)
        return self._inbox(rows.order_by(InboxRow.id).limit(limit))

    def inbox_holds(self, instance: str) -> bool:
        """Whether a film of this instance (its identifier's digest) has come and is still here."""
        with self._database.reading() as session:
            return session.scalar(select(InboxRow.id).where(InboxRow.instance == instance).limit(1)) is not None

    def inbox_same_instance(self, film: InboxFilm) -> tuple[InboxFilm, ...]:
        """Earlier films that came under the same identifier, with other bytes."""
        same = (InboxRow.instance == film.instance, InboxRow.id < film.id, InboxRow.sha256 != film.sha256)
        return self._inbox(select(InboxRow).where(*same).order_by(InboxRow.id))

    def inbox_begin(self, ids: Iterable[int]) -> None:
        """Say that the screening of these begins: what ends the whole process must not do so for ever."""
        wanted = list(ids)
        change = update(InboxRow).where(InboxRow.id.in_(wanted)).values(starts=InboxRow.starts + 1)
        self._change(lambda session: session.execute(change))

    def inbox_end(self, number: int, state: InboxState, key: str, reason: str = "") -> None:
        """Say what became of a film, and which image of the worklist it is; no error if it is no longer here."""

        def change(session: Session) -> None:
            row = session.get(InboxRow, number)
            if row is not None:
                row.state, row.reason = state, cleaned(reason)
                row.image_id = session.scalar(select(ImageRow.id).where(ImageRow.key == key))

        self._change(change)

    def inbox_forget(self, number: int, *, film: bool = True) -> None:
        """Delete a row and, unless an image of the worklist is made of them, its bytes."""

        def change(session: Session) -> str:
            row = session.get(InboxRow, number)
            if row is None:
                return ""
            sha256 = row.sha256
            session.delete(row)
            session.flush()
            used = session.scalar(select(ImageRow.id).where(ImageRow.key == sha256))
            waits = session.scalar(select(InboxRow.id).where(InboxRow.sha256 == sha256).limit(1))
            return "" if used or waits else sha256

        unused = self._change(change)
        if film and unused:
            self._films.remove(unused)

    def inbox_counts(self) -> Mapping[InboxState, int]:
        """How many films are in each state; those without any are left out."""
        with self._database.reading() as session:
            found = session.execute(select(InboxRow.state, func.count()).group_by(InboxRow.state)).all()
        return {cast("InboxState", state): int(count) for state, count in found}

    def inbox_latest(self, limit: int, *states: InboxState) -> tuple[InboxFilm, ...]:
        """The films that came last, the latest first; of these states only, if any are named."""
        only: tuple[ColumnElement[bool], ...] = (InboxRow.state.in_(states),) if states else ()
        return self._inbox(select(InboxRow).where(*only).order_by(InboxRow.id.desc()).limit(limit))

    def seen_file(self, path: str) -> tuple[int, int] | None:
        """Size and time of change of a watched file (its path's digest) when it was taken; None if it never was."""
        with self._database.reading() as session:
            row = session.get(SeenFileRow, path)
            return (row.size, row.changed_ns) if row else None

    def see_file(self, path: str, size: int, changed_ns: int) -> None:
        """Remember a watched file as it is now."""
        row = SeenFileRow(path=path, size=size, changed_ns=changed_ns, seen_at=datetime.now(UTC))
        self._change(lambda session: session.merge(row))

    def _inbox(self, rows: Select[InboxRow]) -> tuple[InboxFilm, ...]:
        with self._database.reading() as session:
            return tuple(_film(row) for row in session.scalars(rows))


def cleaned(text: str) -> str:
    """Text that every database takes: PostgreSQL refuses NUL and lone surrogates."""
    return "".join(char if char.isprintable() else " " for char in text).encode("utf-8", "replace").decode()


def _recorded(session: Session, film: Received, lost: bool) -> bool:
    same = (InboxRow.instance == film.instance, InboxRow.sha256 == film.sha256)
    row = session.scalar(select(InboxRow).where(*same))
    if row is not None:
        row.repeats += 1
        if lost and row.state != "waiting":
            row.state, row.reason, row.starts = "waiting", "", 0
        return False
    row = InboxRow(
        origin=film.origin, sender=cleaned(film.sender)[:64], name="", instance=film.instance, sha256=film.sha256,
        size=film.size, received_at=film.received_at, state="waiting", reason="", starts=0, repeats=0,
    )  # fmt: skip
    session.add(row)
    session.flush()
    # The number keeps two films apart that came from one sender in one second.
    row.name = cleaned(film.name.replace("{number}", str(row.id)))
    session.flush()
    append(session, "received", film.sha256, {"origin": film.origin, "sender": row.sender, "bytes": film.size})
    return True


def _film(row: InboxRow) -> InboxFilm:
    return InboxFilm(
        id=row.id, origin=cast("Origin", row.origin), sender=row.sender, name=row.name, instance=row.instance,
        sha256=row.sha256, size=row.size, received_at=row.received_at, state=cast("InboxState", row.state),
        reason=row.reason, starts=row.starts, repeats=row.repeats,
    )  # fmt: skip
