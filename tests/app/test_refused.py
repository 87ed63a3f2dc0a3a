"""The refused lane: code, reason and remedy in sight, a thumbnail where there are pixels, and the clinician's word."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core import shortcut
from cxr_core.read import read
from cxr_core.records import Identity, Notice
from tests.app.conftest import component, open_page, words
from tests.read.films import dicom, film
from ui import films, state
from ui.queue import tags

WORKLIST, REVIEW = "pages/2_Worklist.py", "pages/3_Review.py"


@pytest.fixture
def mixed(stored):
    return stored({"high.png": 250, "side.dcm": dicom(film(), ViewPosition="LL"), "notes.png": b"text"})


def button(app, label):
    return next(item for item in app.button if item.label == label)


def test_each_refusal_stands_there_with_code_and_remedy(mixed):
    app = open_page(WORKLIST)
    text = words(app)
    for word in ("lateral_view", "not_an_image", "Send the frontal film", "Send the film as DICOM"):
        assert word in text
    assert [item.label for item in app.expander] == ["Refused: 2, why and what to do"]
    assert [item.label for item in app.button].count("Screen it anyway") == 1
    rows = {row["name"]: row for row in component(app, "cxr_listing")["rows"]}
    assert rows["side.dcm"]["thumb"].startswith("data:image/jpeg")
    assert rows["notes.png"]["thumb"] is None
    assert "lateral_view" in rows["side.dcm"]["tags"]


def test_without_refusals_there_is_no_such_lane(stored):
    stored({"high.png": 250})
    assert not open_page(WORKLIST).expander


@pytest.mark.parametrize("page", [WORKLIST, REVIEW])
def test_a_clinician_has_it_screened_anyway(mixed, page):
    app = open_page(page)
    if page == REVIEW:
        app.query_params["film"] = mixed["side.dcm"]
        app.run()
    button(app, "Screen it anyway").click().run()
    entry = state.store().entry(mixed["side.dcm"])
    assert entry.screening.status == "screened"
    assert {"refused at first", "doubtful reading"} <= set(tags(entry, ""))
    assert [item.code for item in state.store().overrides(entry.key)] == ["lateral_view"]
    app = open_page(REVIEW)
    app.query_params["film"] = entry.key
    assert "Overruled on" in words(app.run())


def test_a_film_that_was_mended_is_shown_as_it_was_screened(mixed):
    store, key = state.store(), mixed["high.png"]
    entry = store.entry(key)
    store.save(replace(entry.screening, warnings=(Notice("turned_180_mended", "x."),)), entry.received_at)
    raw = read(store.film(key), "", state.settings()).pixels
    np.testing.assert_array_equal(films.shown(store, key, state.settings()).pixels, raw[::-1, ::-1])


def test_what_is_only_told_stands_on_the_row_and_under_review_and_moves_no_lane(mixed):
    store, key = state.store(), mixed["high.png"]
    entry = store.entry(key)
    store.save(replace(entry.screening, warnings=(shortcut.NOTICE,)), entry.received_at)
    (row,) = [row for row in component(open_page(WORKLIST), "cxr_listing")["rows"] if row["name"] == "high.png"]
    assert "may follow origin" in row["tags"]
    assert "doubtful reading" not in row["tags"]
    assert row["lane"] != "check"
    app = open_page(REVIEW)
    app.query_params["film"] = key
    assert "may follow the picture's origin" in words(app.run()).replace("&#x27;", "'")


@pytest.mark.parametrize(("uid", "why"), [("", "missing"), ("1." + "2" * 70, "72 characters"), ("1.2.3", "")])
def test_a_film_without_a_usable_study_says_so_on_its_row_and_under_review(mixed, uid, why):
    store, key = state.store(), mixed["high.png"]
    entry = store.entry(key)
    store.save(replace(entry.screening, identity=Identity(study_uid=uid)), entry.received_at)
    (row,) = [row for row in component(open_page(WORKLIST), "cxr_listing")["rows"] if row["name"] == "high.png"]
    assert ("no study UID" in row["tags"]) == bool(why)
    app = open_page(REVIEW)
    app.query_params["film"] = key
    assert (f"no usable study: StudyInstanceUID ({why}" in words(app.run())) == bool(why)


def test_left_and_right_are_exchanged_only_on_a_person_s_word(mixed):
    store, key = state.store(), mixed["high.png"]
    entry = store.entry(key)
    doubt = Notice("may_be_mirrored", "Left and right may be exchanged.")
    store.save(replace(entry.screening, warnings=(doubt,)), entry.received_at)
    app = open_page(REVIEW)
    app.query_params["film"] = key
    button(app.run(), "Mirror it and screen it again").click().run()
    after = store.entry(key).screening
    assert [notice.code for notice in after.warnings] == ["mirrored_mended"]
    raw = read(store.film(key), "", state.settings()).pixels
    np.testing.assert_array_equal(films.shown(store, key, state.settings()).pixels, raw[:, ::-1])
