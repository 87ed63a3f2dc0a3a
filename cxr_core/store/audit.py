"""The audit trail: who did what to which film or setting, in a chain that shows where it was changed afterwards.

In: an action inside the transaction that carries it out. Out: rows in order, and whether the chain is whole. A row's
digest is SHA-256 over the row and the digest before it, so that a row that was changed, removed or put in breaks the
chain there. The database itself refuses UPDATE and DELETE (triggers). What a chain cannot show is that its newest rows
were cut off, or that somebody who may drop triggers wrote all of it anew: who fears that keeps the last digest
elsewhere and gives it to ``verify``.

A row holds no patient's name or number, no free text of a reader and no picture: films are named by their digests. So
erasing a patient leaves the chain whole. This module knows no table but its own.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, Text, event, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from cxr_core.errors import RecordError
from cxr_core.store.part import Part
from cxr_core.store.tables import Base

ACTIONS = frozenset(
    {"screened", "overruled", "reviewed", "signed", "setting", "removed", "restored", "erased", "exported", "received"}
    | {"delivered"}
)

START = "0" * 64
"""What stands before the first row."""

_MOST_SUBJECT, _MOST_ACTOR = 160, 120


class AuditRow(Base):
    """One action; ``seq`` rises by one, so that a missing row shows."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(_MOST_ACTOR))
    action: Mapped[str] = mapped_column(String(16), index=True)
    subject: Mapped[str] = mapped_column(String(_MOST_SUBJECT), index=True)
    facts: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


_REFUSAL = "the audit trail is append-only"

GUARDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sqlite": (
            f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
            # INSERT OR REPLACE deletes without asking the trigger above.
            "CREATE TRIGGER audit_in_order BEFORE INSERT ON audit "
            "WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit) "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        ),
        "postgresql": (
            "CREATE OR REPLACE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_refused()",
            "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()",
        ),
    }
)
"""What keeps rows from being changed, by dialect."""


def guard(connection: Connection) -> None:
    """Make the triggers of this database."""
    for statement in GUARDS.get(connection.dialect.name, ()):
        connection.exec_driver_sql(statement)


@event.listens_for(AuditRow.__table__, "after_create")
def _guarded(_table: Table, connection: Connection, **_: Any) -> None:
    guard(connection)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the trail; ``at`` in UTC. ``subject`` is a film's key, a setting's name, or what was exported."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: Mapping[str, Any]
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``verify`` found: how many rows are sound from the first on, where the chain breaks, and why."""

    count: int
    digest: str
    broken: int | None = None
    reason: str = ""

    @property
    def sound(self) -> bool:
        """Whether the whole chain holds."""
        return self.broken is None


def append(session: Session, action: str, subject: str, facts: Mapping[str, Any], actor: str = "") -> None:
    """Write an action down, in the transaction of the change itself: both happen or neither.

    The session must be one of ``Database.write``, of which one is open at a time. ``facts`` are JSON values; digests
    and codes, never a name or what a reader wrote. RecordError for an unknown action or facts that are no JSON.
    """
    if action not in ACTIONS:
        raise RecordError(f"the audit trail knows {', '.join(sorted(ACTIONS))}, got {action!r}")
    try:
        told = json.dumps(dict(facts), allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as exc:
        raise RecordError(f"facts of the audit trail must be JSON values: {exc}") from exc
    last = session.execute(select(AuditRow.seq, AuditRow.digest).order_by(AuditRow.seq.desc()).limit(1)).first()
    row = AuditRow(seq=last.seq + 1 if last else 1, at=datetime.now(UTC), facts=told)
    row.actor, row.action, row.subject = _plain(actor, _MOST_ACTOR), action, _plain(subject, _MOST_SUBJECT)
    row.previous = last.digest if last else START
    row.digest = _digest(row)
    session.add(row)
    session.flush()


def _plain(text: str, most: int) -> str:
    """A line that every database keeps as it is: no control characters, no halves of surrogate pairs."""
    return "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)[:most]


def _digest(row: AuditRow) -> str:
    at = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    told = [row.seq, at, row.actor, row.action, row.subject, row.facts, row.previous]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


class AuditPart(Part):
    """The trail, read; and actions that change nothing else in the store."""

    def note(self, action: str, subject: str, facts: Mapping[str, Any], actor: str = "") -> None:
        """Write down an action that no other method of the store carries out: an export, a change of the site file."""
        self._change(lambda session: append(session, action, subject, facts, actor))

    def audit(  # noqa: PLR0913 - a search form's fields
        self,
        *,
        action: str = "",
        subject: str = "",
        actor: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[tuple[AuditEntry, ...], int]:
        """A page of what fits, newest first, and how many fit in all.

        ``subject`` and ``actor`` fit by how they begin; ``since`` is within, ``until`` is not. Empty ones do not count.
        """
        wanted: list[ColumnElement[bool]] = []
        if action:
            wanted.append(AuditRow.action == action)
        if subject:
            wanted.append(AuditRow.subject.startswith(_plain(subject, _MOST_SUBJECT), autoescape=True))
        if actor:
            wanted.append(AuditRow.actor.startswith(_plain(actor, _MOST_ACTOR), autoescape=True))
        if since:
            wanted.append(AuditRow.at >= since)
        if until:
            wanted.append(AuditRow.at < until)
        with self._database.reading() as session:
            total = session.scalar(select(func.count()).select_from(AuditRow).where(*wanted)) or 0
            rows = session.scalars(
                select(AuditRow).where(*wanted).order_by(AuditRow.seq.desc()).offset(offset).limit(limit)
            )
            return tuple(_entry(row) for row in rows), total

    def verify_audit(self, known: Mapping[int, str] = MappingProxyType({})) -> Verdict:
        """Walk the chain from its first row; stops at the first that does not hold.

        ``known``: digests by row number, as written down elsewhere earlier; a chain that was written anew, or whose
        end was cut off, differs there.
        """
        seq, previous = 0, START
        chain = select(AuditRow).order_by(AuditRow.seq).execution_options(yield_per=1000)
        with self._database.reading() as session, session.scalars(chain) as rows:
            for row in rows:
                reason = _fault(row, seq + 1, previous, known)
                if reason:
                    return Verdict(seq, previous, seq + 1, reason)
                seq, previous = row.seq, row.digest
                session.expunge(row)
        missing = [number for number in known if number > seq]
        if missing:
            return Verdict(seq, previous, seq + 1, "rows that were written down elsewhere are missing at the end")
        return Verdict(seq, previous)


def _fault(row: AuditRow, seq: int, previous: str, known: Mapping[int, str]) -> str:
    """What is wrong with a row at this place of the chain; "" if nothing is."""
    if row.seq != seq:
        return f"row {seq} is missing; row {row.seq} follows"
    if row.previous != previous:
        return "it does not follow the row before it"
    if row.digest != _digest(row):
        return "what it says was changed after it was written"
    if known.get(seq, row.digest) != row.digest:
        return "it is not the row that was written down elsewhere"
    return ""


def _entry(row: AuditRow) -> AuditEntry:
    facts = MappingProxyType(json.loads(row.facts))
    return AuditEntry(row.seq, row.at, row.actor, row.action, row.subject, facts, row.previous, row.digest)
