"""The audit trail: every change is in it once, and nothing can be taken out of it unnoticed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.exc import DatabaseError

from cxr_core.errors import RecordError, StoreError
from cxr_core.records import Identity, models_key
from cxr_core.store import Store
from cxr_core.store.audit import ACTIONS, START
from cxr_core.store.lines import result_of
from tests.fakes import say
from tests.store.given import NOON, OLD, screened
from tests.strategies import NASTY

KEY = "0" * 64
FACTS = st.dictionaries(NASTY, NASTY | st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3)


def told(store, **wanted) -> list[tuple[str, str]]:
    return [(row.action, row.subject) for row in reversed(store.audit(**wanted)[0])]


def unguard(sql) -> None:
    """As somebody would who may do everything in the database."""
    try:
        sql("drop trigger audit_no_update")
        sql("drop trigger audit_no_delete")
        sql("drop trigger audit_in_order")
    except DatabaseError:
        sql("drop function audit_refused() cascade")


@given(st.sampled_from(sorted(ACTIONS)), NASTY, FACTS, NASTY)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_a_row_read_back_says_what_was_written_and_follows_the_one_before(shared, action, subject, facts, actor):
    before, count = shared.audit(limit=1)
    shared.note(action, subject, facts, actor)
    (row,), now = shared.audit(limit=1)
    assert (row.action, dict(row.facts), now) == (action, facts, count + 1)
    assert row.previous == (before[0].digest if before else START)
    printable = str.maketrans(dict.fromkeys("\r\n\t\0", " "))
    if subject.isprintable():
        assert row.subject == subject.translate(printable)
    verdict = shared.verify_audit()
    assert (verdict.sound, verdict.count, verdict.digest) == (True, now, row.digest)


def test_every_change_of_the_store_is_in_the_trail_once(store):
    sha256 = store.add_film(b"film")
    screening = screened(sha256=sha256)
    store.save(screening, NOON)
    store.overrule(sha256, "lateral_view", actor="Dr A")
    store.overrule(sha256, "lateral_view")
    store.put_setting("thresholds", {"Mass": 0.4})
    store.put_setting("thresholds", {"Mass": 0.4})
    say(store, sha256, "agree", reader="Dr B")
    say(store, sha256, "agree", reader="Dr B", signed_at=NOON)
    store.remove(sha256)
    store.remove(sha256)
    store.restore(sha256)
    store.restore(sha256)
    store.purge(sha256)
    store.purge(sha256)
    done = ["screened", "overruled", "setting", "reviewed", "signed", "removed", "restored", "erased"]
    assert told(store) == [(word, "thresholds" if word == "setting" else sha256) for word in done]
    rows = {row.action: row for row in store.audit()[0]}
    assert rows["screened"].facts["models"] == models_key(OLD)
    assert rows["screened"].facts["result"] == result_of(screening)
    assert rows["setting"].facts == {"value": {"Mass": 0.4}}
    assert (rows["overruled"].actor, rows["signed"].actor, rows["signed"].facts["version"]) == ("Dr A", "Dr B", 2)
    assert store.verify_audit().sound


def test_a_change_that_fails_leaves_no_row(store):
    with pytest.raises(StoreError):
        say(store, KEY, "agree")
    with pytest.raises(RecordError):
        store.note("guessed", "x", {})
    with pytest.raises(RecordError):
        store.note("exported", "x", {"score": float("nan")})
    assert store.audit() == ((), 0)


def test_the_trail_holds_nothing_of_the_patient_nor_of_the_reader_s_words(store, sql):
    who = Identity(patient_name="DOE^JANE", patient_id="4711", study_uid="1.2.3", accession="A-99")
    store.save(screened("DOE_JANE.dcm", identity=who), NOON)
    say(store, KEY, "disagree", "Mrs Doe's old scar", impression="see 4711")
    store.remove(KEY)
    store.purge(KEY)
    words = str(sql("select * from audit"))
    assert not [text for text in ("DOE", "Doe", "4711", "1.2.3", "A-99", "scar") if text in words]


@pytest.mark.parametrize(
    "statement",
    ["update audit set actor = 'x' where seq = 2", "delete from audit where seq = 3", "delete from audit"],
)
def test_the_database_itself_refuses_to_change_the_trail(store, sql, statement):
    for number in range(3):
        store.note("exported", str(number), {})
    with pytest.raises(DatabaseError, match="append-only"):
        sql(statement)
    assert store.verify_audit().count == 3


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("update audit set actor = 'x' where seq = 2", 2),
        ("update audit set facts = '{\"n\": 9}' where seq = 4", 4),
        ("update audit set at = '2020-01-01 00:00:00.000000' where seq = 1", 1),
        ("delete from audit where seq = 3", 3),
        ("delete from audit where seq = 1", 1),
        ("update audit set seq = 9 where seq = 5", 5),
    ],
)
def test_the_first_row_that_was_tampered_with_is_named(store, sql, statement, row):
    for number in range(5):
        store.note("exported", str(number), {"n": number})
    unguard(sql)
    sql(statement)
    verdict = store.verify_audit()
    assert (verdict.sound, verdict.broken, verdict.count) == (False, row, row - 1)
    assert verdict.reason


def test_rows_cut_off_or_written_anew_show_against_a_digest_kept_elsewhere(store, sql):
    for number in range(3):
        store.note("exported", str(number), {})
    known = {3: store.verify_audit().digest}
    assert store.verify_audit(known).sound
    unguard(sql)
    sql("delete from audit where seq = 3")
    assert store.verify_audit().sound, "a chain alone cannot know that it was longer"
    assert store.verify_audit(known).broken == 3
    store.note("exported", "another", {})
    assert store.verify_audit(known).broken == 3


def test_writers_at_once_make_one_chain(settings, store):
    """Threads with an engine of their own each, as processes have."""
    gate = threading.Barrier(6)

    def work(worker: int) -> None:
        own = Store(settings)
        gate.wait()
        for number in range(8):
            own.note("exported", f"{worker}-{number}", {})
        own.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    rows, total = store.audit(limit=100)
    assert [row.seq for row in rows] == list(range(48, 0, -1))
    assert total == len({row.subject for row in rows}) == 48
    assert store.verify_audit().sound


def test_the_trail_is_searched_and_turned_page_by_page(store):
    for number in range(5):
        store.note("exported" if number % 2 else "setting", f"x{number}%", {}, f"reader {number}")
    assert told(store, action="exported") == [("exported", "x1%"), ("exported", "x3%")]
    assert told(store, subject="x4") == [("setting", "x4%")]
    assert told(store, subject="%") == []
    assert told(store, actor="reader 2") == [("setting", "x2%")]
    rows, total = store.audit(offset=1, limit=2)
    assert ([row.seq for row in rows], total) == ([4, 3], 5)
    now = datetime.now(UTC)
    assert store.audit(since=now - timedelta(hours=1), until=now + timedelta(hours=1))[1] == 5
    assert store.audit(since=now + timedelta(hours=1))[1] == store.audit(until=now - timedelta(hours=1))[1] == 0
