"""Worklist: nine sliders re-flag and re-rank without a model, are kept, and decide what the CSV holds."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.detect import Detector
from cxr_core.export.table import read_csv
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS, Identity, Review
from cxr_core.settings import Settings
from cxr_core.site import write_section
from tests import fakes
from tests.app.conftest import component, forget, open_page, words
from ui import state
from ui.worklist_view import PAGE_ROWS

PAGE = "pages/2_Worklist.py"


@pytest.fixture
def three(stored):
    return stored({"low.png": 110, "high.png": 250, "middle.png": 200, "notes.png": b"text"})


def names(app) -> list[str]:
    return [row["name"] for row in component(app, "cxr_listing")["rows"]]


def lanes(app) -> dict[str, str]:
    return {row["name"]: row["lane"] for row in component(app, "cxr_listing")["rows"]}


def slider(app, label):
    return next(item for item in app.slider if item.label == label)


def search(app, text):
    return next(item for item in app.text_input if item.key == "filter-text").set_value(text).run()


def everything(app, value):
    for label in LABELS:
        slider(app, label).set_value(value)
    return app.run()


def test_there_is_a_slider_for_each_class_at_the_card_s_balanced_threshold(three):
    app = open_page(PAGE)
    assert [item.label for item in app.slider] == list(LABELS)
    assert {item.value for item in app.slider} == {0.6}


def test_films_stand_in_order_of_urgency_and_the_refused_one_has_a_lane_of_its_own(three):
    app = open_page(PAGE)
    assert names(app) == ["high.png", "middle.png", "notes.png", "low.png"]
    assert list(lanes(app).values()) == ["urgent", "urgent", "refused", "routine"]
    counts = component(app, "cxr_listing")["counts"]
    assert {group: count for group, count in counts.items() if count} == {"urgent": 2, "refused": 1, "routine": 1}


def test_moving_a_slider_flags_and_ranks_anew_and_runs_no_model(three, networks):
    app = open_page(PAGE)
    ran = [list(network.batches) for network in networks]
    slider(app, "COVID-19").set_value(0.9).run()
    assert lanes(app) == {"high.png": "urgent", "middle.png": "soon", "notes.png": "refused", "low.png": "routine"}
    everything(app, 0.99)
    assert names(app)[0] == "notes.png"
    assert [list(network.batches) for network in networks] == ran
    assert app.session_state["preset"] == "mine"


def test_a_preset_sets_all_nine_and_mine_comes_back(three):
    app = open_page(PAGE)
    slider(app, "Mass").set_value(0.25).run()
    preset = app.get("button_group")[0]
    preset.set_value("sensitive").run()
    assert {item.value for item in app.slider} == {0.3}
    preset.set_value("mine").run()
    assert slider(app, "Mass").value == 0.25
    assert slider(app, "Nodule").value == 0.6


def test_thresholds_outlive_the_session_and_the_process(three, models):
    app = open_page(PAGE)
    slider(app, "Effusion").set_value(0.85).run()
    forget()
    again = open_page(PAGE)
    assert slider(again, "Effusion").value == 0.85
    assert again.session_state["preset"] == "mine"


def test_another_model_version_starts_from_its_own_card(three, monkeypatch):
    app = open_page(PAGE)
    slider(app, "Effusion").set_value(0.85).run()
    newer = state.Screener(state.settings(), detectors=[fakes.covid(), fakes.nih(version="2", threshold=0.4)])
    monkeypatch.setattr(state, "screener", lambda: newer)
    again = open_page(PAGE)
    assert slider(again, "Effusion").value == 0.4
    assert "other model version" in component(again, "cxr_listing")["rows"][0]["tags"]


def test_two_sessions_do_not_move_each_other_s_sliders(three):
    one, two = open_page(PAGE), open_page(PAGE)
    slider(one, "Mass").set_value(0.2).run()
    assert slider(two.run(), "Mass").value == 0.6


def test_each_slider_says_how_many_it_flags_and_what_is_known_of_it(three):
    assert "2 of 4 flagged" in words(open_page(PAGE))


def test_filters_hide_rows_and_say_how_many(three):
    app = open_page(PAGE)
    search(app, "HIGH")
    assert names(app) == ["high.png"]
    assert "3 of 4 films are hidden by the filters" in words(app)


def test_filters_by_lane_label_and_review(three):
    app = open_page(PAGE)
    app.get("button_group")[1].set_value(["refused"]).run()
    assert names(app) == ["notes.png"]
    app.get("button_group")[1].set_value([]).run()
    app.selectbox[0].set_value("Mass").run()
    assert names(app) == ["high.png", "middle.png"]
    fakes.say(state.store(), three["high.png"], "agree")
    app.selectbox[1].set_value("not yet").run()
    assert names(app) == ["middle.png"]


def decide(key, decision="agree", **facts):
    state.store().save_review(key, Review(decision, "", datetime.now(UTC), **facts))


def rows(app) -> dict[str, dict]:
    return {row["name"]: row for row in component(app, "cxr_listing")["rows"]}


def test_what_was_read_goes_below_and_keeps_the_thresholds_that_it_was_read_with(three):
    decide(three["high.png"], thresholds=dict.fromkeys(LABELS, 0.7), preset="mine")
    app = everything(open_page(PAGE), 0.99)
    assert names(app)[-1] == "high.png"
    read = rows(app)["high.png"]
    assert (read["group"], read["waiting"]) == ("read", "read")
    assert read["thresholds"] == [0.7] * 9
    assert set(read["flagged"]) == set(LABELS), "the slider at 0.99 does not reach back"
    assert rows(app)["middle.png"]["flagged"] == []


def test_who_waited_over_the_limit_stands_first_and_says_so(three):
    write_section(state.settings(), "triage", {"limits_minutes": {"urgent": 60.0, "routine": 1440.0}})
    late = datetime.now(UTC) - timedelta(minutes=1503)
    state.store().save(state.store().entry(three["low.png"]).screening, late)
    film = replace(state.store().entry(three["low.png"]).screening, sha256="f" * 64, file="late.png")
    state.store().save(film, late)
    app = open_page(PAGE)
    assert names(app)[0] == "late.png"
    assert rows(app)["late.png"]["group"] == "over"
    assert rows(app)["late.png"]["reasons"][0] == "Waiting 25 h 3 min, over this site's limit of 24 h for routine."
    assert "<b>1</b> over the limit" in words(app)


def test_what_was_asked_for_at_once_stands_before_everything(three):
    film = state.store().entry(three["low.png"]).screening
    stat = replace(film, sha256="e" * 64, file="stat.png", identity=Identity(patient_id="7", priority="STAT"))
    state.store().save(stat, datetime.now(UTC))
    app = open_page(PAGE)
    assert names(app)[0] == "stat.png"
    assert rows(app)["stat.png"]["tags"][:2] == ["ID 7", "STAT"]
    assert rows(app)["stat.png"]["reasons"][0].startswith("STAT by the requesting ward")


def test_a_patient_s_number_finds_the_film(three):
    film = state.store().entry(three["low.png"]).screening
    whose = Identity(patient_id="PX-7", accession="ACC9")
    state.store().save(replace(film, sha256="e" * 64, file="x.png", identity=whose), datetime.now(UTC))
    app = search(open_page(PAGE), "px-7")
    assert names(app) == ["x.png"]
    assert names(search(app, "acc9")) == ["x.png"]


def test_a_broken_site_file_is_said_and_the_default_order_holds(three):
    state.settings().resolved_site_file.write_text("[triage]\nscore_weight = 99\n")
    app = open_page(PAGE)
    assert "score_weight in [triage] must be a number between 0 and 4, got 99" in words(app)
    assert names(app) == ["high.png", "middle.png", "notes.png", "low.png"]


def press(app, label):
    return next(item for item in app.button if item.label == label).click().run()


def test_a_preset_is_saved_under_a_name_taken_and_deleted(three):
    app = open_page(PAGE)
    slider(app, "Mass").set_value(0.25).run()
    next(item for item in app.text_input if item.key == "preset-name").set_value("Night  shift")
    press(app, "Save the thresholds shown")
    everything(app, 0.9)
    press(app, "Night shift")
    assert (slider(app, "Mass").value, slider(app, "Nodule").value) == (0.25, 0.6)
    again = press(open_page(PAGE), "Delete")
    assert not any(button.label == "Night shift" for button in again.button)
    assert slider(again, "Mass").value == 0.25


@pytest.mark.parametrize("name", ["", "balanced", " MINE "])
def test_a_preset_needs_a_name_of_its_own(three, name):
    app = open_page(PAGE)
    next(item for item in app.text_input if item.key == "preset-name").set_value(name)
    assert "preset's name" in words(press(app, "Save the thresholds shown"))


def newer_models(monkeypatch):
    newer = state.Screener(state.settings(), detectors=[fakes.covid(), fakes.nih(version="2", threshold=0.4)])
    monkeypatch.setattr(state, "screener", lambda: newer)


def test_new_models_ask_for_their_thresholds_once_and_old_rows_keep_theirs(three, monkeypatch):
    everything(open_page(PAGE), 0.99)
    newer_models(monkeypatch)
    app = open_page(PAGE)
    assert "New model version" in words(app)
    assert slider(app, "Effusion").value == 0.4
    assert rows(app)["high.png"]["thresholds"] == [0.99] * 9
    assert rows(app)["high.png"]["flagged"] == []
    assert "New model version" not in words(press(app, "Use the new balanced preset"))
    assert "New model version" not in words(open_page(PAGE))


def test_a_new_site_is_asked_nothing(three):
    assert "New model version" not in words(open_page(PAGE))


def test_each_slider_says_what_it_catches_here(three, monkeypatch):
    points = {"Mass": {"balanced": {"tp": 80, "fn": 20, "fp": 30, "tn": 70}}}
    nih = fakes.nih()
    nih = Detector(replace(nih.card, curves={"confusion": points}), fakes.BrightnessNetwork(8))
    screener = Screener(state.settings(), [fakes.covid(), nih])
    monkeypatch.setattr(state, "screener", lambda: screener)
    write_section(state.settings(), "prevalence", {"Mass": 0.06})
    said = words(open_page(PAGE))
    assert "sens .80 [.71-.87] \u00b7 spec .70 [.60-.78]" in said
    assert "PPV .15 \u00b7 NPV .98 at 6% \u00b7 ~33 flags / 100" in said


def test_filters_survive_a_visit_to_another_page(three):
    app = open_page("streamlit_app.py").switch_page(PAGE).run()
    search(app, "low")
    app.switch_page("pages/3_Review.py").run()
    app.switch_page(PAGE).run()
    assert names(app) == ["low.png"]
    assert next(item for item in app.text_input if item.key == "filter-text").value == "low"


def test_the_csv_holds_the_flagged_rows_that_the_filters_show_at_the_thresholds_of_the_sliders(three, monkeypatch):
    made = []

    def offered(label, *, data, **_facts):
        if label == "Download flagged CSV":
            made.append(data)

    monkeypatch.setattr("streamlit.download_button", offered)
    app = open_page(PAGE)
    slider(app, "Mass").set_value(0.9).run()
    search(app, "high")
    table = read_csv(made[-1]())
    assert [row.file for row in table] == ["high.png"]
    assert table[0].labels["Mass"].threshold == 0.9
    assert table[0].labels["COVID-19"].flag is True
    (noted,), count = state.store().audit(action="exported")
    assert count == 1
    assert noted.facts == {"what": "flagged", "films": 1, "identity": True, "by": "page"}


def test_without_a_flag_there_is_nothing_to_download(three):
    app = everything(open_page(PAGE), 1.0)
    assert app.download_button[0].disabled


def test_a_long_list_is_drawn_page_by_page(stored):
    stored({f"{n:03}.png": 60 + n for n in range(PAGE_ROWS + 5)})
    app = open_page(PAGE)
    assert len(names(app)) == PAGE_ROWS
    app.get("pagination")[0].set_value(2).run()
    assert len(names(app)) == 5


def test_a_film_screened_by_other_models_is_to_be_checked_and_says_why(stored, monkeypatch):
    stored({"low.png": 110})
    newer = Screener(Settings.from_environment(), detectors=[fakes.covid(version="2"), fakes.nih(version="2")])
    monkeypatch.setattr(state, "screener", lambda: newer)
    app = open_page(PAGE)
    assert lanes(app) == {"low.png": "check"}
    assert any("another model version" in reason for reason in component(app, "cxr_listing")["rows"][0]["reasons"])


def test_a_browser_that_has_not_heard_of_mine_yet_takes_no_earlier_move_back(three):
    app = open_page(PAGE)
    slider(app, LABELS[0]).set_value(0.9)
    app.run()
    app.session_state["preset"] = "balanced"  # what the browser still shows when the next slider moves at once
    slider(app, LABELS[1]).set_value(0.8)
    app.run()
    assert [item.value for item in app.slider][:3] == [0.9, 0.8, 0.6]


def read_ahead():
    """Wait until what the first page began is done."""
    for thread in threading.enumerate():
        if thread.name == "worklist":
            thread.join()


def test_the_first_page_of_a_server_has_the_worklist_read_for_those_who_look_later(three, monkeypatch):
    watched = fakes.WatchedStore(state.store())
    monkeypatch.setattr(state, "store", lambda: watched)
    open_page("pages/1_Screen.py")
    read_ahead()
    assert watched.anew == ["columns", "names"]
    assert names(search(open_page(PAGE), "high")) == ["high.png"]
    assert watched.anew == ["columns", "names"]


def test_the_first_page_does_not_wait_for_the_worklist_to_be_read(three, monkeypatch):
    watched = fakes.WatchedStore(state.store())
    watched.gate.clear()
    monkeypatch.setattr(state, "store", lambda: watched)
    app = open_page("pages/1_Screen.py")
    assert watched.asked.wait(60)
    assert not app.exception
    assert watched.anew == []
    watched.gate.set()
    read_ahead()


def test_a_database_that_went_away_stops_no_page_before_one_looks(three, monkeypatch):
    watched = fakes.WatchedStore(state.store(), away=True)
    monkeypatch.setattr(state, "store", lambda: watched)
    app = open_page("pages/1_Screen.py")
    read_ahead()
    assert not app.exception
    assert "cannot be reached" not in words(app)
    assert "The database does not answer." in words(open_page(PAGE))
