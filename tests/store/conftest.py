"""Every test of the store that asks for ``settings`` or ``store`` runs on SQLite and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from sqlalchemy import create_engine, event, text

from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import postgresql


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    with postgresql.running() as found:
        if found is None:
            pytest.skip(postgresql.PACKAGE)
        yield found


@pytest.fixture(params=["sqlite", "postgresql"], scope="session")
def new_database(request) -> Callable[[], str]:
    """Gives the URL of a new database at each call; "" is SQLite in the data folder."""
    if request.param == "sqlite":
        return str
    return request.getfixturevalue("server").database


@pytest.fixture
def settings(tmp_path, new_database) -> Settings:
    return Settings(data_dir=tmp_path / "data", database_url=new_database())


@pytest.fixture
def store(settings) -> Iterator[Store]:
    opened = Store(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, new_database) -> Iterator[Store]:
    """One store for all examples of a property."""
    opened = Store(Settings(data_dir=tmp_path_factory.mktemp("shared"), database_url=new_database()))
    yield opened
    opened.close()


@pytest.fixture
def statements(store) -> Iterator[list[str]]:
    """The SQL that the store has sent, as long as the test lasts."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_):
        sent.append(statement)

    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def sql(settings) -> Iterator[Callable]:
    """Runs a statement behind the store's back; gives the rows, if there are any."""

    @cache
    def engine():
        return create_engine(settings.resolved_database_url)

    def run(statement: str, **values) -> list[tuple]:
        with engine().begin() as connection:
            found = connection.execute(text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []

    yield run
    engine().dispose()
