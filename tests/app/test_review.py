"""Review: one film, its scores in words, what a person says of it, and the way to the next."""

from dataclasses import replace

import pytest

from cxr_core.export.result import Window
from cxr_core.records import Box, Finding
from tests.app.conftest import component, components, open_page, tell, words
from tests.read.films import dicom, film
from ui import state

PAGE = "pages/3_Review.py"


@pytest.fixture
def films(stored):
    return stored({"low.png": 110, "high.png": 250, "middle.png": 200, "notes.png": b"text"})


def say(app, **word):
    """A word of the reader beside the film."""
    at = app.session_state.get("clock", 0)
    app.session_state["clock"] = at + 1
    return tell(app, "cxr_findings", "said", [{"film": shown(app), "at": at + 1, **word}])


def stroke(app, *places, event="edit"):
    """Boxes as the reader left them."""
    return tell(app, "cxr_viewer", event, {"film": shown(app), "seq": 1, "places": list(places)})


def kept(key):
    return state.store().entry(key).review


def name(app, reader="Dr Roe", role="radiologist"):
    app.text_input(key="reader_field").set_value(reader)
    app.selectbox(key="role_field").set_value(role)
    return app.run()


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


def test_a_film_that_has_just_arrived_is_shown_itself_though_the_list_is_a_moment_old(films, stored):
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


def test_a_word_on_a_finding_is_kept_at_once_and_undone_with_one_click(films):
    app = open_page(PAGE)
    say(app, what="finding", label="Mass", status="disagree")
    review = kept(films["high.png"])
    assert (review.verdict("Mass"), review.decision, review.version) == ("disagree", "disagree", 1)
    assert review.findings[0].score == pytest.approx(0.98, abs=0.01)
    assert (review.preset, review.thresholds["Mass"]) == ("balanced", 0.6)
    (row,) = [row for row in component(app, "cxr_findings")["rows"] if row["label"] == "Mass"]
    assert row["status"] == "disagree"
    assert "You disagreed with the flags" in words(app)
    button(app, "Undo").click().run()
    assert not kept(films["high.png"]).said
    assert "Undo" not in [item.label for item in app.button]
    assert [item.version for item in state.store().review_history(films["high.png"], high(films).screening)] == [1, 2]


def high(films):
    return state.store().entry(films["high.png"])


def test_agreeing_with_all_flags_agrees_with_each(films):
    app = say(open_page(PAGE), what="all", status="agree")
    review = kept(films["high.png"])
    assert review.decision == "agree"
    assert {item.label for item in review.findings} == set(component(app, "cxr_viewer")["flagged"])
    assert {item.status for item in review.findings} == {"agree"}


def test_words_that_were_heard_are_not_heard_again_and_none_is_lost(films):
    """Two words may reach the server as one message; the browser sends again what it does not know to be heard."""
    app = open_page(PAGE)
    film = shown(app)
    first = {"film": film, "at": 1, "what": "finding", "label": "Mass", "status": "agree"}
    second = {"film": film, "at": 2, "what": "finding", "label": "Nodule", "status": "disagree"}
    tell(app, "cxr_findings", "said", [first, second])
    assert component(app, "cxr_findings")["heard"] == 2
    tell(app, "cxr_findings", "said", [second, {**first, "at": 3, "status": None}])
    review = kept(film)
    assert (review.verdict("Mass"), review.verdict("Nodule"), review.version) == (None, "disagree", 3)


@pytest.mark.parametrize("word", [{"film": "0" * 64}, {"label": "Fracture"}, {"what": "else"}, {"status": "maybe"}])
def test_a_word_for_another_film_or_without_sense_judges_nothing(films, word):
    app = open_page(PAGE)
    at_film = {"film": shown(app), "at": 1, "what": "finding", "label": "Mass", "status": "agree"}
    tell(app, "cxr_findings", "said", [at_film | word])
    assert not app.exception
    assert kept(films["high.png"]) is None


def test_boxes_drawn_moved_and_deleted_are_kept_and_drawn_again(films):
    app = open_page(PAGE)
    model = component(app, "cxr_viewer")["boxes"][0]
    moved = [model["box"][0] + 5, *model["box"][1:]]
    stroke(app, {"id": model["id"], "box": moved}, {"id": "t1", "label": "Nodule", "box": [1, 2, 30, 40]})
    review = kept(films["high.png"])
    places = [item for item in review.findings if item.box]
    assert {item.status for item in places} == {"agree", "added"}
    assert review.verdict("Nodule") == "agree", "it is flagged"
    boxes = {box["id"]: box for box in component(app, "cxr_viewer")["boxes"]}
    assert boxes[model["id"]]["box"] == moved
    assert boxes["n0"]["box"] == [1, 2, 30, 40]
    assert component(app, "cxr_viewer")["seq"] == 1
    stroke(app, {"id": model["id"], "gone": True})
    assert {box["id"]: box["status"] for box in component(app, "cxr_viewer")["boxes"]}[model["id"]] == "gone"
    stroke(app, event="undo")
    boxes = {box["id"]: box for box in component(app, "cxr_viewer")["boxes"]}
    assert boxes[model["id"]]["box"] == moved
    assert "n0" in boxes


def test_a_stroke_on_a_film_that_was_left_meanwhile_is_kept_for_that_film(films):
    app = open_page(PAGE)
    drawn = {"film": films["low.png"], "seq": 1, "places": [{"id": "t", "label": "Mass", "box": [1, 2, 30, 40]}]}
    tell(app, "cxr_viewer", "edit", drawn)
    assert kept(films["high.png"]) is None
    assert kept(films["low.png"]).verdict("Mass") == "added"


