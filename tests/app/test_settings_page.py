"""Settings: the policy and the shares as forms that write the site file, and say what makes no sense."""

from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.operating import prevalence_of
from cxr_core.site import read_site
from cxr_core.triage import Policy, policy_of
from tests.app.conftest import component, open_page, words
from ui import state

PAGE = "pages/8_Settings.py"


@pytest.fixture
def site(models):
    return state.site()


def field(app, key):
    return next(item for kind in ("number_input", "selectbox") for item in app.get(kind) if item.key == key)


def press(app, label):
    return next(item for item in app.button if item.label == label).click().run()


def told(settings):
    return policy_of(read_site(settings))


def test_the_form_shows_the_policy_and_writes_the_site_file(site):
    app = open_page(PAGE)
    assert [field(app, f"limit-{lane}").value for lane in ("urgent", "soon", "check", "routine")] == [
        60,
        240,
        240,
        1440,
    ]
    field(app, "limit-urgent").set_value(30)
    field(app, "waiting-halves").set_value(90)
    field(app, "score-weight").set_value(0.5)
    field(app, "lane-pneumothorax").set_value("urgent")
    app = press(app, "Keep this order")
    assert "Kept." in words(app)
    limits = {"urgent": 30.0, "soon": 240.0, "check": 240.0, "routine": 1440.0}
    assert told(site.settings) == Policy({"Pneumothorax": "urgent"}, 0.5, 90.0, limits)
    assert field(open_page(PAGE), "limit-urgent").value == 30
    assert [row.subject for row in site.store.audit(action="setting")[0]] == ["site/triage"]


def test_the_worklist_follows_the_policy_that_was_kept(stored):
    key = stored({"low.png": 110})["low.png"]
    film = state.store().entry(key).screening
    state.store().purge(key)
    state.store().save(film, datetime.now(UTC) - timedelta(minutes=45))
    worklist = "pages/2_Worklist.py"
    assert component(open_page(worklist), "cxr_listing")["rows"][0]["group"] == "routine"
    app = open_page(PAGE)
    for lane in ("urgent", "soon", "check", "routine"):
        field(app, f"limit-{lane}").set_value(30)
    press(app, "Keep this order")
    assert component(open_page(worklist), "cxr_listing")["rows"][0]["group"] == "over"


def test_a_policy_that_makes_no_sense_is_said_and_not_kept(site):
    app = open_page(PAGE)
    field(app, "limit-urgent").set_value(600)
    app = press(app, "Keep this order")
    assert "This was not kept. Limits may not shrink" in words(app)
    assert told(site.settings) == Policy()


def test_shares_are_written_and_an_empty_one_takes_the_usual(site):
    app = open_page(PAGE)
    field(app, "share-usual").set_value(4.0)
    field(app, "share-covid_19").set_value(1.5)
    press(app, "Keep these shares")
    (noted,), _ = site.store.audit(action="setting")
    assert (noted.subject, noted.facts["default"]) == ("site/prevalence", 0.04)
    found = prevalence_of(read_site(site.settings))
    assert (found.default, dict(found.own)) == (0.04, {"COVID-19": 0.015})
    assert found.of("Mass") == 0.04


def test_a_file_that_is_no_toml_is_said_and_left_as_it_is(site):
    site.settings.resolved_site_file.write_text("[triage\nurgent")
    app = open_page(PAGE)
    assert "site.toml is not valid TOML" in words(app)
    app = press(app, "Keep this order")
    assert "This was not kept." in words(app)
    assert site.settings.resolved_site_file.read_text() == "[triage\nurgent"


def test_retention_stands_beside_them(site):
    assert "Retention and erasure" in words(open_page(PAGE))
