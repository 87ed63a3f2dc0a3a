"""The worklist as columns says of every image what its entry says, also when only the changes are read."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from cxr_core.records import LABELS, Identity, Notice, Review, models_key
from cxr_core.serial import screening_to_json
from cxr_core.store import Store
from cxr_core.store.migrate import upgrade
from cxr_core.store.packing import columns_of, packed, unpacked
from cxr_core.triage import requested
from cxr_core.triage.words import doubts
from tests.store.given import NEW, NOON, OLD, REFUSED, screened
from tests.strategies import screenings

KEY = models_key(NEW)


def image(number: int) -> str:
    return f"{number:064x}"


def check(store, columns, preferred=KEY):
    """Every column against the entries, which are read another way."""
    entries = store.entries(preferred)
    names = store.names(columns)
    assert names.keys.tolist() == [entry.key for entry in entries]
    assert columns.preferred == preferred
    for row, entry in enumerate(entries):
        film = entry.screening
        assert store.row_of(columns, entry.key) == row

        assert columns.received[row] == np.datetime64(entry.received_at.replace(tzinfo=None), "us")
        assert columns.made_by[columns.models[row]] == models_key(film.models)
        assert columns.outdated[row] == (film.status == "screened" and models_key(film.models) != preferred)
        assert columns.scores[row].tolist() == pytest.approx(
            [film.scores.get(name, np.nan) for name in LABELS], nan_ok=True
        )
        assert columns.refused[row] == (film.status == "refused")
        assert columns.doubtful[row] == bool(doubts(film))
        assert columns.requested[row] >= requested(film)
        said = entry.review
        assert columns.read[row] == bool(said and (said.decision != "none" or said.signed_at))
        kept = said.thresholds if said and said.thresholds else {}
        assert columns.thresholds[row].tolist() == pytest.approx(
            [kept.get(name, np.nan) for name in LABELS], nan_ok=True
        )
        assert columns.synthetic[row] == entry.synthetic
    assert store.entries_at(columns, range(len(entries))) == entries


def review(decision="agree", **facts) -> Review:
    return Review(decision, "", NOON, **facts)


def test_an_empty_worklist_has_no_rows(store):
    columns = store.worklist(KEY)
    assert len(columns) == 0
    assert columns.scores.shape == (0, 9)
    assert store.worklist(KEY, columns) is columns
    assert store.entries_at(columns, []) == ()
    assert store.names(columns).keys.tolist() == []


@settings_(max_examples=5)
@given(films=st.lists(screenings(), min_size=8, max_size=8))
def test_whatever_was_screened_is_in_the_columns(shared, films):
    for film in films:
        shared.save(film, NOON)
    check(shared, shared.worklist(KEY))


def test_the_preferred_models_are_shown_else_the_latest(store):
    store.save(screened(sha256=image(1), models=NEW, score=0.9), NOON)
    store.save(screened(sha256=image(1), models=OLD, score=0.2), NOON)
    store.save(screened(sha256=image(2), models=OLD, score=0.3), NOON)
    check(store, store.worklist(KEY))
    assert store.worklist(KEY).scores[:, 0].tolist() == [0.9, 0.3]
    assert store.worklist(models_key(OLD)).scores[:, 0].tolist() == [0.2, 0.3]


def test_a_second_look_reads_nothing_where_nothing_changed_and_the_changes_where_something_did(store):
    for number in range(5):
        store.save(screened(sha256=image(number), models=NEW), NOON - timedelta(minutes=number))
    first = store.worklist(KEY)
    assert store.worklist(KEY, first) is first
    names = store.names(first)
    assert store.names(first, names) is names
    changes = [
        lambda: store.save(screened(sha256=image(9), models=OLD, score=0.8), NOON - timedelta(minutes=2)),
        lambda: store.save(screened(sha256=image(9), models=NEW, score=0.7), NOON),
        lambda: store.save_review(image(1), review(thresholds=dict.fromkeys(LABELS, 0.25))),
        lambda: store.save(screened(sha256=image(1), models=NEW, score=0.6), NOON),
        lambda: store.save(REFUSED, NOON + timedelta(hours=1)),
        lambda: store.remove(image(2)),
        lambda: store.restore(image(2)),
        lambda: store.put_setting("ward", 3),
        lambda: store.purge(image(3)),
    ]
    for change in changes:
        change()
        again = store.worklist(KEY, first)
        assert again is not first
        check(store, again)
        names = store.names(again, names)
        assert names.keys.tolist() == store.names(again).keys.tolist()
        assert names.searched.tolist() == store.names(again).searched.tolist()
        first = again
    assert store.worklist(models_key(OLD), first).preferred == models_key(OLD)


def test_a_comment_is_no_decision_and_a_signature_is_one(store):
    store.save(screened(sha256=image(1), models=NEW), NOON)
    store.save_review(image(1), review("none"))
    assert store.worklist(KEY).read.tolist() == [False]
    store.save_review(image(1), review("none", signed_at=NOON), expected=1)
    assert store.worklist(KEY).read.tolist() == [True]


def test_a_review_of_another_result_leaves_the_image_unread(store):
    store.save(screened(sha256=image(1), models=NEW, score=0.5), NOON)
    store.save_review(image(1), review())
    store.save(screened(sha256=image(1), models=NEW, score=0.6), NOON)
    check(store, store.worklist(KEY))
    assert store.worklist(KEY).read.tolist() == [False]


def test_a_request_for_one_film_is_one_for_its_study(store):
    one = Identity(patient_id="7", study_uid="1.2")
    store.save(screened(sha256=image(1), models=NEW, identity=one), NOON)
    first = store.worklist(KEY)
    stat = Identity(patient_id="7", study_uid="1.2", priority="STAT")
    store.save(screened(sha256=image(2), models=NEW, identity=stat), NOON)
    assert store.worklist(KEY).requested.tolist() == [2, 2]
    assert store.worklist(KEY, first).requested.tolist() == [2, 2]


def test_files_patients_and_accessions_are_searched_in_lower_case_and_names_are_not(store):
    whose = Identity(patient_name="Doe^Jane", patient_id="PX7", accession="ACC-1")
    store.save(screened("Ward/FILM.dcm", image(1), NEW, identity=whose), NOON)
    assert store.names(store.worklist(KEY)).searched.tolist() == ["ward/film.dcm\npx7\nacc-1"]


def test_entries_come_in_the_order_asked_for_and_a_gone_one_leaves_its_place_empty(store):
    for number in range(3):
        store.save(screened(sha256=image(number), models=NEW), NOON)
    store.save_review(image(2), review())
    columns = store.worklist(KEY)
    store.remove(image(1))
    found = store.entries_at(columns, [2, 1, 0])
    assert [entry and entry.key for entry in found] == [image(2), None, image(0)]
    assert found[0].review.decision == "agree"
    assert store.row_of(store.worklist(KEY, columns), image(1)) is None


@given(st.lists(st.none() | st.fixed_dictionaries(dict.fromkeys(LABELS, st.floats(0, 1))), max_size=5))
def test_packed_numbers_are_the_same_doubles(rows):
    found = unpacked([packed(row) if row else None for row in rows])
    assert found.shape == (len(rows), 9)
    for values, row in zip(found.tolist(), rows, strict=True):
        assert values == [row[label] for label in LABELS] if row else all(np.isnan(values))


def test_a_warning_that_informs_makes_no_doubt(store):
    store.save(replace(screened(sha256=image(1), models=NEW), warnings=(Notice("burned_in_text", "x"),)), NOON)
    assert store.worklist(KEY).doubtful.tolist() == [False]


def test_a_worklist_from_before_the_columns_gets_them(settings, sql):
    settings.data_dir.mkdir()
    engine = create_engine(settings.resolved_database_url)
    whose = Identity(patient_id="P\x00X7", accession="ACC-1", priority="HIGH")
    doubtful = Notice("inverted_mended", "It was mended.")
    films = [
        replace(screened("Ward/\ud800.png", image(1), NEW, 0.3, whose), warnings=(doubtful,)),
        replace(screened("b.png", image(2), OLD, 0.7), warnings=(Notice("burned_in_text", "x"),)),
        replace(REFUSED, sha256=image(3)),
    ]
    with engine.begin() as connection:
        upgrade(connection, "0003_reviews")
        for number, film in enumerate(films, 1):
            values = {"id": number, "key": film.sha256, "made": models_key(film.models), "status": film.status}
            values["payload"] = json.dumps(screening_to_json(film, identity=True))
            row = (
                "insert into images (id, key, received_at, synthetic) values (:id, :key, '2026-01-02 12:00:00', false)"
            )
            connection.execute(text(row), values)
            columns = "insert into screenings (id, image_id, models_key, status, payload, screened_at) "
            line = "values (:id, :id, :made, :status, :payload, '2026-01-02 12:00:00')"
            connection.execute(text(columns + line), values)
    engine.dispose()
    opened = Store(settings)
    names = ("scores", "doubtful", "requested", "result", "searched")
    found = sql(f"select {', '.join(names)} from screenings order by id")
    assert [tuple(row) for row in found] == [tuple(columns_of(film)[name] for name in names) for film in films]
    check(opened, opened.worklist(KEY))
    opened.close()
