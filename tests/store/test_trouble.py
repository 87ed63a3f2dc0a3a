"""A database that is busy, full or gone: it is waited for, it is said clearly, and nothing is lost or half done."""

import errno
import logging
import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError

from cxr_core.errors import StoreError
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.store.database import Database
from cxr_core.store.trouble import kind_of, sentence
from tests.store.given import NOON, screened


@pytest.fixture
def hasty(settings):
    """A store that waits for a second only."""
    opened = Store(replace(settings, database_seconds=1))
    yield opened
    opened.close()


@pytest.fixture
def on_server(server, tmp_path):
    """Makes settings on the PostgreSQL server, if it is one that the tests may stop."""
    if server.folder is None:
        pytest.skip("CXR_TEST_DATABASE_URL names a server that the tests may not stop; " + "unset it")

    def make(seconds: int) -> Settings:
        return Settings(data_dir=tmp_path / "data", database_url=server.database(), database_seconds=seconds)

    return make


@contextmanager
def stuck_writer(settings):
    """Another program that holds the write lock."""
    engine = create_engine(settings.resolved_database_url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.driver_connection.isolation_level = None
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text(f"select pg_advisory_lock({0x637872})"))
        yield
        connection.invalidate()
    engine.dispose()


def test_a_stuck_writer_is_waited_for_and_then_named(settings, hasty):
    hasty.put_setting("x", 1)
    with stuck_writer(settings):
        with pytest.raises(StoreError, match=r"is busy.* for 1 s\. Nothing was changed; try again"):
            hasty.put_setting("x", 2)
        assert hasty.get_setting("x") == 1, "who reads waits for nobody"
    hasty.put_setting("x", 3)
    assert [row.facts["value"] for row in hasty.audit()[0]] == [3, 1]


def test_a_writer_that_is_done_in_time_is_not_noticed(settings, store):
    with ThreadPoolExecutor(1) as pool:
        with stuck_writer(settings):
            waiting = pool.submit(store.put_setting, "x", 1)
            time.sleep(0.5)
        waiting.result()
    assert store.get_setting("x") == 1


def test_a_full_disk_stops_a_change_as_a_whole(tmp_path):
    """The page limit of SQLite gives the same answer as a disk without room."""
    settings = Settings(data_dir=tmp_path)
    store = Store(settings)
    room = []

    @event.listens_for(store._database._engine, "checkout")
    def _limit(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count={room[0] if room else 2**30}")

    kept = [store.save(screened(sha256=f"{number:064}"), NOON).key for number in range(3)]
    with sqlite3.connect(tmp_path / "cxr.sqlite3") as database:
        room.append(database.execute("pragma page_count").fetchone()[0] + 4)
    database.close()
    with pytest.raises(StoreError, match=r"no room left on its disk\. Nothing was changed; free space"):
        for number in range(3, 200):
            saved = store.save(screened("long " * 500, f"{number:064}"), NOON)
            kept.append(saved.key)
    assert [entry.key for entry in store.entries()] == kept
    assert store.verify_audit().count == len(kept)
    room.clear()
    kept.append(store.save(screened(sha256="f" * 64), NOON).key)
    assert [entry.key for entry in store.entries()] == kept
    store.close()


def test_a_full_disk_leaves_no_half_film(store, settings, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*free space"):
        store.add_film(b"film")
    assert [path for path in (settings.data_dir / "films").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (psycopg.errors.DiskFull(), "full"),
        (psycopg.errors.LockNotAvailable(), "busy"),
        (psycopg.errors.TooManyConnections(), "busy"),
        (psycopg.errors.AdminShutdown(), "gone"),
        (psycopg.errors.CannotConnectNow(), "gone"),
        (psycopg.errors.InsufficientPrivilege(), "closed"),
        (psycopg.OperationalError("connection failed: Connection refused"), "gone"),
        (psycopg.OperationalError('connection failed: FATAL: password authentication failed for user "x"'), ""),
        (psycopg.OperationalError('connection failed: FATAL: database "x" does not exist'), ""),
        (sqlite3.OperationalError("database is locked"), "busy"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "closed"),
        (sqlite3.DatabaseError("file is not a database"), ""),
    ],
)
def test_what_a_driver_says_is_understood(cause, kind):
    exc = OperationalError("insert into x values (:name)", {"name": "DOE"}, cause, hide_parameters=True)
    assert kind_of(exc) == kind
    assert "DOE" not in sentence(exc, "postgresql", 15)


def test_an_error_that_quotes_a_row_is_shown_without_it(store, settings, sql, caplog):
    """PostgreSQL's DETAIL holds the values of the row that was refused."""
    sql("create table strict (name text not null, patient text)")
    secret = "-".join(("DOE", "JANE"))
    try:
        store._change(lambda session: session.execute(text("insert into strict values (null, :p)"), {"p": secret}))
    except StoreError:
        logging.getLogger("test").exception("failed")
    assert "strict" in caplog.text
    assert secret not in caplog.text


def test_a_server_that_is_away_for_a_while_loses_nothing(server, on_server):
    """Four clients write without a pause while the server is thrown over and comes back."""
    settings = on_server(15)
    watcher = Store(settings)
    stop = threading.Event()
    kept: list[str] = []

    def write(worker: int) -> None:
        own, number = Store(settings), 0
        while not stop.is_set():
            number += 1
            key = f"{worker}{number:063}"
            # Whether a commit that broke off was kept is not known; its writer is told so, and it may be there.
            with suppress(StoreError):
                own.save(screened(f"{worker}-{number}", key), NOON)
                kept.append(key)
        own.close()

    with ThreadPoolExecutor(5) as pool:
        working = [pool.submit(write, worker) for worker in range(4)]
        try:
            time.sleep(0.4)
            server.stop()
            before = len(kept)
            reading = pool.submit(watcher.entries)
            time.sleep(10)  # less than a client's patience, and as long as a database is away that is started anew
            server.start()
            assert len(reading.result()) >= before, "a page that was opened meanwhile waits, and shows all"
            time.sleep(0.4)
        finally:
            stop.set()
        for each in working:
            each.result()
    there = [entry.key for entry in watcher.entries()]
    assert len(kept) > before > 0
    assert set(kept) <= set(there)
    assert len(there) - len(kept) <= 4
    assert sorted(row.subject for row in watcher.audit(limit=10**6)[0]) == sorted(there)
    assert watcher.verify_audit().sound
    watcher.close()


def test_a_server_that_stays_away_is_named_and_found_again(server, on_server):
    settings = on_server(1)
    store = Store(settings)
    store.put_setting("x", 1)
    server.stop()
    try:
        for attempt in (lambda: store.get_setting("x"), lambda: store.put_setting("x", 2), lambda: Store(settings)):
            with pytest.raises(StoreError, match="does not answer, after 1 s of trying"):
                attempt()
        with pytest.raises(StoreError, match="does not answer"), store._database.reading():
            pass
    finally:
        server.start()
    assert store.get_setting("x") == 1
    store.close()


def test_what_waiting_cannot_mend_is_said_at_once(server, on_server, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it waited"))
    url = server.url.set(database="no_such_database").render_as_string(hide_password=False)
    with pytest.raises(StoreError, match="does not exist"):
        Database(url, patience=60)


def test_another_kind_of_database_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"SQLite or PostgreSQL|cannot be opened|can be opened"):
        Database("mysql+pymysql://user@host/x")
