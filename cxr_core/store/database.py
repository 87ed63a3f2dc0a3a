"""Opening a database and running transactions on it; every database error becomes a StoreError here.

In: an SQLAlchemy URL. Out: sessions. SQLite runs in WAL mode with a busy timeout, and a writing transaction takes its
lock at once (BEGIN IMMEDIATE), so that two sessions queue up instead of failing half way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.store.migrate import bring_up_to_date, is_current

_LOCK = 0x637872  # "cxr": PostgreSQL's advisory lock that one writer at a time holds
_BUSY_MS = 15_000  # a writer holds the lock for milliseconds; longer than this means a stuck process


class Database:
    """One engine, its tables made; safe for threads."""

    def __init__(self, url: str) -> None:
        try:
            # A statement's parameters are file names and comments, so a patient's: no error and no log may quote them.
            self._engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
        except (ArgumentError, NoSuchModuleError, ImportError) as exc:
            raise StoreError("CXR_DATABASE_URL is not a database URL that can be opened here") from exc
        if self._engine.dialect.name == "sqlite":
            _make_private(self._engine.url.database)
            _prepare_sqlite(self._engine)
        self._make_tables()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads; it never waits for a writer."""
        with self._session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end, or changes nothing if the block raises."""
        with self._session(self._engine.execution_options(cxr_writes=True)) as session:
            yield session
            session.commit()

    def wipe(self) -> None:
        """Empty SQLite's log, in which erased rows still stand; the file is zeroed as they go (secure_delete)."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except SQLAlchemyError as exc:
            raise StoreError(f"the database ({_shown(self._engine)}) failed: {_first_line(exc)}") from exc

    def _make_tables(self) -> None:
        """Today's tables; a second process may be doing the same, then it waits and finds it done."""
        try:
            with self._engine.begin() as connection:
                if is_current(connection):
                    return
            with self._engine.connect().execution_options(cxr_writes=True) as connection:
                _cascades(connection, "OFF")
                with connection.begin():
                    self._alone(connection)
                    bring_up_to_date(connection)
                _cascades(connection, "ON")
        except SQLAlchemyError as exc:
            raise StoreError(f"the database ({_shown(self._engine)}) cannot be opened: {_first_line(exc)}") from exc

    def _alone(self, connection: Connection) -> None:
        """Wait until no other process writes; SQLite's BEGIN IMMEDIATE has done so already."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _shown(engine: Engine) -> str:
    """The kind of database, without path, host or password."""
    return engine.dialect.name


def _first_line(exc: SQLAlchemyError) -> str:
    """The driver's own words; never the statement's parameters, which hold file names."""
    cause = getattr(exc, "orig", None) or exc
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no message'}"


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
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("cxr_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cascades(connection: Connection, switch: str) -> None:
    """SQLite deletes the rows below a table that a migration drops, unless told otherwise before the transaction."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA foreign_keys={switch}")
