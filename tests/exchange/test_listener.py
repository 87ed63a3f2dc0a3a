"""The DICOM listener, called by pynetdicom and by raw sockets: what it takes, what it refuses and how."""

import logging
import socket
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from io import BytesIO

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import P_DATA_TF

from cxr_core.exchange.landing import Landing
from cxr_core.exchange.syntaxes import file_head
from tests.exchange.films import dataset, instance_of

DX = "1.2.840.10008.5.1.4.1.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"


def associate(listener, *classes, called="CXRSCREEN", calling="XRAY1", syntax=ExplicitVRLittleEndian, **facts):
    ae = AE(calling)
    for uid in classes:
        ae.add_requested_context(uid, syntax)
    return ae.associate("127.0.0.1", listener.port, ae_title=called, **facts)


def send(listener, *films, **facts) -> list[int]:
    association = associate(listener, DX, **facts)
    assert association.is_established
    statuses = [association.send_c_store(film).Status for film in films]
    association.release()
    return statuses


def test_it_answers_an_echo(listen):
    association = associate(listen(), VERIFICATION)
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


def test_an_implicit_film_stays_as_it_was_encoded(listen, store):
    film = dataset()
    assert send(listen(), film, syntax=ImplicitVRLittleEndian) == [0]
    (row,) = store.inbox_waiting(10)
    kept = instance_of(store.film(row.sha256))
    assert kept.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert kept.PixelData == film.PixelData


def test_the_names_that_people_see_differ_and_name_no_patient(listen, store):
    send(listen(), dataset(1), dataset(2))
    names = [row.name for row in store.inbox_waiting(10)]
    assert len(set(names)) == 2
    assert all(name.startswith("XRAY1 ") and "PHANTOM" not in name for name in names)


@pytest.mark.parametrize(
    ("called", "calling", "reason", "told"),
    [
        ("OTHER", "XRAY1", 7, "it called 'OTHER', and we are 'CXRSCREEN'"),
        ("CXRSCREEN", "STRANGER", 3, "'STRANGER' is not among the senders of the site file"),
    ],
    ids=["called", "calling"],
)
def test_a_wrong_ae_title_is_rejected_with_the_standard_s_reason(listen, called, calling, reason, told):
    listener = listen(senders=("XRAY1", "XRAY2"))
    association = associate(listener, DX, called=called, calling=calling)
    assert association.is_rejected
    said = association.acceptor.primitive
    assert (said.result, said.result_source, said.diagnostic) == (1, 1, reason)  # PS3.8 table 9-21
    facts = listener.facts()
    assert (facts["refused"], facts["last_refusal"]) == (1, f"an association was rejected: {told}")
    assert send(listener, dataset()) == [0]


def test_a_class_that_holds_no_films_is_not_agreed_on(listen):
    listener = listen()
    association = associate(listener, CTImageStorage, DX)
    assert [context.result for context in association.rejected_contexts] == [3]  # PS3.8 9.3.3.2: abstract syntax
    assert [context.abstract_syntax for context in association.accepted_contexts] == [DX]
    association.release()


def test_an_association_that_offers_no_film_is_told_so_and_counted(listen, caplog):
    listener = listen()
    association = associate(listener, CTImageStorage)
    assert not association.is_established
    wait_until(lambda: listener.facts()["refused"] == 1)
    assert "offered nothing that is taken, but CT Image Storage" in caplog.text


@pytest.mark.parametrize(("uid", "status"), [(CTImageStorage, 0x0122), ("1.2.840.10008.5.1.4.1.1.1", 0xA900)])
def test_a_film_of_another_class_than_agreed_is_refused(listen, store, uid, status):
    association = associate(listen(), DX)
    film = dataset()
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = uid
    context = association.accepted_contexts[0]
    context.abstract_syntax = uid  # a sender that does not keep to what was agreed
    assert association.send_c_store(film).Status == status
    association.release()
    assert store.inbox_waiting(10) == ()


def test_a_film_larger_than_allowed_is_refused_and_the_next_is_taken(listen, store):
    large = dataset(Rows=1024, Columns=1024, PixelData=bytes(2 * 1024 * 1024))
    assert send(listen(), large, dataset()) == [0xA700, 0]
    assert len(store.inbox_waiting(10)) == 1
    assert left_over(store) == []


@pytest.mark.filterwarnings("ignore:The value length")  # pydicom's, of which the listener's own process hears nothing
def test_a_film_whose_number_is_too_long_is_not_lost(listen, store):
    association = associate(listen(), DX)
    association._reactor_checkpoint.clear()  # the answer is for us to take
    number = "1.2." + "3" * 70
    for piece in encoded(association, number, payload(dataset())):
        association.dul.socket.socket.sendall(piece)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    assert answer.Status == 0
    association.release()
    (row,) = store.inbox_waiting(10)
    assert number.encode() in store.film(row.sha256)[:1000]


def left_over(store) -> list:
    return [path for path in store.landing().glob("*/*") if path.name != "lock"]


# What no DICOM sender does -------------------------------------------------------------------------------------------


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBL", kind, 0, len(body) if length is None else length) + body


