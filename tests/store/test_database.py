"""Opening the database: where, how private, and what is said when it cannot be opened."""

import sqlite3
import stat

import pytest

from cxr_core.errors import StoreError
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.store.given import NOON, screened


@pytest.fixture
def settings(tmp_path) -> Settings:
    """SQLite alone: what is tested here is its file."""
    return Settings(data_dir=tmp_path / "data")


def test_films_and_database_are_private(settings, store):
    sha256 = store.add_film(b"film")
    store.save(screened(sha256=sha256), NOON)
    everything = [settings.data_dir, *settings.data_dir.rglob("*")]
    assert len(everything) >= 6
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in everything)


def test_the_database_keeps_a_log_ahead_of_writing(settings, store):
    store.save(screened(), NOON)
    with sqlite3.connect(settings.data_dir / "cxr.sqlite3") as database:
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)
    database.close()


def test_a_database_elsewhere_is_used_when_the_settings_name_one(tmp_path):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    opened = Store(Settings(data_dir=tmp_path / "data", database_url=url))
    opened.save(screened(), NOON)
    opened.close()
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "data" / "cxr.sqlite3").exists()


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "sqlite:////no/such/folder/x.db"])
def test_a_database_that_cannot_be_opened_is_said_so(tmp_path, url):
    with pytest.raises(StoreError, match="database"):
        Store(Settings(data_dir=tmp_path, database_url=url))


def test_a_file_that_is_no_database_is_said_so(tmp_path):
    (tmp_path / "cxr.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(Settings(data_dir=tmp_path))
