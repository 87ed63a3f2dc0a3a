"""The store: what goes in comes out, also after a restart, from other threads and other processes."""

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core.errors import RecordError, ReviewConflict, StoreError
from cxr_core.records import models_key
from cxr_core.store import Store
from tests.fakes import say
from tests.store.given import NEW, NOON, OLD, REFUSED, screened
from tests.strategies import NASTY, TIMES, screenings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=5,
)


@given(screenings(), TIMES, st.booleans())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_a_screening_read_back_is_the_same(shared, screening, received_at, synthetic):
    shared.purge(screening.sha256)
    saved = shared.save(screening, received_at, synthetic=synthetic)
    found = shared.find(screening.sha256, models_key(screening.models))
    assert found == saved == shared.entry(saved.key)
    assert (found.screening, found.received_at, found.synthetic) == (screening, received_at, synthetic)
    assert found in shared.entries()


@given(st.lists(screenings(), max_size=4, unique_by=lambda item: item.sha256), TIMES)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_several_kept_together_are_as_if_kept_one_by_one(shared, several, received_at):
    for screening in several:
        shared.purge(screening.sha256)
    together = shared.save_all([(screening, received_at) for screening in several])
    assert [entry.screening for entry in together] == several
    assert list(together) == [shared.entry(entry.key) for entry in together]
    one_by_one = [shared.save(screening, received_at) for screening in several]
    assert [replace(entry, screened_at=NOON) for entry in together if entry.screening.sha256] == [
        replace(entry, screened_at=NOON) for entry in one_by_one if entry.screening.sha256
    ]
    assert shared.verify_audit().sound


def test_of_several_kept_together_none_is_kept_if_one_cannot_be(store, monkeypatch):
    store.save(screened(), NOON)

    def full(_key):
        raise StoreError("disk full")

    monkeypatch.setattr(store._films, "forget_derived", full)  # asked where a film is screened again
    with pytest.raises(StoreError, match="disk full"):
        store.save_all([(screened(sha256="1" * 64), NOON), (screened(score=0.9), NOON)])
    with pytest.raises(RecordError, match="time zone"):
        store.save_all([(screened(sha256="1" * 64), NOON), (screened(sha256="2" * 64), NOON.replace(tzinfo=None))])
    assert [(entry.key, entry.screening.scores["Mass"]) for entry in store.entries()] == [("0" * 64, 0.5)]
    assert store.save_all([]) == ()


def test_a_film_that_is_new_is_looked_for_without_a_look_at_anybodys_reviews(store, statements):
    store.save(screened(), NOON)
    say(store, "0" * 64, "agree")
    statements.clear()
    assert store.find("1" * 64, models_key(OLD)) is None
    assert not [text for text in statements if "reviews" in text]
    assert store.find("0" * 64, models_key(OLD)).review.decision == "agree"
    assert [text for text in statements if "reviews" in text]


@given(st.from_regex(r"[a-z_.]{1,40}", fullmatch=True), JSON)
@hypothesis_settings(max_examples=25)
def test_a_setting_read_back_is_the_same(shared, name, value):
    shared.put_setting(name, value)
    assert shared.get_setting(name, "absent") == value


def test_everything_survives_a_restart(settings, store):
    sha256 = store.add_film(b"film")
    saved = store.save(screened(sha256=sha256), NOON, synthetic=True)
    review = say(store, saved.key, "disagree", "no effusion", NOON)
    store.put_setting("thresholds", {"Mass": 0.4})
    store.close()
    again = Store(settings)
    (entry,) = again.entries()
    assert entry == replace(saved, review=review)
    assert again.film(sha256) == b"film"
    assert again.get_setting("thresholds") == {"Mass": 0.4}
    again.close()


def test_entries_stand_in_order_of_arrival_not_of_saving(store):
    for name, minute in (("late", 9), ("early", 1), ("same_minute", 9)):
        store.save(screened(name, sha256=name[0] * 64), NOON + timedelta(minutes=minute))
    assert [entry.screening.file for entry in store.entries()] == ["early", "late", "same_minute"]


def test_new_models_add_a_screening_and_the_older_stays(store):
    first = store.save(screened(models=OLD, score=0.2), NOON)
    second = store.save(screened(models=NEW, score=0.8), NOON + timedelta(hours=1))
    assert store.entries() == (second,)
    assert second.received_at == NOON, "screening anew does not send a study to the end of the queue"
    assert store.find(first.key, models_key(OLD)).screening == first.screening
    assert [item.scores["Mass"] for item in store.history(first.key)] == [0.2, 0.8]


def test_going_back_to_earlier_models_makes_their_screening_the_latest(store):
    for models, score in ((OLD, 0.2), (NEW, 0.8), (OLD, 0.3)):
        store.save(screened(models=models, score=score), NOON)
    assert store.entry("0" * 64).screening.scores["Mass"] == 0.3
    assert [item.scores["Mass"] for item in store.history("0" * 64)] == [0.8, 0.3]


def test_the_same_models_replace_their_own_screening(store):
    store.save(screened(score=0.2), NOON)
    store.save(screened(score=0.8), NOON)
    assert [item.scores["Mass"] for item in store.history("0" * 64)] == [0.8]


def test_an_image_is_known_only_to_the_models_that_saw_it(store):
    store.save(screened(models=OLD), NOON)
    assert store.find("0" * 64, models_key(NEW)) is None
    assert store.find("f" * 64, models_key(OLD)) is None
    assert store.find("0" * 64, models_key(OLD)).screening.file == "a.png"