def encoded(association, instance: str, data: bytes) -> Iterator[bytes]:
    """A C-STORE request in PDUs, with an identifier that no sender of pynetdicom would send."""
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 1, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = DX, "1.2"
    primitive.DataSet = BytesIO(data)
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    with warnings.catch_warnings(action="ignore"):
        message.command_set.AffectedSOPInstanceUID = instance
        for fragment in message.encode_msg(association.accepted_contexts[0].context_id, 16_384):
            data_pdu = P_DATA_TF()
            data_pdu.from_primitive(fragment)
            yield data_pdu.encode()


def payload(film) -> bytes:
    """A film's data set without its file's head."""
    return encode(film, is_implicit_vr=False, is_little_endian=True)


def wait_until(true) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def connected(listener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener.port), timeout=20)


def all_that_comes(connection) -> bytes:
    found = b""
    while piece := connection.recv(4096):
        found += piece
    return found


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", bytes(10_000), pdu(9, b"who are you"), pdu(1, b"\xff" * 300), pdu(4, b"\0\0\0\1\1\3")],
    ids=["http", "nulls", "unknown", "request", "data"],
)
def test_garbage_ends_its_connection_and_nothing_else(listen, garbage):
    listener = listen()
    with connected(listener) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        answer = all_that_comes(connection)
    assert answer == b"" or answer[0] == 7  # A-ABORT
    assert send(listener, dataset()) == [0]


def test_strangers_take_nobody_s_place(listen):
    """Four times as many of them as associations are allowed, some still connected: an X-ray room gets through."""
    listener = listen(associations=3)
    silent = [connected(listener) for _ in range(6)]
    for _ in range(6):
        with connected(listener) as connection:
            connection.sendall(b"garbage, garbage")
            connection.shutdown(socket.SHUT_WR)
            all_that_comes(connection)
    assert send(listener, dataset()) == [0]
    for connection in silent:
        connection.close()
    wait_until(lambda: listener.facts()["associations"] == 0)


def test_more_associations_than_allowed_are_turned_away_for_the_moment(listen):
    listener = listen(associations=2)
    held = [associate(listener, DX) for _ in range(2)]
    third = associate(listener, DX)
    assert third.is_rejected
    said = third.acceptor.primitive
    assert (said.result, said.result_source, said.diagnostic) == (2, 3, 2)  # PS3.8 table 9-21: local limit exceeded
    assert listener.facts()["last_refusal"] == "an association was rejected: 2 stand already"
    for association in held:
        association.release()
    wait_until(lambda: listener.facts()["associations"] == 0)
    assert send(listener, dataset()) == [0]


def test_two_gigabytes_announced_are_refused_before_they_come(listen):
    listener = listen()
    with connected(listener) as connection:
        connection.sendall(pdu(1, b"", length=2_000_000_000))
        assert all_that_comes(connection) == bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, 6))
    assert send(listener, dataset()) == [0]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_an_association_cut_in_the_middle_of_a_film_leaves_nothing(listen, store, part):
    listener = listen()
    association = associate(listener, DX)
    pieces = b"".join(encoded(association, "1.2.3", payload(dataset())))
    association.dul.socket.socket.sendall(pieces[: int(part * len(pieces))])
    association.abort()
    assert send(listener, dataset()) == [0]
    wait_until(lambda: left_over(store) == [])
    assert len(store.inbox_waiting(10)) == 1


def test_what_a_killed_listener_left_half_received_is_swept_away(store):
    killed = Landing(store)
    half = killed.film(1000)
    half.write(b"half")
    for handle in (killed._lock, half._stream):  # as the system does when a process is killed
        handle.close()
    assert left_over(store) != []
    Landing(store).close()
    assert left_over(store) == []


def test_the_log_names_no_patient(listen, caplog):
    caplog.set_level(logging.DEBUG)
    listener = listen()
    send(listener, dataset(PatientName="DOE^JANE", PatientID="4711"))
    large = dataset(Rows=1024, Columns=1024, PixelData=bytes(2 * 1024 * 1024), PatientName="DOE^JANE")
    send(listener, large)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("cxr_core")]
    assert len(ours) >= 2
    assert not any("DOE" in line or "4711" in line or "1.2.826" in line for line in ours)


def test_a_film_is_the_same_file_whoever_sends_it_and_whenever(listen, store):
    listener = listen()
    send(listener, dataset(), calling="XRAY1")
    send(listener, dataset(), calling="ARCHIVE")
    assert len(store.inbox_waiting(10)) == 1


def test_the_head_of_a_file_is_a_multiple_of_two_bytes_with_any_identifier():
    for instance in ("", "1", "1.2", "\u00fc", "1." * 600):
        head = file_head(DX, instance, ExplicitVRLittleEndian)
        assert len(head) % 2 == 0
        assert instance_of(head).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_films_of_many_associations_at_once_are_all_kept(listen, store):
    listener = listen()
    answers: list[int] = []
    films = [[dataset(10 * one + number) for number in range(5)] for one in range(6)]
    threads = [threading.Thread(target=lambda some=some: answers.extend(send(listener, *some))) for some in films]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [0] * 30
    assert len(store.inbox_waiting(100)) == 30
