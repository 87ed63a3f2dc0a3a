"""Opening a database and running transactions on it; every database error becomes a StoreError here.

In: an SQLAlchemy URL of SQLite or PostgreSQL. Out: sessions. One transaction writes at a time, on both: SQLite takes
its lock at once (BEGIN IMMEDIATE, in WAL mode), PostgreSQL an advisory lock; so two sessions queue up instead of
failing half way, and the audit trail has one end. Who reads waits for nobody.

A database that is busy or gone is waited for, within ``patience``: a transaction that could not begin, or whose
connection broke before its commit, is run again from its start.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.store import trouble
from cxr_core.store.gathered import BINARY
from cxr_core.store.migrate import bring_up_to_date, is_current

T = TypeVar("T")

PATIENCE_S = 15.0
_WRITERS = 0x637872  # "cxr": the advisory lock of PostgreSQL that one writer at a time holds
_PAUSE_S = 0.25

# SQLite asks for a busy lock again at longer and longer intervals, so that with twenty writers the one who has waited
# longest may wait for ever. So it asks for a moment only, and each starts anew.
_TURN_MS = 100
_TURN_S = 0.02


class Database:
    """One engine, its tables made; safe for threads. ``patience``: longest wait for a busy or absent database, seconds.

    PostgreSQL: whoever sits on an open transaction for a minute is thrown out, since others may wait for its lock.
    """

    def __init__(self, url: str, patience: float = PATIENCE_S) -> None:
        self._patience = patience
        try:
            # A statement's parameters are file names and comments, so a patient's: no error and no log may quote them.
            self._engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
        except (ArgumentError, NoSuchModuleError, ImportError) as exc:
            raise StoreError("CXR_DATABASE_URL is not a database URL that can be opened here") from exc
        if self._engine.dialect.name == "sqlite":
            _make_private(self._engine.url.database)
            _prepare_sqlite(self._engine)
        elif self._engine.dialect.name == "postgresql":
            _prepare_postgresql(self._engine, patience)
        else:
            raise StoreError("CXR_DATABASE_URL must name a database of SQLite or PostgreSQL")
        try:
            self._patiently(self._make_tables)
        except StoreError:
            self.close()
            raise

    def read(self, work: Callable[[Session], T]) -> T:
        """What ``work`` finds in a session that only reads, all of it at one moment; it never waits for a writer."""

        def run() -> T:
            with Session(self._reader(), expire_on_commit=False) as session:
                return work(session)

        return self._patiently(run)

    def write(self, work: Callable[[Session], T]) -> T:
        """What ``work`` gives, in a session that commits at the end, or changes nothing if it raises.

        ``work`` may run more than once, each time from the state that others left.
        """

        def run() -> T:
            with Session(self._engine.execution_options(cxr_writes=True), expire_on_commit=False) as session:
                self._alone(session.connection())
                result = work(session)
                session.flush()
                self._commit(session)
                return result

        return self._patiently(run)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session as ``read`` has, for a block; a connection that breaks in the block is not mended."""
        try:
            with self._patiently(self._connected) as connection, Session(connection) as session:
                yield session
        except SQLAlchemyError as exc:
            raise self._said(exc) from _shown(exc)

    def wipe(self) -> None:
        """Empty SQLite's log, in which erased rows still stand; the file is zeroed as they go (secure_delete)."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Run work; again while the database is gone, or SQLite busy, and there is patience left."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return work()
            except SQLAlchemyError as exc:
                pause = self._pause_after(exc)
                if pause is None or time.monotonic() + pause > until:
                    raise self._said(exc) from _shown(exc)
            time.sleep(pause)

    def _pause_after(self, exc: SQLAlchemyError) -> float | None:
        """How long to wait before another attempt, seconds; None where another attempt would end the same."""
        kind = trouble.kind_of(exc)
        if kind == "busy" and self._engine.dialect.name == "sqlite":
            return random.uniform(0, _TURN_S)  # noqa: S311 - no secret: who waits longest must not ask least
        return _PAUSE_S if kind == "gone" else None

    def _reader(self) -> Engine:
        if self._engine.dialect.name == "sqlite":
            return self._engine
        return self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def _connected(self) -> Connection:
        """A connection on which a reading transaction has begun."""
        connection = self._reader().connect()
        connection.begin()
        return connection

    def _alone(self, connection: Connection) -> None:
        """Wait until no other transaction writes; SQLite's BEGIN IMMEDIATE has done so already."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITERS})

    def _commit(self, session: Session) -> None:
        try:
            session.commit()
        except SQLAlchemyError as exc:
            if trouble.kind_of(exc) == "gone":
                message = (
                    "the connection to the database broke at the moment of saving; look whether the change is there"
                )
                raise StoreError(message) from _shown(exc)
            raise

    def _make_tables(self) -> None:
        """Today's tables; a second process may be doing the same, then it waits and finds it done."""
        with self._engine.begin() as connection:
            if is_current(connection):
                return
        with self._engine.connect().execution_options(cxr_writes=True) as connection:
            _cascades(connection, "OFF")
            try:
                with connection.begin():
                    self._alone(connection)
                    bring_up_to_date(connection)
            finally:
                _cascades(connection, "ON")

    def _said(self, exc: SQLAlchemyError) -> StoreError:
        return StoreError(trouble.sentence(exc, self._engine.dialect.name, self._patience))


def _shown(exc: SQLAlchemyError) -> SQLAlchemyError | None:
    """The cause that a log may show; none where it would quote a row."""
    return None if trouble.quotes_a_row(exc) else exc


def _make_private(file: str | None) -> None:
    """Before SQLite opens it: the log beside a database takes over the database's mode."""
    if file in (None, "", ":memory:"):
        return
    try:
        Path(str(file)).touch(mode=0o600)
        Path(str(file)).chmod(0o600)
    except OSError as exc:
        raise StoreError(f"the database file cannot be written ({exc.strerror}); check CXR_DATABASE_URL") from exc


def _prepare_sqlite(engine: Engine) -> None:
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={_TURN_MS}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("cxr_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(engine: Engine, patience: float) -> None:
    from psycopg.pq import Format  # noqa: PLC0415 - a site on SQLite does without it

    @event.listens_for(engine, "do_connect")
    def _hurry(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters.setdefault("connect_timeout", 5)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        wait = max(1, round(patience * 1000))
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {wait}")
            cursor.execute("SET idle_in_transaction_session_timeout = 60000")
        connection.commit()

    @event.listens_for(engine, "before_cursor_execute")
    def _as_it_is(_connection: Connection, cursor: Any, *told: Any) -> None:
        _statement, _parameters, context, _many = told
        if context is not None and context.execution_options.get(BINARY):
            cursor.format = Format.BINARY


def _cascades(connection: Connection, switch: str) -> None:
    """SQLite deletes the rows below a table that a migration drops, unless told otherwise before the transaction."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA foreign_keys={switch}")
