"""The DICOM listener, called by pynetdicom and by raw sockets: what it takes, what it refuses and how."""

import threading

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from cxr_core.exchange.listener import Listener
from cxr_core.exchange.rules import Rules
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.exchange.films import dataset, instance_of

DX = "1.2.840.10008.5.1.4.1.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data", max_file_mb=1)


@pytest.fixture
def store(settings):
    made = Store(settings)
    yield made
    made.close()


@pytest.fixture
def listen(settings, store):
    """Start listeners; each ends with the test."""
    running = []

    def start(**facts) -> Listener:
        made = Listener(Rules(host="127.0.0.1", port=0, **facts), settings, store)
        thread = threading.Thread(target=made.serve)
        thread.start()
        running.append((made, thread))
        return made

    yield start
    for made, thread in running:
        made.stop()
        thread.join()


def associate(listener, *classes, called="CXRSCREEN", calling="XRAY1", syntax=ExplicitVRLittleEndian):
    ae = AE(calling)
    for uid in classes:
        ae.add_requested_context(uid, syntax)
    return ae.associate("127.0.0.1", listener.port, ae_title=called)


def send(listener, *films, **facts) -> list[int]:
    association = associate(listener, DX, **facts)
    assert association.is_established
    statuses = [association.send_c_store(film).Status for film in films]
    association.release()
    return statuses


def test_it_answers_an_echo(listen):
    association = associate(listen(), "1.2.840.10008.1.1")
    assert association.send_c_echo().Status == 0
    association.release()


def test_success_means_that_the_film_lies_on_disk_as_it_was_sent_and_is_recorded(listen, store):
    film = dataset()
    assert send(listen(), film) == [0]
    (row,) = store.inbox_waiting(10)
    assert (row.sender, row.origin, row.state) == ("XRAY1", "dicom", "waiting")
    kept = instance_of(store.film(row.sha256))
    assert kept == film
    assert kept.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert kept.file_meta.MediaStorageSOPInstanceUID == film.SOPInstanceUID


def test_the_same_instance_sent_twice_is_one(listen, store):
    film = dataset()
    listener = listen()
    assert send(listener, film, film) + send(listener, film) == [0, 0, 0]
    (row,) = store.inbox_waiting(10)
    assert row.repeats == 2
    assert (listener.facts()["received"], listener.facts()["repeated"]) == (1, 2)


def test_a_study_that_comes_over_several_associations_is_all_there(listen, store):
    films = [dataset(number=number) for number in range(4)]
    listener = listen()
    for film in films:
        assert send(listener, film) == [0]
    assert {instance_of(store.film(row.sha256)).SOPInstanceUID for row in store.inbox_waiting(10)} == {
        film.SOPInstanceUID for film in films
    }
