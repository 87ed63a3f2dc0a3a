"""Connections: what other processes wrote, shown as it is; a test of a destination; send again."""

from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.exchange.landing import Landing
from cxr_core.exchange.rules import read_rules
from cxr_core.store.exchange_tables import HeartbeatRow, OutboxRow
from cxr_core.store.outbox import Sent
from tests import fakes
from tests.app.conftest import open_page, words
from ui import connections_view, state

PAGE = "pages/7_Connections.py"

SITE = """
[exchange]
[[exchange.destination]]
name = "archive"
kind = "dicomweb"
url = "http://127.0.0.1:9/dicom-web"
[[exchange.destination]]
name = "pacs"
kind = "dicom"
host = "127.0.0.1"
port = 9
aet = "PACS"
objects = ["sc"]
"""


@pytest.fixture
def site(models):
    path = state.settings().resolved_site_file
    path.parent.mkdir(exist_ok=True)
    path.write_text(SITE)
    return state.store()


@pytest.fixture
def stuck(site, stored):
    """One result that the archive was given, one that waits for the PACS, one that was given up."""
    keys = list(stored({"a.png": 200, "b.png": 210}).values())
    now = datetime.now(UTC)
    sent = site.outbox_add(keys[0], "archive", "1", now)
    site.outbox_trying(sent.id, [Sent("sr", "1.2.3", "yes")])
    site.outbox_sent(sent, {})
    waits = site.outbox_add(keys[0], "pacs", "1", now)
    site.outbox_put_off(waits.id, "pacs cannot be reached", now + timedelta(minutes=10))
    failed = site.outbox_add(keys[1], "pacs", "2", now)
    site.outbox_failed(failed.id, "pacs answered A900")
    return waits, failed


def beat_of(store, name, seconds_ago, **facts):
    store.beat(name, facts)
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)

    def change(session):
        session.get(HeartbeatRow, name).at = at

    store._change(change)


def test_an_empty_page_shows_how_to_begin(models):
    app = open_page(PAGE)
    assert "Nothing is connected yet" in words(app)
    assert any("cxr_core listen" in item.value for item in app.code)
    rules = next(item.value for item in app.code if "[exchange]" in item.value)
    path = state.settings().resolved_site_file
    path.write_text(rules)
    assert [item.name for item in read_rules(state.settings()).destinations] == ["archive"]  # the example is a good one


@pytest.mark.parametrize(
    ("seconds", "facts", "said"),
    [
        (1, {"aet": "CXRSCREEN", "port": 11112, "received": 7}, "running"),
        (60, {"aet": "CXRSCREEN"}, "silent"),
        (60, {"ended": True}, "stopped"),
    ],
)
def test_the_listener_is_shown_as_it_last_spoke(site, seconds, facts, said):
    beat_of(site, "listener", seconds, **facts)
    told = words(open_page(PAGE))
    assert f"</i>{said}</span>" in told
    assert ("CXRSCREEN on port 11112" in told) == (said == "running")
    assert ("python -m cxr_core listen" in told) == (said != "running")


def test_films_that_came_are_listed_with_what_became_of_them(site):
    landing = Landing(site)
    film = landing.film(1_000_000)
    film.write(fakes.film(200))
    landing.keep(film, instance="1.2.3", origin="dicom", sender="<XRAY1>", name="XRAY1 {number}.dcm")
    landing.close()
    told = words(open_page(PAGE))
    assert "&lt;XRAY1&gt;" in told and "XRAY1 1.dcm" in told
    assert "1</b> waiting for screening" in told


def test_destinations_count_what_arrived_and_what_did_not(stuck):
    told = words(open_page(PAGE))
    assert "<b>1</b> delivered" in told
    assert "<b>1</b> failed" in told
    assert "pacs cannot be reached" in told and "pacs answered A900" in told
    assert "next try in 9 min" in told


def test_send_again_lets_a_given_up_result_wait_for_its_next_try(stuck, site):
    waits, failed = stuck
    app = open_page(PAGE)
    app.button(key=f"again-{failed.id}").click().run()
    assert [item.id for item in site.outbox_due(datetime.now(UTC))] == [failed.id]
    next(item for item in app.button if item.label == "Send all again").click().run()
    assert {item.id for item in site.outbox_due(datetime.now(UTC))} == {failed.id, waits.id}


def test_a_destination_that_does_not_answer_says_so(stuck, monkeypatch):
    app = open_page(PAGE)
    app.button(key="test-archive").click().run()
    assert "archive does not answer" in words(app)
    monkeypatch.setattr(connections_view.deliver, "answers", lambda _peer, _aet: "C-ECHO answered in 3 ms")
    app.button(key="test-pacs").click().run()
    assert "pacs answers" in words(app) and "C-ECHO answered in 3 ms" in words(app)


def test_what_arrived_with_a_note_is_told(stuck, site):
    made = site.outbox_add(site.entries()[0].key, "archive", "3", datetime.now(UTC))
    site.outbox_sent(made, {}, "The film had no <study> of its own.")
    told = words(open_page(PAGE))
    assert "Delivered, with a note" in told and "no &lt;study&gt; of its own" in told


def test_a_site_file_that_is_wrong_is_said_and_what_came_is_still_shown(stuck):
    state.settings().resolved_site_file.write_text("[exchange]\nport = 'no'\n")
    app = open_page(PAGE)
    assert "port in [exchange] must be a whole number" in words(app)
    assert "pacs answered A900" in words(app)


def test_a_removed_film_takes_its_deliveries_with_it(stuck, site):
    for entry in site.entries():
        site.purge(entry.key)
    with site._database.reading() as session:
        assert session.query(OutboxRow).count() == 0
    assert "Nothing is stuck" in words(open_page(PAGE))
