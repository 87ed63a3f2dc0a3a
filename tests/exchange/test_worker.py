"""What waits in the inbox is screened as an upload is, once, in order, and survives what ends the worker."""

from datetime import UTC, datetime

import pytest

from cxr_core.exchange.landing import Landing
from cxr_core.exchange.rules import Rules
from cxr_core.exchange.worker import MOST_STARTS, Worker, alone
from cxr_core.pipeline import Screener
from cxr_core.read import digest
from cxr_core.store import Store
from tests import fakes
from tests.exchange.films import dataset, file_of


@pytest.fixture
def screener(settings):
    return Screener(settings, [fakes.covid(), fakes.nih()])


@pytest.fixture
def worker(settings, store, screener):
    return Worker(settings, store, screener, Rules)


@pytest.fixture
def put(store):
    """Put films into the inbox as another system would."""
    landing = Landing(store)

    def give(data: bytes, instance: str, name: str = "XRAY1 {number}.dcm", sender: str = "XRAY1") -> bool:
        film = landing.film(10_000_000)
        film.write(data)
        return landing.keep(film, instance=instance, origin="dicom", sender=sender, name=name)

    yield give
    landing.close()


def test_a_received_film_is_an_entry_with_its_identity_and_its_time_of_arrival(store, put, worker):
    film = dataset()
    before = datetime.now(UTC)
    put(file_of(film), film.SOPInstanceUID)
    (waiting,) = store.inbox_waiting(10)
    assert worker.screen_waiting() == 1
    (entry,) = store.entries()
    assert entry.screening.status == "screened"
    assert entry.screening.identity.study_uid == film.StudyInstanceUID
    assert before <= entry.received_at == waiting.received_at
    assert not entry.synthetic
    assert store.inbox_waiting(10) == ()
    assert store.inbox_counts() == {"screened": 1}


def test_what_is_no_film_stands_in_the_lane_of_refused_ones(store, put, worker):
    put(b"this is no film", "1.2.3")
    worker.screen_waiting()
    (entry,) = store.entries()
    assert (entry.screening.status, entry.screening.refusal.code) == ("refused", "not_an_image")
    (row,) = store.inbox_latest(5, "refused")
    assert row.reason == "not_an_image"


@pytest.mark.parametrize(
    "entries",
    [
        {"StudyInstanceUID": None},
        {"StudyInstanceUID": ""},
        {"SpecificCharacterSet": "ISO_IR 192", "PatientName": b"M\xfcller^\xff\xfe"},
        {"SpecificCharacterSet": "NO SUCH SET", "PatientName": b"M\xc3\xbcller"},
    ],
    ids=["no study", "empty study", "not its characters", "no such characters"],
)
@pytest.mark.filterwarnings("ignore")  # pydicom's, about what is wrong with these on purpose
def test_a_header_that_is_wrong_costs_no_film(store, put, worker, entries):
    film = dataset(**{key: value for key, value in entries.items() if not isinstance(value, bytes)})
    data = file_of(film)
    for name in (value for value in entries.values() if isinstance(value, bytes)):
        data = data.replace(b"SYNTHETIC^PHANTOM"[: len(name)], name)
    put(data, film.SOPInstanceUID)
    worker.screen_waiting()
    (entry,) = store.entries()
    assert entry.screening.status == "screened"


def test_a_study_number_too_long_costs_no_film(store, put, worker):
    data = file_of(dataset(study="1.2." + "3" * 58))  # 62 characters, made 70 below
    uid = ("1.2." + "3" * 58).encode()
    at = data.index(uid)
    long = b"1.2." + b"3" * 66
    data = data[: at - 2] + len(long).to_bytes(2, "little") + long + data[at + 62 :]
    put(data, "1.2.3")
    worker.screen_waiting()
    (entry,) = store.entries()
    assert entry.screening.status == "screened"


