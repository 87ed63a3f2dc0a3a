"""The tables: made at once for a new database, led there by the revisions for an old one; both come to the same."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from cxr_core.errors import StoreError
from cxr_core.records import Identity
from cxr_core.serial import screening_to_json
from cxr_core.store import Store
from cxr_core.store.database import Database
from cxr_core.store.migrate import FIRST, FOLDER, HEAD, upgrade
from cxr_core.store.tables import Base
from tests.store.given import screened


@pytest.fixture
def engine(settings):
    """The database of ``settings``, with nothing in it."""
    settings.data_dir.mkdir()
    made = create_engine(settings.resolved_database_url)
    yield made
    made.dispose()


def differences(connection) -> list:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)


def guards(connection) -> list:
    """The triggers, as the database shows them."""
    if connection.dialect.name == "sqlite":
        return connection.execute(text("select name, sql from sqlite_master where type = 'trigger' order by 1")).all()
    shown = "select t.tgname, p.prosrc, t.tgtype from pg_trigger t join pg_proc p on p.oid = t.tgfoid "
    here = "join pg_class c on c.oid = t.tgrelid where not t.tgisinternal and c.oid = 'audit'::regclass order by 1"
    return connection.execute(text(shown + here)).all()


def an_old_site(engine) -> None:
    """A database from before revisions were written down, with a film of a patient and one of nobody."""
    named = Identity(
        patient_name="DOE^JANE", patient_id="4711", study_uid="1.2.3", accession="A-9", study_date="20250102"
    )
    screenings = {1: screened(identity=named), 2: screened(sha256="1" * 64)}
    with engine.begin() as connection:
        upgrade(connection, FIRST)
        connection.execute(text("drop table alembic_version"))
        connection.execute(text("insert into settings values ('site', '\"ward 3\"', '2026-01-02 12:00:00')"))
        for number, item in screenings.items():
            values = {"id": number, "key": item.sha256, "payload": json.dumps(screening_to_json(item, identity=True))}
            connection.execute(text("insert into images values (:id, :key, '2026-01-02 12:00:00', false)"), values)
            row = "insert into screenings values (:id, :id, 'm', 'screened', :payload, '2026-01-02 12:00:00')"
            connection.execute(text(row), values)


def test_the_revisions_are_one_chain_from_the_first_to_todays():
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    chain = ScriptDirectory.from_config(config)
    assert chain.get_heads() == [HEAD]
    assert chain.get_bases() == [FIRST]


def test_the_revisions_make_what_a_new_database_has(engine, settings, new_database):
    with engine.begin() as connection:
        upgrade(connection, FIRST)
    with engine.begin() as connection:
        upgrade(connection)
        assert differences(connection) == []
        led = guards(connection)
    url = new_database() or f"sqlite:///{settings.data_dir / 'new.db'}"
    Database(url).close()
    new = create_engine(url)
    with new.begin() as connection:
        assert differences(connection) == []
        assert connection.scalar(text("select version_num from alembic_version")) == HEAD
        assert guards(connection) == led
    new.dispose()


def test_a_database_from_before_revisions_were_written_down_keeps_its_rows(engine, settings):
    an_old_site(engine)
    store = Store(settings)
    assert store.get_setting("site") == "ward 3"
    assert [entry.key for entry in store.entries()] == ["0" * 64, "1" * 64]
    study, nobodys = store.study("0" * 64), store.study("1" * 64)
    assert (study.uid, study.patient_id, study.accession, study.study_date) == ("1.2.3", "4711", "A-9", "20250102")
    assert (nobodys.patient_id, len(nobodys.images)) == ("", 1)
    assert store.patient_keys("4711") == ("0" * 64,)
    assert store.verify_audit().sound
    store.close()


@pytest.mark.parametrize("old", [False, True])
def test_those_who_open_it_at_once_find_it_whole(engine, settings, old):
    if old:
        an_old_site(engine)
    gate = threading.Barrier(5)

    def open_it(_number: int) -> int:
        gate.wait()
        store = Store(settings)
        store.note("exported", "x", {})
        count = len(store.entries())
        store.close()
        return count

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(open_it, range(5))) == [2 if old else 0] * 5
    with engine.begin() as connection:
        assert differences(connection) == []
        assert connection.execute(text("select version_num from alembic_version")).scalars().all() == [HEAD]


def test_opening_a_database_that_is_at_todays_revision_asks_it_one_thing(engine, settings):
    Store(settings).close()
    with engine.begin() as connection:
        connection.execute(text("drop table settings"))
    Store(settings).close()
    assert "settings" not in inspect(engine).get_table_names()


def test_a_database_of_a_newer_version_is_left_alone(engine, settings):
    Store(settings).close()
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999_future'"))
    with pytest.raises(StoreError, match="newer version"):
        Store(settings)
    with engine.begin() as connection:
        assert connection.scalar(text("select version_num from alembic_version")) == "9999_future"


def test_a_migration_says_nothing(engine, capsys, caplog):
    with engine.begin() as connection:
        upgrade(connection)
    told = capsys.readouterr()
    assert (told.out, told.err, caplog.text) == ("", "", "")


SITE_WIDE = {"images", "studies", "audit", "settings", "destinations", "heartbeats", "seen_files"}


def test_what_a_table_says_of_an_image_goes_with_the_image():
    """Or erasing a patient would leave some of it behind."""
    for table in Base.metadata.sorted_tables:
        keys = [key for key in table.foreign_keys if key.column.table.name == "images"]
        if table.name not in SITE_WIDE:
            assert keys, f"{table.name} has no foreign key to images; if it holds nothing of a film, name it above"
        assert all(key.ondelete == "CASCADE" for key in keys), table.name
