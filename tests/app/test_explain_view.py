"""Where it looked: nothing until it is asked for, then one map a label; and why not, where the models cannot tell."""

import base64

import cv2
import numpy as np
import pytest

from cxr_core.explain import FULL, Explanation
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS
from cxr_core.settings import Settings
from tests import fakes
from tests.app.conftest import component, open_page
from ui import explain_view, state

PAGE = "pages/3_Review.py"


@pytest.fixture
def networks():
    """Models that can tell where they looked."""
    return fakes.PatchNetwork(1), fakes.PatchNetwork(8)


@pytest.fixture
def film(stored):
    return stored({"one.png": 250})["one.png"]


def facts(app):
    return component(app, "cxr_viewer")["evidence"]


def ask(app, film):
    app.session_state[explain_view.ASKED] = film
    return app.run()


def decoded(address):
    """(h, w) shares of the scale that raised and that lowered."""
    data = np.frombuffer(base64.b64decode(address.removeprefix("data:image/png;base64,")), np.uint8)
    _, lowered, raised = cv2.split(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return raised / 255, lowered / 255


def test_a_film_is_shown_without_maps_until_they_are_asked_for(film, networks):
    said = facts(open_page(PAGE))
    assert said["maps"] is None
    assert said["labels"] == list(LABELS)
    assert said["first"] in LABELS
    assert not any(True in network.asked for network in networks)


def test_asked_for_there_is_a_map_of_every_label_and_it_lies_on_the_block(film, networks):
    said = facts(ask(open_page(PAGE), film))
    assert set(said["maps"]) == set(LABELS)
    raised, lowered = decoded(said["maps"]["Mass"]["picture"])
    middle, corner = raised[40:90, 40:110].mean(), raised[:20, :20].mean()
    assert middle > 2 * corner
    assert lowered.max() == 0
    assert [network.asked.count(True) for network in networks] == [1, 1]


def test_maps_are_worked_out_once_a_film(film, networks):
    app = ask(open_page(PAGE), film)
    app.run()
    assert networks[1].asked.count(True) == 1


def test_another_film_starts_without(film, stored):
    other = stored({"two.png": 120})["two.png"]
    app = ask(open_page(PAGE), film)
    app.session_state["film"] = other
    assert facts(app.run())["maps"] is None


def test_models_that_cannot_tell_say_so(film, networks):
    for network in networks:
        network.has_maps = False
    said = facts(ask(open_page(PAGE), film))
    assert (said["labels"], said["maps"]) == ([], None)
    assert "cannot tell where they looked" in said["why"]


def test_a_film_that_these_models_did_not_screen_is_not_explained_by_them(film, networks, monkeypatch):
    later = [fakes.covid(networks[0], version="2"), fakes.nih(networks[1], version="2")]
    newer = Screener(Settings.from_environment(), detectors=later)
    monkeypatch.setattr(state, "screener", lambda: newer)
    said = facts(ask(open_page(PAGE), film))
    assert said["labels"] == []
    assert said["maps"] is None
    assert "other model versions" in said["why"]


def test_a_film_whose_bytes_are_gone_says_so_where_the_map_would_be(film):
    app = open_page(PAGE)  # the film for the viewer has been made now
    (state.settings().data_dir / "films" / film[:2] / film).unlink()
    said = facts(ask(app, film))
    assert said["maps"] is None
    assert said["trouble"].startswith("The models could not tell where they looked.")
    assert not app.exception


def explanation(raised, lowered):
    maps = (np.array([[value]], np.float32) for value in (raised, lowered))
    return Explanation(0.5, *maps, gain=raised, loss=lowered, outside=0, constant=0)


def test_a_picture_holds_the_shares_of_the_scale_and_no_more_than_all():
    raised, lowered = decoded(explain_view.picture(explanation(0.5 * FULL, 0.25 * FULL)))
    assert raised[0, 0] == pytest.approx(0.5, abs=0.01)
    assert lowered[0, 0] == pytest.approx(0.25, abs=0.01)
    strongest, _ = decoded(explain_view.picture(explanation(9 * FULL, 0)))
    assert strongest[0, 0] == 1


def test_little_evidence_is_said_in_words():
    assert explain_view.words(explanation(0.05 * FULL, 0), "Mass") == "No region raised the Mass score by much."
    assert explain_view.words(explanation(0.5 * FULL, 0), "Mass") == ""
