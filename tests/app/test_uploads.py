"""Uploads on disk: names kept and harmless, memory and disk let go however it ends, nothing lost by a crash."""

import io
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, replace

import pytest

from cxr_core.errors import StoreError, TooLarge
from cxr_core.pipeline import Screener
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from tests.app.conftest import open_page
from ui import films, state, uploads
from ui.begin import begin
from ui.jobs import MOST_STARTS, Board, Task
from ui.spool import Spool, left_over
from ui.state import Site
from ui.uploads import fill


@dataclass
class Sent:
    """An upload."""

    name: str
    data: bytes
    file_id: str = "1"

    @property
    def size(self) -> int:
        return len(self.data)

    def getbuffer(self) -> memoryview:
        return memoryview(self.data)


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path, max_files=3, max_file_mb=1, max_upload_mb=5)


@pytest.fixture
def spool(settings):
    made = Spool.new(settings.data_dir)
    yield made
    made.discard()


def finished(board, number=1):
    """The run of that number, ended."""
    job = board.job(number)
    job.thread.join(60)
    assert not job.running
    return job


def packed(**members) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.fixture
def site(settings):
    store = Store(settings)
    yield Site(settings, store, Screener(settings, [fakes.covid(), fakes.nih()]))
    store.close()


def test_uploads_keep_the_names_of_the_person_s_folder_and_never_become_paths(spool, settings):
    sent = [Sent("ward/7/one.dcm", b"one"), Sent("../../etc/passwd", b"two"), Sent("many.zip", packed(b=b"film"))]
    fill(sent, spool)
    found = list(spool.inputs(settings))
    assert [item.name for item in found] == ["ward/7/one.dcm", "../../etc/passwd", "many.zip/b"]
    assert [item.load() for item in found] == [b"one", b"two", b"film"]
    assert sorted(path.name for path in spool.folder.iterdir()) == ["000000", "000001", "000002", "lock"]


def test_two_uploads_of_one_name_stay_two(spool, settings):
    fill([Sent("same.png", b"one"), replace(Sent("same.png", b"two"), file_id="2")], spool)
    assert [item.load() for item in spool.inputs(settings)] == [b"one", b"two"]


@pytest.mark.parametrize("ends", ["too large", "disk full", "well"])
def test_streamlit_s_memory_and_the_disk_are_let_go_however_it_ends(ends, settings, site, monkeypatch):
    forgotten = []
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda: Context(forgotten))
    monkeypatch.setattr("ui.begin._start", lambda task, *_: task.spool.release())
    if ends == "disk full":
        monkeypatch.setattr("pathlib.Path.write_bytes", no_space)
    size = 3_000_000 if ends == "too large" else 10
    sent = [Sent("a", bytes(size), "1"), Sent("b", bytes(size), "2")]
    incoming = settings.data_dir / "incoming"
    if ends == "well":
        begin(sent, Board(settings), site)
        assert len(list(incoming.iterdir())) == 1
    else:
        with pytest.raises((TooLarge, StoreError), match=r"all its files again|several uploads"):
            begin(sent, Board(settings), site)
        assert list(incoming.glob("*")) == []
    assert set(forgotten) == {"1", "2"}


@dataclass
class Context:
    """What is used of Streamlit's script context."""

    forgotten: list

    session_id = "s"

    @property
    def uploaded_file_mgr(self):
        return self

    def remove_file(self, session_id, file_id):
        assert session_id == "s"
        self.forgotten.append(file_id)


def no_space(*_):
    raise OSError(28, "No space left on device")


def test_what_is_beyond_the_limits_is_refused_one_by_one(spool, settings, site):
    films = {f"{n}.png": fakes.film(100 + n) for n in range(3)}
    fill([Sent("huge", bytes(1_000_001)), Sent("all.zip", packed(**films)), Sent("last.png", fakes.film(90))], spool)
    board = Board(settings)
    board.start(Task.of(spool, settings), site.screener, site.store)
    job = finished(board)
    assert (job.state, job.total, job.left_out) == ("done", 5, 2)
    codes = [entry.screening.refusal and entry.screening.refusal.code for entry in site.store.entries()]
    assert codes == ["too_large", None, None, "too_many", "too_many"]
    assert not spool.folder.exists()


def test_an_error_that_nobody_foresaw_is_said_without_a_name_and_loses_nothing(spool, settings, site, caplog):
    secret = "-".join(("DOE", "JANE"))

    def fails(_arrival):
        raise KeyError(secret)

    fill([Sent(f"{secret}.png", fakes.film(200)), Sent("b.png", fakes.film(100))], spool)
    board = Board(settings)
    board.start(replace(Task.of(spool, settings), each=fails), site.screener, site.store)
    job = finished(board)
    assert job.state == "failed"
    assert "begins again" in job.error
    assert "KeyError" in caplog.text
    assert secret not in caplog.text + job.error
    again = Board(settings)
    again.resume(site.screener, site.store)
    assert finished(again).state == "done"
    assert [entry.screening.file for entry in site.store.entries()] == [f"{secret}.png", "b.png"]
    assert {entry.received_at for entry in site.store.entries()} == {spool.received_at}


_CRASH = """
import os, sys
from pathlib import Path
from cxr_core.settings import Settings
from ui.jobs import Task
from ui.spool import Spool
from ui.uploads import fill
settings = Settings(data_dir=Path(sys.argv[1]))
whole, half = Spool.new(settings.data_dir), Spool.new(settings.data_dir)
for spool in (whole, half):
    spool.add("ward/a.png", Path(sys.argv[2]).read_bytes())
Task.of(whole, settings)
os._exit(9)
"""


def test_an_upload_outlives_the_process_that_took_it_in(tmp_path, settings, site):
    (tmp_path / "film").write_bytes(fakes.film(200))
    ended = subprocess.run([sys.executable, "-c", _CRASH, str(tmp_path), str(tmp_path / "film")], check=False)
    assert ended.returncode == 9
    board = Board(settings)
    board.resume(site.screener, site.store)
    assert finished(board).state == "done"
    assert [entry.screening.file for entry in site.store.entries()] == ["ward/a.png"]
    assert list((tmp_path / "incoming").iterdir()) == [], "the upload that was half sent is deleted"


def test_an_upload_of_a_living_process_is_left_to_it(spool, settings):
    fill([Sent("a.png", fakes.film(200))], spool)
    spool.begin()
    assert list(left_over(settings.data_dir)) == []
    spool.release()
    (found,) = left_over(settings.data_dir)
    assert (found.names, found.received_at, found.starts) == (spool.names, spool.received_at, 1)
    found.release()


def test_an_upload_that_ends_the_server_again_and_again_is_kept_and_said(spool, settings, site):
    fill([Sent("a.png", fakes.film(200))], spool)
    for _ in range(MOST_STARTS):
        spool.begin()
    spool.release()
    board = Board(settings)
    board.resume(site.screener, site.store)
    assert board.job(1).state == "failed"
    assert "smaller groups" in board.job(1).error
    assert (spool.folder / "000000").exists()


def test_the_app_takes_up_what_was_left_when_it_starts(models):
    """As after a power cut: the page is opened, and the films of the last upload stand in the worklist."""
    settings = Settings.from_environment()
    spool = Spool.new(settings.data_dir)
    fill([Sent("left.png", fakes.film(200))], spool)
    spool.begin()
    spool.release()
    open_page("pages/1_Screen.py")
    assert finished(state.board()).state == "done"
    (entry,) = state.store().entries()
    assert entry.screening.file == "left.png"
    while not films.kept_thumbnail(state.store(), entry.key):  # made beside the run, as after any upload
        time.sleep(0.02)
