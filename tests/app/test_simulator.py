"""The simulator page: it plays what the widgets say, tells what came out, and survives nonsense."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.records import COVID, NIH_LABELS, Interval, OperatingPoint
from cxr_core.simulate import MISSED, Department, Group, by_arrival, by_policy, by_score, compare
from cxr_core.takeout import label_cards
from cxr_core.triage import Policy
from tests import fakes
from tests.app.conftest import open_page, words
from ui import simulator_plots, simulator_view
from ui.simulator_plots import ARRIVAL, KINDS, OURS, SCORE

PAGE = "pages/6_Simulator.py"
ORDERS = {ARRIVAL: by_arrival, SCORE: by_score, OURS: by_policy(Policy())}


def number(app, key, value):
    next(item for item in app.number_input if item.key == key).set_value(value)
    return app.run()


def alts(app) -> str:
    return "\n".join(item.proto.alt for item in app.get("plotly_chart"))


def test_it_plays_and_says_in_words_what_came_out(models):
    app = open_page(PAGE)
    assert not app.exception
    text = words(app)
    assert "of the reading time is needed" in text
    assert "Urgent films wait" in text
    assert "By score alone the longest wait is" in text
    assert "the Allen-Cunneen approximation expects a mean of 9.3 min" in text
    for name in (ARRIVAL, SCORE, OURS):
        assert name in alts(app)
        assert text.count(f"<td>{name}</td>") == len(KINDS)


def test_another_department_is_another_play(models):
    app = number(open_page(PAGE), "sim-days", 10)
    before = words(app)
    app = number(app, "sim-rate", 10.0)
    assert not app.exception
    assert "42%</b> of the reading time" in words(app)
    assert words(app) != before


def test_other_films_of_the_same_department_are_another_draw(models):
    app = number(open_page(PAGE), "sim-days", 5)
    before = words(app)
    next(button for button in app.button if button.label == "Play with other films").click()
    app.run()
    assert not app.exception
    assert words(app) != before


def test_more_than_can_be_read_is_said(models):
    app = number(number(open_page(PAGE), "sim-days", 2), "sim-rate", 60.0)
    assert not app.exception
    assert "More comes than can be read" in words(app)
    assert "expects a mean" not in words(app), "no formula holds there"


def test_what_cannot_be_played_is_said_and_the_numbers_stay(models):
    app = number(open_page(PAGE), "sim-rate", 500.0)
    assert not app.exception
    assert "This cannot be played" in words(app)
    assert "choose days and arrivals" in words(app)
    app = number(app, "sim-rate", 20.0)
    assert "This cannot be played" not in words(app)


def test_a_limit_that_shrinks_is_said(models):
    app = number(open_page(PAGE), "sim-limit-soon", 30.0)
    assert "limits may not shrink" in words(app)


def test_the_cards_figures_and_the_sites_policy_stand_in_the_widgets(models, tmp_path, monkeypatch):
    site = tmp_path / "site.toml"
    site.write_text("[triage]\nwaiting_halves_minutes = 45\n[prevalence]\nCOVID-19 = 0.011\n", encoding="utf-8")
    monkeypatch.setenv("CXR_SITE_FILE", str(site))
    app = open_page(PAGE)
    assert not app.exception
    values = {item.key: item.value for item in app.number_input}
    assert values["sim-halves"] == 45
    assert values["sim-share-COVID-19-urgent"] == 1.1
    assert values["sim-sens-COVID-19-balanced-urgent"] == 0.8, "an example: this card was not measured"


def test_a_broken_site_file_is_said_and_the_defaults_play(models, tmp_path, monkeypatch):
    site = tmp_path / "site.toml"
    site.write_text("[triage\n", encoding="utf-8")
    monkeypatch.setenv("CXR_SITE_FILE", str(site))
    app = open_page(PAGE)
    assert not app.exception
    assert "The site file cannot be used" in words(app)
    assert "Urgent films wait" in words(app)


def test_the_class_cards_are_those_of_the_detector_that_speaks():
    point = OperatingPoint(0.5, Interval(0.9, 0.8, 0.95), Interval(0.7, 0.6, 0.8))
    covid, nih = fakes.card("covid_ssd", [COVID]), fakes.card("nih_ssd", [COVID, *NIH_LABELS])
    covid = replace(covid, labels=(replace(covid.labels[0], operating_points={"balanced": point}),))
    found = label_cards((nih, covid))
    assert set(found) == {COVID, *NIH_LABELS}
    assert found[COVID].operating_points["balanced"] == point


@pytest.fixture(scope="module")
def outcomes():
    return compare(Department(days=3), ORDERS)


def test_plots_and_table_hold_the_same_numbers(outcomes):
    bars = simulator_plots.bars(outcomes, "longest")
    rows = simulator_plots.table_rows(outcomes)
    for trace in bars.data:
        for kind, value in zip(trace.y, trace.x, strict=True):
            assert (kind, trace.name, simulator_plots.minutes(value)) in {(row[0], row[1], row[-1]) for row in rows}
    curve = simulator_plots.curves(outcomes, "routine")
    assert [trace.name for trace in curve.data] == [ARRIVAL, SCORE, OURS]
    for trace in curve.data:
        assert list(trace.y) == sorted(trace.y, reverse=True)
        assert list(trace.x) == sorted(trace.x)


def test_a_kind_without_films_is_left_out_of_plots_and_words():
    room = Department(days=3, groups=(Group("soon", 0.2, 0.8, 0.8),))
    few = compare(room, ORDERS)
    assert few[0].of("urgent") is None
    assert not any(row[0] in ("Urgent", KINDS[MISSED]) for row in simulator_plots.table_rows(few))
    assert not any("Urgent" in sentence for sentence in simulator_view.sentences(room, few))


@given(st.floats(0, 1e5))
def test_minutes_are_said_as_people_say_them(value):
    assert simulator_plots.minutes(value).endswith((" min", " h"))
