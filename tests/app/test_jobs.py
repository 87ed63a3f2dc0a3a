"""Screening in the background: two runs at a time; each ends in a state that can be told and leaves no file behind."""

import threading
import time

import pytest

from cxr_core.errors import StoreError
from cxr_core.pipeline import Screener
from cxr_core.read.sources import InputFile
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from ui.jobs import AT_ONCE, KEPT, Board, Job, Task
from ui.spool import Spool


@pytest.fixture
def site(tmp_path):
    settings = Settings(data_dir=tmp_path)
    store = Store(settings)
    yield Board(settings), Screener(settings, detectors=[fakes.covid(), fakes.nih()]), store
    store.close()


def until(true):
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def films(*greys):
    return [InputFile(f"{grey}.png", lambda grey=grey: fakes.film(grey)) for grey in greys]


class FullDisk(Store):
    """A store whose disk is full."""

    def add_film(self, data):
        raise StoreError("a film could not be kept (No space left on device); free space in the data folder")


def test_a_run_ends_done_and_tells_each_arrival(site):
    board, screener, store = site
    told = []
    job = board.start(Task(lambda: films(100, 200), each=told.append), screener, store)
    until(lambda: not job.running)
    assert (job.state, job.total, job.error) == ("done", 2, "")
    assert [item.entry.screening.file for item in told] == ["100.png", "200.png"]
    assert told == job.arrivals


def test_a_run_on_a_full_disk_ends_early_and_says_why(site, tmp_path):
    board, screener, _ = site
    full = FullDisk(Settings(data_dir=tmp_path))
    job = board.start(Task(lambda: films(100, 200)), screener, full)
    until(lambda: not job.running)
    full.close()
    assert job.state == "failed"
    assert "free space in the data folder" in job.error


def test_the_folder_of_a_run_is_deleted_at_its_end(site, tmp_path):
    board, screener, store = site
    spool = Spool.new(tmp_path)
    spool.add("a.png", fakes.film(100))
    job = board.start(Task.of(spool, Settings(data_dir=tmp_path)), screener, store)
    until(lambda: not job.running)
    assert job.state == "done"
    assert not spool.folder.exists()


def test_more_runs_than_places_wait_their_turn(site):
    board, screener, store = site
    gate = threading.Event()

    def held():
        gate.wait(30)
        return films(100)

    jobs = [board.start(Task(held), screener, store) for _ in range(AT_ONCE + 1)]
    until(lambda: sum(job.state == "running" for job in jobs) == AT_ONCE)
    assert sum(job.state == "waiting" for job in jobs) == 1
    gate.set()
    until(lambda: all(job.state == "done" for job in jobs))


def test_finished_runs_are_forgotten_in_time_and_the_newest_running_is_found(site):
    board, screener, store = site
    for _ in range(KEPT + 3):
        job = board.start(Task(list), screener, store)
        until(lambda job=job: not job.running)
    assert board.job(1) is None
    assert board.job(job.number) is job
    assert board.newest_running() is None


def test_time_left_follows_the_pace_so_far():
    job = Job(1, total=10, state="running", started=time.monotonic() - 4)
    assert job.seconds_left is None
    job.arrivals.extend([None] * 2)
    assert job.seconds_left == pytest.approx(16, abs=1)
    job.arrivals.extend([None] * 8)
    assert job.seconds_left is None
