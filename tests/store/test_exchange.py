"""Inbox, outbox and heartbeats: what was recorded is what is found, also by another store, and goes with its image."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.records import Notice, Screening
from cxr_core.store import Store
from cxr_core.store.inbox import Received, cleaned
from cxr_core.store.outbox import Sent

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def landed(store, content: bytes, instance: str, name: str = "XRAY1 {number}.dcm") -> Received:
    path = store.landing() / uuid4().hex
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Received(path, digest, len(content), instance, "dicom", "XRAY1", name, NOW)


def image(store, content: bytes) -> str:
    refused = Screening("a.dcm", hashlib.sha256(content).hexdigest(), "refused", Notice("x", "y"))
    return store.save(refused, NOW).key


def test_films_are_recorded_together_and_kept_as_they_came(store, settings):
    assert store.receive([landed(store, b"one", "1"), landed(store, b"two", "2")]) == (True, True)
    other = Store(settings)
    rows = other.inbox_waiting(10)
    assert [(row.name, row.size, row.received_at, row.repeats) for row in rows] == [
        ("XRAY1 1.dcm", 3, NOW, 0), ("XRAY1 2.dcm", 3, NOW, 0),
    ]  # fmt: skip
    assert other.film(rows[0].sha256) == b"one"
    assert list(store.landing().iterdir()) == []
    entries, total = other.audit(action="received")
    assert total == 2 and entries[0].subject == rows[1].sha256
    other.close()


def test_the_same_is_one_also_within_one_batch_and_between_threads(store):
    assert store.receive([landed(store, b"one", "1"), landed(store, b"one", "1")]) == (True, False)
    told = []
    threads = [
        threading.Thread(target=lambda: told.append(store.receive([landed(store, b"two", "2")]))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [(False,)] * 5 + [(True,)]
    assert [row.repeats for row in store.inbox_waiting(10)] == [1, 5]


def test_a_film_goes_from_waiting_to_its_image_and_goes_with_it(store):
    store.receive([landed(store, b"one", "1")])
    (row,) = store.inbox_waiting(10)
    store.inbox_begin([row.id])
    assert store.inbox_waiting(10)[0].starts == 1
    store.inbox_end(row.id, "refused", image(store, b"one"), "x")
    assert store.inbox_waiting(10) == ()
    assert store.inbox_counts() == {"refused": 1}
    assert store.inbox_latest(5, "refused")[0].reason == "x"
    store.purge(row.sha256)
    assert store.inbox_counts() == {}
    assert not store.inbox_holds("1")


def test_a_film_whose_bytes_are_gone_waits_again_when_it_comes_again(store):
    store.receive([landed(store, b"one", "1")])
    (row,) = store.inbox_waiting(10)
    store.inbox_end(row.id, "screened", image(store, b"one"))
    store._films.remove(row.sha256)
    store.receive([landed(store, b"one", "1")])
    assert [item.repeats for item in store.inbox_waiting(10)] == [1]
    assert store.film(row.sha256) == b"one"


def test_what_is_forgotten_takes_its_bytes_along_unless_they_are_needed(store):
    store.receive([landed(store, b"one", "1"), landed(store, b"one", "2"), landed(store, b"two", "3")])
    first, second, third = store.inbox_waiting(10)
    image(store, b"two")
    for row in (first, third):
        store.inbox_forget(row.id)
    assert store.film(second.sha256) == b"one" and store.film(third.sha256) == b"two"
    store.inbox_forget(second.id)
    assert not store._films.has(first.sha256)


def test_another_film_under_the_same_identifier_is_found(store):
    store.receive([landed(store, b"one", "1"), landed(store, b"two", "1"), landed(store, b"three", "2")])
    first, second, third = store.inbox_waiting(10)
    assert store.inbox_same_instance(second) == (first,)
    assert store.inbox_same_instance(first) == store.inbox_same_instance(third) == ()


def test_a_watched_file_is_remembered_as_it_was(store):
    assert store.seen_file("a") is None
    store.see_file("a", 5_000_000_000, 1_700_000_000_123_456_789)
    store.see_file("a", 5_000_000_001, 1_700_000_000_123_456_790)
    assert store.seen_file("a") == (5_000_000_001, 1_700_000_000_123_456_790)


@given(st.text(max_size=50))
def test_any_text_can_be_kept(text):
    told = cleaned(text)
    assert told.isprintable() and len(told) >= len(text)
    told.encode()


def test_versions_count_up_and_the_oldest_that_waits_comes_first(store):
    key = image(store, b"one")
    first = store.outbox_add(key, "archive", "a", NOW)
    assert store.outbox_add(key, "archive", "a", NOW) is None
    assert store.outbox_add("no such image", "archive", "a", NOW) is None
    assert [item.id for item in store.outbox_due(NOW)] == [first.id]
    assert store.outbox_due(NOW - timedelta(seconds=1)) == ()
    store.outbox_trying(first.id, [Sent("sr", "1.2", "yes")])
    store.outbox_sent(first, {})
    second = store.outbox_add(key, "archive", "b", NOW)
    assert (second.version, store.outbox_before(second)) == (2, {"sr": "1.2"})
    third = store.outbox_add(key, "archive", "a", NOW)
    assert [item.id for item in store.outbox_due(NOW)] == [third.id]
    assert [item.state for item in store.outbox_latest(5)] == ["waiting", "replaced", "sent"]
    assert store.outbox_counts() == {"archive": {"waiting": 1, "replaced": 1, "sent": 1}}


@pytest.mark.parametrize("state", ["failed", "waiting"])
def test_send_again_is_for_what_did_not_arrive(store, state):
    key = image(store, b"one")
    made = store.outbox_add(key, "archive", "a", NOW)
    if state == "failed":
        store.outbox_failed(made.id, "no\0")
    else:
        store.outbox_put_off(made.id, "later", datetime.now(UTC) + timedelta(days=1))
    assert store.outbox_due(datetime.now(UTC)) == ()
    store.outbox_again([made.id])
    assert [item.id for item in store.outbox_due(datetime.now(UTC))] == [made.id]
    store.outbox_sent(made, {})
    store.outbox_again([made.id])
    assert store.outbox_due(datetime.now(UTC)) == ()


def test_what_changed_is_found_by_its_time_and_by_where_it_came_from(store):
    store.receive([landed(store, b"one", "1")])
    (row,) = store.inbox_waiting(10)
    received, uploaded = image(store, b"one"), image(store, b"two")
    store.inbox_end(row.id, "refused", received)
    began = datetime.now(UTC) - timedelta(minutes=1)
    assert store.outbox_changed(began, received=True) == (received,)
    assert set(store.outbox_changed(began, received=False)) == {received, uploaded}
    assert store.outbox_changed(datetime.now(UTC) + timedelta(minutes=1), received=False) == ()
    store.remove(received, "somebody")
    assert store.outbox_changed(began, received=True) == ()


def test_a_destination_begins_when_it_is_first_seen(store):
    assert store.destination_looked_at("archive", NOW) == (NOW, NOW)
    later = NOW + timedelta(hours=1)
    store.look_at_destination("archive", later)
    assert store.destination_looked_at("archive", later) == (NOW, later)


def test_a_heartbeat_is_the_last_one(store):
    assert store.heartbeat("listener") is None
    store.beat("listener", {"received": 1})
    store.beat("listener", {"received": 2, "last": "<x>"})
    told = store.heartbeat("listener")
    assert told.facts == {"received": 2, "last": "<x>"}
    assert abs((datetime.now(UTC) - told.at).total_seconds()) < 60
