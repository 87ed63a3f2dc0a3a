"""Review: one film, its scores in words, what a person says of it, and the way to the next."""

import pytest

from tests.app.conftest import component, components, open_page, words
from tests.read.films import dicom, film
from ui import state

PAGE = "pages/3_Review.py"


@pytest.fixture
def films(stored):
    return stored({"low.png": 110, "high.png": 250, "middle.png": 200, "notes.png": b"text"})


def button(app, label):
    return next(item for item in app.button if item.label == label)


def shown(app) -> str:
    return app.session_state["film"]


def test_the_first_of_the_queue_is_shown_with_its_place_and_its_boxes(films):
    app = open_page(PAGE)
    assert shown(app) == films["high.png"]
    assert "<b>1 of 4</b>" in words(app)
    data = component(app, "cxr_viewer")
    assert data["film"]["id"] == films["high.png"]
    assert {box["label"] for box in data["boxes"]} == set(data["flagged"])
    assert "/media/" in data["film"]["url"]


def test_scores_stand_in_words_beside_their_thresholds(films):
    text = words(open_page(PAGE))
    assert "Model score 0.98, above your threshold 0.60 (balanced)" in text
    assert text.count('<span class="verdict">flagged</span>') == 9


def test_next_and_previous_walk_in_worklist_order_and_stop_at_the_ends(films):
    app = open_page(PAGE)
    assert button(app, "Previous").disabled
    walked = []
    for _ in range(3):
        button(app, "Next").click().run()
        walked.append(shown(app))
    assert walked == [films["middle.png"], films["notes.png"], films["low.png"]]
    assert button(app, "Next").disabled
    button(app, "Previous").click().run()
    assert shown(app) == films["notes.png"]


def test_a_film_below_its_thresholds_is_not_flagged_and_no_more_is_said(films):
    app = open_page(PAGE)
    app.session_state["film"] = films["low.png"]
    text = words(app.run())
    assert "below your threshold 0.60 (balanced)" in text
    assert text.count("not flagged") == 9
    assert "normal" not in text.lower()


def test_a_refused_film_says_why_and_what_to_do(films):
    app = open_page(PAGE)
    app.session_state["film"] = films["notes.png"]
    app.run()
    assert "This file could not be screened" in words(app)
    assert "Send the film as DICOM, PNG, JPEG, TIFF or BMP" in words(app)
    assert "not_an_image" in words(app)
    assert components(app, "cxr_viewer") == []
    assert not app.exception


def test_a_film_whose_bytes_are_gone_keeps_its_scores(films):
    key = films["middle.png"]
    (state.settings().data_dir / "films" / key[:2] / key).unlink()
    for derived in (state.settings().data_dir / "cache" / key[:2]).glob("*"):
        derived.unlink()
    app = open_page(PAGE)  # opened only now: it has the neighbours' films made in the background
    app.session_state["film"] = key
    app.run()
    assert "The film cannot be shown" in words(app)
    assert "Model score 0.78" in words(app)


def test_a_decision_is_kept_at_once_and_undone_with_one_click(films):
    app = open_page(PAGE)
    button(app, "Agree").click().run()
    assert state.store().entry(films["high.png"]).review.decision == "agree"
    button(app, "Disagree").click().run()
    assert state.store().entry(films["high.png"]).review.decision == "disagree"
    button(app, "Undo").click().run()
    assert state.store().entry(films["high.png"]).review.decision == "none"
    assert "Undo" not in [item.label for item in app.button]


def test_a_comment_is_kept_with_and_without_a_decision_and_belongs_to_its_film(films):
    app = open_page(PAGE)
    app.text_input[0].set_value("line in right subclavian").run()
    kept = state.store().entry(films["high.png"]).review
    assert (kept.decision, kept.comment) == ("none", "line in right subclavian")
    button(app, "Agree").click().run()
    kept = state.store().entry(films["high.png"]).review
    assert (kept.decision, kept.comment) == ("agree", "line in right subclavian")
    button(app, "Next").click().run()
    assert app.text_input[0].value == ""


def test_an_address_opens_its_film_and_an_unknown_one_none(films):
    app = open_page(PAGE)
    app.query_params["film"] = films["low.png"]
    assert shown(app.run()) == films["low.png"]
    app.query_params["film"] = "f" * 64
    assert "not in the worklist" in words(app.run())


def test_versions_of_the_models_stand_beside_their_scores(films, models):
    for model in models.models:
        assert f"{model.name} {model.version} ({model.sha256[:8]})" in words(open_page(PAGE))


def test_a_synthetic_film_says_so(stored):
    stored({"made.png": 250}, synthetic=True)
    app = open_page(PAGE)
    assert component(app, "cxr_viewer")["film"]["synthetic"] is True
    assert "synthetic" in words(app)


def test_a_decision_that_cannot_be_kept_is_said_and_the_page_stays(films):
    app = open_page(PAGE)
    state.store().remove(films["high.png"])
    button(app, "Agree").click().run()
    assert "This was not kept. This image is no longer in the worklist" in words(app)
    assert not app.exception


def test_a_film_that_has_just_arrived_is_shown_itself_though_the_list_is_a_moment_old(films, stored):
    state.entries()
    key = stored({"late.png": 130})["late.png"]
    app = open_page(PAGE)
    app.session_state["film"] = key
    assert shown(app.run()) == key
    assert component(app, "cxr_viewer")["film"]["id"] == key


def test_no_other_film_stands_in_for_one_that_is_not_there(films):
    app = open_page(PAGE)
    app.session_state["film"] = "0" * 64
    assert "not in the worklist" in words(app.run())
    assert components(app, "cxr_viewer") == []


def test_the_patient_is_named_on_the_page_and_in_no_address(stored):
    stored({"a.dcm": dicom(film(), PatientName="Doe^Jane", PatientID="4711", PatientSex="F", PatientAge="075Y")})
    app = open_page(PAGE)
    assert "Doe, Jane \u00b7 ID 4711 \u00b7 F \u00b7 75 years \u00b7 PA" in words(app)
    data = component(app, "cxr_viewer")
    assert "4711" not in repr(app.query_params) + data["film"]["url"] + data["film"]["id"]


def test_the_worklist_tells_the_patients_id(stored):
    stored({"a.dcm": dicom(film(), PatientName="Doe^Jane", PatientID="4711")})
    (row,) = component(open_page("pages/2_Worklist.py"), "cxr_listing")["rows"]
    assert "ID 4711" in row["tags"]
    assert "Jane" not in repr(row)
