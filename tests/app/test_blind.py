"""Blind first read: nothing that a model said reaches the browser before the reader commits; then all of it does."""

import json

import pytest

from cxr_core.records import Box
from tests.app.conftest import component, components, open_page, words
from tests.app.test_review import PAGE, button, kept, say, shown, stroke
from tests.fakes import say as another_says
from ui import state


@pytest.fixture
def films(stored):
    return stored({"low.png": 110, "high.png": 250, "middle.png": 200})


def blind(films):
    app = open_page(PAGE)
    app.session_state["film"] = films["low.png"]
    app.session_state["models_seen"] = set()  # as if the switch had been on from the beginning
    return app.toggle[0].set_value(True).run()


def everything(app) -> str:
    """All that the server hands to the browser, but for the style sheet and the components' scripts of every page."""
    parts = (node.proto for node in app._tree if getattr(node, "proto", None) is not None)
    sent = [part.json if hasattr(part, "component_name") else str(part) for part in parts]
    return "\n".join(text for text in sent if "<style>" not in text)


TOLD = ('"flagged": true', "threshold", "rank 1", "rank 2", "rank 3", "Why here", "covid_ssd", 'verdict\\">not flagged')


def test_no_score_no_box_no_flag_no_lane_and_no_rank_reach_the_browser(films):
    app = blind(films)
    entry = state.store().entry(films["low.png"])
    sent = everything(app)
    assert films["low.png"] in sent
    for score in {*entry.screening.scores.values(), *(item.score for item in entry.screening.findings)}:
        assert str(score)[:6] not in sent
        assert f"{score:.2f}" not in words(app)
    assert [word for word in (*TOLD, "Routine") if word in sent] == []
    button(app, "Commit and show the models").click().run()
    told = everything(app)
    assert [word for word in ("threshold", "Why here", "covid_ssd", "Routine") if word not in told] == []
    assert str(entry.screening.findings[0].score)[:6] in told


def test_a_blind_reader_s_components_are_told_of_no_model(films):
    app = blind(films)
    viewer = component(app, "cxr_viewer")
    assert (viewer["boxes"], viewer["flagged"], viewer["evidence"]["labels"]) == ([], [], [])
    assert {json.dumps(row | {"label": ""}) for row in component(app, "cxr_findings")["rows"]} == {
        json.dumps({"label": "", "flagged": False, "status": None})
    }


def test_blind_films_come_in_order_of_arrival_for_the_queue_s_order_tells_something(films):
    arrived = state.store().entries()
    app = blind(films)
    app.session_state["film"] = arrived[0].key
    app.run()
    walked = [shown(app)]
    for _ in range(2):
        button(app, "Next").click().run()
        walked.append(shown(app))
    assert walked == [entry.key for entry in arrived]


def test_what_was_seen_blind_is_kept_when_it_is_committed_and_then_the_models_speak(films):
    app = blind(films)
    say(app, what="finding", label="Effusion", status="added")
    stroke(app, {"id": "t1", "label": "Mass", "box": [1, 2, 30, 40]})
    assert component(app, "cxr_viewer")["boxes"][0]["label"] == "Mass"
    assert kept(films["low.png"]) is None
    say(app, what="sign")  # the key Enter
    review = kept(films["low.png"])
    assert review.blind.flagged == ("Effusion", "Mass")
    assert [item.box for item in review.blind.findings] == [Box(1, 2, 30, 40)]
    assert (review.verdict("Effusion"), review.verdict("Mass"), review.verdict("Nodule")) == ("added", "added", None)
    assert review.signed_at is None
    text = words(app)
    assert "below your threshold 0.60" in text
    assert "Why here" in text
    assert "Mass" in {box["label"] for box in component(app, "cxr_viewer")["boxes"] if box["status"] == "added"}


def test_another_reader_s_words_are_kept_from_a_blind_reader_and_survive_the_commit(films):
    another_says(state.store(), films["low.png"], "agree", "mass at the left apex", reader="Dr Roe")
    app = blind(films)
    assert "left apex" not in everything(app)
    assert "You agreed" not in words(app)
    say(app, what="finding", label="Mass", status="added")
    button(app, "Commit and show the models").click().run()
    assert app.text_input(key=f"comment-{films['low.png']}").value == "mass at the left apex"
    assert (kept(films["low.png"]).comment, kept(films["low.png"]).version) == ("mass at the left apex", 2)


def test_nothing_seen_is_an_answer_too(films):
    app = blind(films)
    button(app, "Commit and show the models").click().run()
    assert kept(films["low.png"]).blind.flagged == ()
    assert kept(films["low.png"]).findings == ()


def test_a_word_of_agreement_cannot_be_given_blind(films):
    app = say(blind(films), what="all", status="agree")
    assert kept(films["low.png"]) is None
    assert "Commit and show the models" in words(app)


def test_a_film_whose_scores_were_seen_is_not_read_blind_and_the_next_one_is(films):
    app = open_page(PAGE)
    seen = shown(app)
    app.toggle[0].set_value(True).run()
    assert shown(app) != seen
    assert "Model score" not in words(app)
    app.session_state["film"] = seen
    app.run()
    assert "Seen before: not blind" in words(app)
    assert "Model score" in words(app)


def test_blind_strokes_are_undone_without_a_trace(films):
    app = blind(films)
    stroke(app, {"id": "t1", "label": "Mass", "box": [1, 2, 30, 40]})
    say(app, what="finding", label="Nodule", status="added")
    button(app, "Undo").click().run()
    button(app, "Undo").click().run()
    assert component(app, "cxr_viewer")["boxes"] == []
    assert all(row["status"] is None for row in component(app, "cxr_findings")["rows"])
    assert "Undo" not in [item.label for item in app.button]


def test_a_label_named_by_its_box_goes_with_it_and_takes_it_along(films):
    app = blind(films)
    stroke(app, {"id": "t1", "label": "Mass", "box": [1, 2, 30, 40]})
    stroke(app)
    assert all(row["status"] is None for row in component(app, "cxr_findings")["rows"])
    stroke(app, {"id": "t2", "label": "Mass", "box": [1, 2, 30, 40]})
    say(app, what="finding", label="Mass", status=None)
    assert component(app, "cxr_viewer")["boxes"] == []


def test_the_worklist_keeps_its_answers_from_a_blind_reader_until_they_end_it(films):
    app = open_page("streamlit_app.py")
    app.session_state["blind_mode"] = True
    app.switch_page("pages/2_Worklist.py").run()
    assert "You read blind" in words(app)
    assert not components(app, "cxr_listing")
    assert [word for word in TOLD if word in everything(app)] == []
    button(app, "Show the worklist and end blind reading").click().run()
    assert len(component(app, "cxr_listing")["rows"]) == 3


def test_a_film_whose_row_was_drawn_in_the_worklist_is_not_read_blind(films):
    app = open_page("pages/2_Worklist.py")
    assert len(component(app, "cxr_listing")["rows"]) == 3
    assert app.session_state["models_seen"] == set(films.values())
