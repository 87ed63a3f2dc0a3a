"""``listen``, ``watch``, ``fetch`` and ``work`` as they are called, over hand-made models."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from cxr_core.__main__ import main
from cxr_core.commands.exchange import _changing
from cxr_core.exchange.landing import Landing
from cxr_core.exchange.outbox import Outbox
from cxr_core.exchange.worker import alone
from cxr_core.pipeline import Screener
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from tests.exchange.films import dataset, file_of
from tests.exchange.test_dicomweb import MULTI, listed, multi


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("CXR_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def held(data):
    """The store, as another process sees it."""
    made = Store(Settings(data_dir=data))
    yield made
    made.close()


def run(*arguments: str) -> int:
    return main(arguments, lambda settings: Screener(settings, [fakes.covid(), fakes.nih()]))


def soon(act, when) -> threading.Thread:
    """Do something as soon as it can be done."""

    def wait() -> None:
        for _ in range(200):
            if when():
                act()
                return
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def stop_us() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_work_once_screens_what_waits_and_delivers_what_is_due(data, held, server, capsys):
    (data / "site.toml").write_text(
        '[exchange]\n[[exchange.destination]]\nname = "record"\nkind = "fhir"\n'
        f'url = "http://127.0.0.1:{server.server_port}/fhir"\n'
    )
    server.script = [(500, "text/plain", b"")]
    landing = Landing(held)
    film = landing.film(1_000_000)
    film.write(file_of(dataset()))
    assert run("work", "--once") == 0  # from now on results are due there
    landing.keep(film, instance="1", origin="dicom", sender="XRAY1", name="{number}.dcm")
    landing.close()
    assert run("work", "--once") == 0
    assert [entry.screening.status for entry in held.entries()] == ["screened"]
    (parcel,) = held.outbox_latest(5)
    assert (parcel.state, parcel.attempts) == ("waiting", 1)
    assert "500" in parcel.reason
    assert held.heartbeat("worker").facts["ended"]


def test_work_gives_way_to_another_worker(data, held, capsys):
    lock = alone(data)
    assert run("work", "--once") == 2
    lock.close()
    assert "another process is screening" in capsys.readouterr().err


def test_work_names_a_destination_that_is_not_there(data, capsys):
    assert run("work", "--once", "--all", "nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


def test_work_stops_when_it_is_asked_to(data, held):
    thread = soon(stop_us, lambda: held.heartbeat("worker") is not None)
    assert run("work") == 0
    thread.join()
    assert held.heartbeat("worker").facts["ended"]


def test_listen_runs_until_a_signal_and_says_where(data, held):
    thread = soon(stop_us, lambda: held.heartbeat("listener") is not None)
    assert run("listen", "--port", "0", "--host", "127.0.0.1", "--aet", "OTHER", "--only-receive") == 0
    thread.join()
    facts = held.heartbeat("listener").facts
    assert (facts["aet"], facts["ended"], facts["received"]) == ("OTHER", True, 0)
    assert facts["port"] > 0


def test_a_port_that_is_taken_is_said(data, capsys, server):
    assert run("listen", "--host", "127.0.0.1", "--port", str(server.server_port), "--only-receive") == 2
    assert "cannot be listened on" in capsys.readouterr().err


def test_a_site_file_that_is_wrong_ends_it_before_it_begins(data, capsys):
    (data / "site.toml").write_text("[exchange]\nport = -1\n")
    for command in (["listen"], ["work", "--once"], ["fetch", "x"]):
        assert run(*command) == 2
        assert "port in [exchange]" in capsys.readouterr().err


def test_watch_does_not_begin_where_its_worker_could_not(data, capsys, tmp_path):
    (data / "site.toml").write_text("[exchange]\nport = -1\n")
    assert run("watch", str(tmp_path)) == 2
    assert "port in [exchange]" in capsys.readouterr().err


def test_a_worker_that_cannot_begin_says_so_and_no_more(data):
    """Its input stays open, as that of a worker beside a listener does."""
    (data / "site.toml").write_text("[exchange]\nport = -1\n")
    command = [sys.executable, "-m", "cxr_core", "work", "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.wait(60) == 2
        said = process.stderr.read()
    assert "port in [exchange]" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["listen", "--port", "99999"], "between 0 (any free port) and 65535"),
        (["listen", "--port", "-1"], "between 0 (any free port) and 65535"),
        (["listen", "--aet", "A TITLE THAT IS TOO LONG"], "1 to 16 characters"),
        (["listen", "--aet", ""], "1 to 16 characters"),
        (["fetch", "archive", "--date", "2026-01-31"], "YYYYMMDD"),
        (["watch", ".", "--settle", "-3"], "0 or more"),
        (["watch", ".", "--settle", "soon"], "0 or more"),
    ],
)
def test_an_argument_that_makes_no_sense_is_said(data, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_site_file_that_becomes_wrong_is_said_once_and_the_last_good_one_holds(data, caplog):
    rules = _changing(Settings(data_dir=data))
    (data / "site.toml").write_text('[exchange]\naet = "GOOD"\n')
    assert rules().aet == "GOOD"
    (data / "site.toml").write_text("= =")
    with caplog.at_level("INFO"):
        assert [rules().aet for _ in range(3)] == ["GOOD"] * 3
        (data / "site.toml").write_text('[exchange]\naet = "BETTER"\n')
        assert [rules().aet for _ in range(2)] == ["BETTER"] * 2
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_delivery_that_ends_by_a_bug_ends_the_work(data, held, monkeypatch):
    def broken(*_arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(Outbox, "run", broken)
    with pytest.raises(ZeroDivisionError):
        run("work")
    assert held.heartbeat("worker").facts["ended"]


def test_watch_takes_what_is_put_there(data, held, tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a.png").write_bytes(fakes.film(200))
    thread = soon(stop_us, lambda: bool(held.inbox_waiting(1)))
    assert run("watch", str(folder), "--settle", "0.1", "--only-receive") == 0
    thread.join()
    (row,) = held.inbox_waiting(5)
    assert row.name == "a.png"
    assert held.heartbeat("watcher").facts["taken"] == 1


def test_fetch_fetches_and_screens(data, held, server, capsys):
    (data / "site.toml").write_text(
        '[exchange]\n[[exchange.source]]\nname = "archive"\nkind = "dicomweb"\n'
        f'url = "http://127.0.0.1:{server.server_port}/web"\n'
    )
    film = dataset()
    server.script = [
        listed("StudyInstanceUID", "1.2"), listed("SeriesInstanceUID", "1.3"),
        listed("SOPInstanceUID", film.SOPInstanceUID), (200, MULTI, multi(file_of(film))),
    ]  # fmt: skip
    assert run("fetch", "archive", "--date", "20260101", "--modality", "DX") == 0
    assert "1 fetched, 0 known, 0 failed" in capsys.readouterr().err
    (entry,) = held.entries()
    assert entry.screening.identity.instance_uid == film.SOPInstanceUID
    assert "StudyDate=20260101" in server.heard[0][0]


def test_fetch_from_what_is_no_archive_is_said(data, capsys):
    (data / "site.toml").write_text(
        '[exchange]\n[[exchange.destination]]\nname = "ward"\nkind = "hl7"\nhost = "127.0.0.1"\nport = 9\n'
    )
    assert run("fetch", "ward") == 2
    assert run("fetch", "nobody") == 2
    assert "no DICOMweb archive" in capsys.readouterr().err