def test_refused_images_without_bytes_are_never_merged_even_under_one_name(store):
    """Two patients' exports hold members of the same name: one must not take over the other's place and review."""
    first = store.save(REFUSED, NOON)
    say(store, first.key, "agree", "patient A")
    second = store.save(REFUSED, NOON + timedelta(hours=1))
    assert second.review is None
    assert [(entry.key, entry.received_at) for entry in store.entries()] == [
        (first.key, NOON),
        (second.key, NOON + timedelta(hours=1)),
    ]
    store.remove(first.key)
    assert [entry.key for entry in store.entries()] == [second.key]


def test_a_review_of_a_refusal_does_not_cover_the_film_once_it_isscreened(store):
    refused = replace(REFUSED, sha256="0" * 64)
    store.save(refused, NOON)
    say(store, "0" * 64, "agree", "seen to")
    assert store.save(screened(score=0.9), NOON).review is None
    assert store.entries()[0].review is None
    assert store.save(refused, NOON).review.comment == "seen to", "it is kept, and holds for what it was made of"


@pytest.mark.parametrize("models", [OLD, NEW])
def test_a_review_holds_for_the_same_scores_and_not_for_others(store, models):
    store.save(screened(score=0.2), NOON)
    say(store, "0" * 64, "agree")
    assert store.save(screened("renamed.png", models=models, score=0.2), NOON).review.decision == "agree"
    assert store.save(screened(models=models, score=0.9), NOON).review is None
    say(store, "0" * 64, "disagree")
    assert [entry.review.decision for entry in store.entries()] == ["disagree"]


def test_after_a_rollback_the_running_models_are_shown_with_their_own_review(store):
    store.save(screened(models=OLD, score=0.2), NOON)
    say(store, "0" * 64, "agree")
    store.save(screened(models=NEW, score=0.8), NOON)
    store.save(screened(sha256="1" * 64, models=NEW, score=0.7), NOON)
    shown = store.entries(models_key(OLD))
    assert [entry.screening.scores["Mass"] for entry in shown] == [0.2, 0.7]
    assert shown[0].review.decision == "agree"
    assert store.entry("0" * 64, models_key(OLD)) == shown[0]
    assert [entry.screening.scores["Mass"] for entry in store.entries()] == [0.8, 0.7]


def test_a_failing_statement_is_logged_without_what_it_was_to_write(store, sql, caplog):
    """As a disk that is full in the middle of an insert: the row cannot be written."""
    secret = "-".join(("DOE", "JANE"))  # the source line of the call is logged too
    sql("drop table screenings")
    try:
        store.save(screened(secret), NOON)
    except StoreError:
        logging.getLogger("test").exception("failed")
    assert "screenings" in caplog.text
    assert secret not in caplog.text


def test_a_purged_image_leaves_nothing(store, sql):
    sha256 = store.add_film(b"film")
    key = store.save(screened(sha256=sha256), NOON).key
    say(store, key, "agree")
    thumb = store.cache_path(sha256, "thumb.png")
    thumb.write_bytes(b"small")
    store.purge(key)
    assert (store.entries(), store.history(key), store.entry(key)) == ((), (), None)
    with pytest.raises(StoreError, match="send it again"):
        store.film(sha256)
    assert not thumb.exists()
    tables = ("images", "screenings", "reviews", "studies")
    assert [sql(f"select count(*) from {table}") for table in tables] == [[(0,)]] * 4


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_a_setting_that_is_no_json_is_an_error(store, value):
    with pytest.raises(RecordError, match="JSON"):
        store.put_setting("x", value)


def test_a_time_without_its_zone_is_an_error(store):
    with pytest.raises(RecordError, match="zone"):
        store.save(screened(), datetime(2026, 1, 1))  # noqa: DTZ001, RUF100


def test_threads_with_their_own_stores_lose_nothing(settings):
    """As two browser sessions that upload at once: one engine each on one folder."""
    gate = threading.Barrier(4)

    def work(worker: int) -> None:
        own = Store(settings)
        gate.wait()
        for number in range(10):
            sha256 = own.add_film(b"%d" % number)  # every worker sends the same ten films
            own.save(screened(f"{worker}-{number}", sha256=sha256), NOON)
            with suppress(ReviewConflict):  # of those who speak at once one is kept, the others are told
                say(own, sha256, "agree", str(worker))
            own.put_setting("last", worker)
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    after = Store(settings)
    entries = after.entries()
    assert len(entries) == len({entry.key for entry in entries}) == 10
    assert all(entry.review.decision == "agree" for entry in entries)
    after.close()


def test_two_processes_share_one_folder(settings, store):
    store.save(screened("mine"), NOON)
    code = (
        "import sys; from pathlib import Path\n"
        "from cxr_core.settings import Settings; from cxr_core.store import Store\n"
        "from cxr_core.records import Review; from datetime import datetime, UTC\n"
        "s = Store(Settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2]))\n"
        "s.save_review('0' * 64, Review('agree', 'theirs', datetime.now(UTC)))"
    )
    subprocess.run([sys.executable, "-c", code, str(settings.data_dir), settings.database_url], check=True, timeout=120)
    assert store.entries()[0].review.comment == "theirs"


def test_an_error_names_no_file_of_a_patient(store):
    store.close()
    with pytest.raises(StoreError) as caught:
        say(store, "secret-name", "agree")
    assert "secret" not in str(caught.value)
