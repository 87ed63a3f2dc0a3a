"""A watched folder: what is complete is taken once, what is not waits, nothing in the folder is touched."""

import io
import os
import threading
import time
import zipfile

import pytest

from cxr_core.errors import SettingsError
from cxr_core.exchange.watcher import Watcher
from tests import fakes
from tests.exchange.films import dataset, file_of


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "watched"
    made.mkdir()
    return made


@pytest.fixture
def watcher(folder, store, settings, clock):
    made = Watcher(folder, store, settings, clock=clock)
    yield made
    made.close()


def rest(watcher, clock, seconds=3.0):
    """As if the watcher had looked, waited and looked again."""
    watcher.sweep()
    watcher.look()
    clock.now += seconds
    watcher.look()


def test_a_film_is_taken_once_and_stays_where_it_is(folder, store, watcher, clock):
    (folder / "ward").mkdir()
    path = folder / "ward" / "a.dcm"
    path.write_bytes(file_of(dataset()))
    for _ in range(3):
        rest(watcher, clock)
    (row,) = store.inbox_waiting(10)
    assert (row.name, row.origin, row.repeats) == ("ward/a.dcm", "folder", 0)
    assert store.film(row.sha256) == path.read_bytes()


def test_what_was_taken_is_remembered_over_a_restart(folder, store, settings, watcher, clock):
    (folder / "a.png").write_bytes(fakes.film(200))
    rest(watcher, clock)
    again = Watcher(folder, store, settings, clock=clock)
    rest(again, clock)
    again.close()
    (row,) = store.inbox_waiting(10)
    assert row.repeats == 0


def test_a_file_that_is_still_written_waits(folder, store, watcher, clock):
    data = file_of(dataset())
    path = folder / "slow.dcm"
    for end in (len(data) // 3, 2 * len(data) // 3, len(data)):
        path.write_bytes(data[:end])
        os.utime(path, ns=(end, end))
        watcher.sweep()
        watcher.look()
        clock.now += 1.0
        watcher.look()
    assert store.inbox_waiting(10) == ()
    rest(watcher, clock)
    (row,) = store.inbox_waiting(10)
    assert row.size == len(data)


def test_a_file_that_grew_after_it_was_taken_is_taken_again(folder, store, watcher, clock):
    data = file_of(dataset())
    path = folder / "stalled.dcm"
    path.write_bytes(data[:5000])
    rest(watcher, clock)
    path.write_bytes(data)
    rest(watcher, clock)
    assert [row.size for row in store.inbox_waiting(10)] == [5000, len(data)]


@pytest.mark.parametrize("name", ["a.dcm.part", ".hidden.dcm", "Thumbs.db", "a.tmp"])
def test_what_programs_leave_lying_about_is_no_film(folder, store, watcher, clock, name):
    (folder / name).write_bytes(file_of(dataset()))
    rest(watcher, clock)
    assert store.inbox_waiting(10) == ()


def test_every_film_of_an_archive_is_taken(folder, store, watcher, clock):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x/a.png", fakes.film(200))
        archive.writestr("x/b.png", fakes.film(210))
    (folder / "two.zip").write_bytes(packed.getvalue())
    rest(watcher, clock)
    assert [row.name for row in store.inbox_waiting(10)] == ["two.zip/x/a.png", "two.zip/x/b.png"]


def test_a_file_too_large_stands_in_the_lane_of_refused_ones(folder, store, watcher, clock):
    (folder / "large.dcm").write_bytes(bytes(1_500_000))
    rest(watcher, clock)
    rest(watcher, clock)
    (entry,) = store.entries()
    assert (entry.screening.file, entry.screening.refusal.code) == ("large.dcm", "too_large")


def test_a_name_with_braces_is_shown_and_formats_nothing(folder, store, watcher, clock):
    (folder / "{number}.png").write_bytes(fakes.film(200))
    rest(watcher, clock)
    (row,) = store.inbox_waiting(10)
    assert row.name == "(number).png"


def test_the_same_film_by_folder_twice_is_one(folder, store, watcher, clock):
    (folder / "a.dcm").write_bytes(file_of(dataset()))
    (folder / "b.dcm").write_bytes(file_of(dataset()))
    rest(watcher, clock)
    (row,) = store.inbox_waiting(10)
    assert row.repeats == 1


def test_a_folder_that_is_not_there_is_said(tmp_path, store, settings):
    with pytest.raises(SettingsError, match="not there"):
        Watcher(tmp_path / "nowhere", store, settings)


def test_the_system_tells_of_a_new_file(folder, store, settings):
    """With the real observer and the real clock: a file put there while it runs comes in, without a sweep."""
    watcher = Watcher(folder, store, settings, settle=0.1)
    ended = threading.Event()
    thread = threading.Thread(target=watcher.run, args=(ended.is_set,))
    thread.start()
    time.sleep(0.6)  # the first sweep is over, the next would come in a minute
    (folder / "new.png").write_bytes(fakes.film(200))
    for _ in range(100):
        if store.inbox_waiting(10):
            break
        time.sleep(0.1)
    ended.set()
    thread.join()
    assert len(store.inbox_waiting(10)) == 1