def test_rules_leave_films_out_where_people_see_it(settings, store, screener, put):
    rules = Rules(modalities=("DX",), body_parts=("CHEST",))
    for number, facts in enumerate(({"Modality": "CR"}, {"BodyPartExamined": "HAND"}, {"BodyPartExamined": ""}, {})):
        film = dataset(number, **facts)
        put(file_of(film), film.SOPInstanceUID)
    Worker(settings, store, screener, lambda: rules).screen_waiting()
    said = [entry.screening for entry in store.entries()]
    assert [item.status for item in said] == ["refused", "refused", "screened", "screened"]
    assert [item.refusal.code for item in said[:2]] == ["left_out", "left_out"]
    messages = [entry.screening.refusal.message for entry in store.entries()[:2]]
    assert "CR" in messages[0] and "HAND" in messages[1]
    assert all("site file" in message for message in messages)


def test_the_same_picture_under_the_same_number_is_one_also_with_another_header(store, put, worker):
    film = dataset()
    put(file_of(film), film.SOPInstanceUID)
    worker.screen_waiting()
    film.PatientName = "CORRECTED^NAME"
    assert put(file_of(film), film.SOPInstanceUID)
    worker.screen_waiting()
    assert len(store.entries()) == 1
    assert store.inbox_counts() == {"screened": 1}


def test_another_picture_under_the_same_number_is_not_lost(store, put, worker):
    put(file_of(dataset(1)), "1.2.3")
    put(file_of(dataset(2)), "1.2.3")
    worker.screen_waiting()
    assert len(store.entries()) == 2


def test_a_film_that_ends_the_process_is_tried_alone_and_given_up_after_a_while(settings, store, put):
    for number in range(3):
        put(file_of(dataset(number)), str(number))
    poison = store.inbox_waiting(10)[1].sha256

    class Killed(BaseException):
        """As a signal would."""

    def killer(settings):
        screener = Screener(settings, [fakes.covid(), fakes.nih()])
        inner = screener.screen_together

        def screen(inputs, **facts):
            for item in inputs:
                if digest(item.load()) == poison:
                    raise Killed
                yield from inner([item], **facts)

        screener.screen_together = screen
        screener.switched = lambda _switches: screener
        return screener

    for _ in range(MOST_STARTS):
        with pytest.raises(Killed):
            Worker(settings, store, killer(settings), Rules).screen_waiting()
    Worker(settings, store, killer(settings), Rules).screen_waiting()
    told = {entry.key: entry.screening for entry in store.entries()}
    assert len(told) == 3
    assert told[poison].refusal.code == "reader_failed"
    assert sum(item.status == "screened" for item in told.values()) == 2
    assert store.inbox_waiting(10) == ()


def test_a_worker_that_died_between_screening_and_noting_does_not_screen_again(store, put, worker, monkeypatch):
    film = dataset()
    put(file_of(film), film.SOPInstanceUID)
    monkeypatch.setattr(store, "inbox_end", lambda *_args: None)
    worker.screen_waiting(iter([False, False, True, True]).__next__)
    monkeypatch.undo()
    assert len(store.inbox_waiting(10)) == 1
    screened_at = store.entries()[0].screened_at
    worker.screen_waiting()
    assert store.inbox_waiting(10) == ()
    assert [entry.screened_at for entry in store.entries()] == [screened_at]


def test_one_worker_at_a_time_empties_a_data_folder(settings, store):
    first = alone(settings.data_dir)
    assert alone(settings.data_dir) is None
    first.close()
    again = alone(settings.data_dir)
    assert again is not None
    again.close()


def test_a_film_too_large_for_the_reader_is_refused_with_that_reason(store, put, screener, settings):
    put(file_of(dataset(Rows=1024, Columns=1024, PixelData=bytes(2 * 1024 * 1024))), "1.2.3")
    Worker(settings, store, screener, Rules).screen_waiting()
    (entry,) = store.entries()
    assert entry.screening.refusal.code == "too_large"


def test_an_erased_film_that_comes_again_is_a_new_one(store, put, worker):
    film = dataset()
    put(file_of(film), film.SOPInstanceUID)
    worker.screen_waiting()
    store.purge(store.entries()[0].key)
    assert store.inbox_counts() == {}
    assert put(file_of(film), film.SOPInstanceUID)
    worker.screen_waiting()
    assert len(store.entries()) == 1


def test_the_inbox_is_seen_by_another_process_of_the_same_folder(settings, store, put, worker):
    film = dataset()
    put(file_of(film), film.SOPInstanceUID)
    worker.screen_waiting()
    other = Store(settings)
    assert [entry.key for entry in other.entries()] == [entry.key for entry in store.entries()]
    other.close()
