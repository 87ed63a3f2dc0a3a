"""A PostgreSQL server for the tests: Debian's, started in a folder of its own, or one whose URL is given.

Nothing is asked of the machine but the package: no service, no password, no port (a Unix socket in that folder). Every
store gets a schema of its own, which is as good as a database and made in milliseconds. CXR_TEST_DATABASE_URL names a
server that is there already; its user must be allowed to create schemas.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import sqlalchemy

PACKAGE = "needs PostgreSQL: install Debian's package postgresql, or set CXR_TEST_DATABASE_URL"

# The tests lose nothing when the machine loses power, so nothing waits for the disk; a stopped server keeps all.
_OPTIONS = {
    "listen_addresses": "''", "fsync": "off", "full_page_writes": "off",
    "shared_buffers": "32MB", "max_connections": "200", "logging_collector": "off", "log_min_messages": "panic",
}  # fmt: skip


class Server:
    """A running server; ``stop`` and ``start`` play a restart. ``folder`` is None for one that was there before."""

    def __init__(self, url: str, folder: Path | None) -> None:
        self.url = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
        self.folder = folder
        self._schemas: list[str] = []

    def database(self) -> str:
        """The URL of a new, empty schema."""
        name = f"cxr_{uuid4().hex}"
        self._admin(f"CREATE SCHEMA {name}")
        self._schemas.append(name)
        url = self.url.update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    def stop(self) -> None:
        """As a restart of the machine: whoever is connected is thrown out."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Answers when this returns."""
        options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        self._control("start", "-l", str(self.folder / "log"), "-o", f"{options} -k {self.folder}")

    def tidy(self) -> None:
        """Leave nothing on a server that is not ours."""
        for name in self._schemas:
            self._admin(f"DROP SCHEMA {name} CASCADE")

    def _admin(self, statement: str) -> None:
        engine = sqlalchemy.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _control(self, *words: str) -> None:
        _run(_program("pg_ctl"), "-D", str(self.folder / "data"), "-w", *words)


@contextmanager
def running() -> Iterator[Server | None]:
    """A server, or None where there is none to be had."""
    given = os.environ.get("CXR_TEST_DATABASE_URL", "")
    if given:
        server = Server(given, None)
        yield server
        server.tidy()
    elif _program("initdb"):
        with tempfile.TemporaryDirectory(prefix="cxr-pg-", dir=_fast_folder()) as name:
            folder = Path(name)
            if os.getuid() == 0:
                shutil.chown(folder, _USER)
            to = ("-D", str(folder / "data"), "-U", "cxr", "-A", "trust", "-E", "UTF8")
            _run(_program("initdb"), *to, "--no-locale", "--no-sync")
            server = Server(f"postgresql://cxr@/postgres?host={folder}", folder)
            server.start()
            try:
                yield server
            finally:
                server.stop()
    else:
        yield None


_USER = "postgres"


def _fast_folder() -> str:
    """In memory where there is room: a schema is a hundred files. Short, because it holds a socket."""
    memory = Path("/dev/shm")
    return str(memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 2**30 else Path("/tmp"))


def _program(name: str) -> str | None:
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return shutil.which(name) or (str(newest[-1]) if newest else None)


def _run(*command: str) -> None:
    """As the package's user where the tests run as root: the server refuses root."""
    as_user = {"user": _USER, "group": _USER} if os.getuid() == 0 else {}
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd="/",
        timeout=120, **as_user,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed with {done.returncode}")
