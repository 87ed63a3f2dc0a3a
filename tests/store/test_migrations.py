"""The tables: made at once for a new database, led there by the revisions for an old one; both come to the same."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from cxr_core.errors import StoreError
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.store.database import Database
from cxr_core.store.migrate import FIRST, FOLDER, HEAD, upgrade
from cxr_core.store.tables import Base


def _differences(connection) -> list:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)


def test_the_revisions_are_one_chain_from_the_first_to_todays():
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    chain = ScriptDirectory.from_config(config)
    assert chain.get_heads() == [HEAD]
    assert chain.get_bases() == [FIRST]


def test_the_revisions_make_the_tables_of_the_models(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(connection, FIRST)
    with engine.begin() as connection:
        upgrade(connection)
        assert _differences(connection) == []
    engine.dispose()


def test_a_new_database_has_the_tables_of_the_models_and_says_its_revision(tmp_path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    Database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        assert _differences(connection) == []
        assert connection.scalar(text("select version_num from alembic_version")) == HEAD
    engine.dispose()


def test_a_database_from_before_revisions_were_written_down_keeps_its_rows(tmp_path):
    url = f"sqlite:///{tmp_path / 'cxr.sqlite3'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection, FIRST)
        connection.execute(text("drop table alembic_version"))
        connection.execute(text("insert into settings values ('site', '\"ward 3\"', '2026-01-02 12:00:00')"))
    engine.dispose()
    store = Store(Settings(data_dir=tmp_path))
    assert store.get_setting("site") == "ward 3"
    store.close()
    engine = create_engine(url)
    assert "alembic_version" in inspect(engine).get_table_names()
    engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    Store(Settings(data_dir=tmp_path)).close()
    with sqlite3.connect(tmp_path / "cxr.sqlite3") as database:
        database.execute("update alembic_version set version_num = '9999_future'")
    database.close()
    with pytest.raises(StoreError, match="newer version"):
        Store(Settings(data_dir=tmp_path))


def test_a_migration_says_nothing(tmp_path, capsys, caplog):
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    told = capsys.readouterr()
    assert (told.out, told.err, caplog.text) == ("", "", "")
