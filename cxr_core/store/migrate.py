"""A database of any age -> one with today's tables; called by Database each time it opens.

In: an open connection inside a transaction that no other process can be in at the same time. Out: the tables of
``Base.metadata``, and the revision written down. A new database gets all tables at once; one at today's revision costs
a single query; an older one is led there by the files in migrations/versions, one after the other, with Alembic, which
is imported only then. This module knows no rows.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from cxr_core.errors import StoreError
from cxr_core.store.tables import Base

FIRST = "0001_first"
"""The tables as they were before revisions were written down."""

HEAD = "0006_first_look"
"""Today's revision; a test holds that it is the last file in migrations/versions."""

FOLDER = Path(__file__).resolve().parent / "migrations"

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps its context in a global of the process


def is_current(connection: Connection) -> bool:
    """Whether the database is at today's revision: one query, also when it has no tables yet."""
    try:
        with connection.begin_nested():  # PostgreSQL gives up the transaction when a statement fails
            return connection.execute(select(_VERSION.c.version_num)).scalars().all() == [HEAD]
    except (OperationalError, ProgrammingError):
        return False


def bring_up_to_date(connection: Connection) -> None:
    """Make or migrate the tables inside the connection's transaction; StoreError if the database is newer than this."""
    if is_current(connection):
        return
    tables = set(inspect(connection).get_table_names())
    if "images" not in tables:
        Base.metadata.create_all(connection)
        _stamp(connection, HEAD)
        return
    if _VERSION.name not in tables:
        _stamp(connection, FIRST)
    upgrade(connection)


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """Run the revisions that are missing up to ``to``; also from an empty database, which is slower than create_all."""
    from alembic import command  # noqa: PLC0415 - an old database only: most openings never need it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)  # its progress is no news for a clinic's log
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        try:
            command.upgrade(config, to)
        except CommandError as exc:
            message = "the database was written by a newer version of this program; update the program"
            raise StoreError(message) from exc


def _stamp(connection: Connection, revision: str) -> None:
    _VERSION.create(connection, checkfirst=True)
    connection.execute(_VERSION.delete())
    connection.execute(_VERSION.insert().values(version_num=revision))