def test_words_and_verdicts_are_kept_together_and_belong_to_their_film(films):
    app = open_page(PAGE)
    app.text_input(key=f"comment-{films['high.png']}").set_value("line in right subclavian").run()
    app.text_area[0].set_value("effusion on the right").run()
    say(app, what="all", status="agree")
    review = kept(films["high.png"])
    said = (review.decision, review.comment, review.impression)
    assert said == ("agree", "line in right subclavian", "effusion on the right")
    button(app, "Next").click().run()
    assert app.text_area[0].value == ""
    button(app, "Previous").click().run()
    assert app.text_area[0].value == "effusion on the right"


def test_a_signature_needs_a_name_and_what_is_said_after_it_takes_it_away(films):
    app = open_page(PAGE)
    say(app, what="sign")
    assert kept(films["high.png"]) is None
    assert "a signature needs a name" in words(app)
    name(app)
    say(app, what="sign")
    review = kept(films["high.png"])
    assert (review.reader, review.role, review.signed_at is not None) == ("Dr Roe", "radiologist", True)
    assert "Signed off by Dr Roe, radiologist" in words(app)
    assert "a signature needs a name" not in words(app)
    say(app, what="finding", label="Mass", status="agree")
    assert kept(films["high.png"]).signed_at is None
    button(app, "Undo").click().run()
    assert kept(films["high.png"]).signed_at == review.signed_at


def test_a_refused_file_is_seen_to(films):
    app = open_page(PAGE)
    app.session_state["film"] = films["notes.png"]
    app.run()
    button(app, "Seen to").click().run()
    assert kept(films["notes.png"]).decision == "agree"
    button(app, "Undo").click().run()
    assert not kept(films["notes.png"]).said


def test_the_patient_is_filled_in_and_the_picture_s_own_score_stays(films):
    app = open_page(PAGE)
    key = films["high.png"]
    app.segmented_control(key=f"context-fever-{key}").set_value("yes").run()
    app.number_input(key=f"context-spo2-{key}").set_value(91.0).run()
    context = kept(key).context
    assert (context.fever, context.spo2, context.cough) == (True, 91.0, None)
    text = words(app)
    assert "Picture alone" in text
    assert "Picture and patient" in text
    assert "+0.99 (x 2.7)" in text
    assert "Never validated" in text
    assert "Model score 0.98" in text
    button(app, "Undo").click().run()
    assert kept(key).context.spo2 is None
    assert app.number_input(key=f"context-spo2-{key}").value is None


def test_age_and_sex_come_from_the_file_until_somebody_says_otherwise(stored):
    key = stored({"a.dcm": dicom(film(), PatientSex="F", PatientAge="075Y")})["a.dcm"]
    app = open_page(PAGE)
    assert app.number_input(key=f"context-age-{key}").value == 75
    assert kept(key) is None
    app.segmented_control(key=f"context-cough-{key}").set_value("no").run()
    assert (kept(key).context.age, kept(key).context.sex, kept(key).context.cough) == (75, "F", False)


def test_an_earlier_film_of_the_same_patient_can_be_laid_beside(stored):
    facts = {"PatientID": "4711", "PatientName": "Doe^Jane"}
    keys = stored(
        {
            "now.dcm": dicom(film(), **facts, StudyDate="20260301", StudyInstanceUID="1.2.3"),
            "before.dcm": dicom(film() // 2, **facts, StudyDate="20250701", StudyInstanceUID="1.2.4"),
            "other.dcm": dicom(film() // 3, PatientID="5", StudyDate="20250701", StudyInstanceUID="1.2.5"),
        }
    )
    app = open_page(PAGE)
    app.session_state["film"] = keys["now.dcm"]
    app.run()
    other = component(app, "cxr_viewer")["other"]
    assert other["caption"] == "2025-07-01, 8 months before"
    assert "4711" not in repr(other)
    app.session_state["film"] = keys["before.dcm"]
    assert component(app.run(), "cxr_viewer")["other"] is None


def test_a_label_that_only_another_s_model_knows_has_a_button_and_is_not_judged(films):
    key = films["high.png"]
    entry = state.store().entry(key)
    findings = (Finding("Lung opacity", 0.9, Box(1, 1, 50, 50)), *entry.screening.findings)
    state.store().save(replace(entry.screening, findings=findings), entry.received_at)
    app = open_page(PAGE)
    viewer = component(app, "cxr_viewer")
    assert [label["name"] for label in viewer["labels"] if label.get("foreign")] == ["Lung opacity"]
    assert {box["label"] for box in viewer["boxes"] if box["fixed"]} == {"Lung opacity"}
    stroke(app, {"id": "m0", "gone": True})
    assert not app.exception
    assert kept(key) is None or not kept(key).findings


def test_the_reader_s_window_belongs_to_its_film_and_goes_with_an_export(films):
    app = open_page(PAGE)
    seen = {"film": shown(app), "low": 0.2, "high": 0.7, "inverted": True}
    tell(app, "cxr_viewer", "window", seen)
    assert app.session_state["viewer_window"] == (shown(app), Window(0.2, 0.7, inverted=True))
    for odd in ({"low": None}, {"low": 0.9}, {"high": float("inf")}, {"low": "x"}):
        tell(app, "cxr_viewer", "window", seen | odd)
        assert not app.exception
        assert app.session_state["viewer_window"][1] == Window(0.2, 0.7, inverted=True)
    assert "Export" in [item.proto.popover.label for item in app.get("popover")]
