"""Second opinions on the review page: below the detector's score, with a word when the models are far apart."""

import pytest

from cxr_core.intake import OPINION_SWITCHES
from cxr_core.records import COVID
from tests import fakes
from tests.app.conftest import open_page, words
from ui import state
from ui.opinions_view import TWICE

PAGE = "pages/3_Review.py"


@pytest.fixture
def opinions():
    other = fakes.second("radiography4", [COVID, "Lung opacity"], fakes.Judge(2, 0.25))
    return (fakes.second(network=fakes.Judge(1, 0.9)), other)


def test_each_second_opinion_and_the_ensemble_stand_below_the_detector_s_score(stored):
    stored({"a.png": 153})  # the detectors say 0.6
    text = words(open_page(PAGE))
    covid = text[text.index('data-label="COVID-19"') : text.index('data-label="Atelectasis"')]
    assert "covid_cnn" in covid
    assert "<b>0.90</b>" in covid
    assert "<b>0.25</b>" in covid
    assert "all together" in covid
    assert "<b>0.62</b>" in covid, "the mean of the logits of 0.6, 0.9 and 0.25"
    assert text.count("all together") == 1, "no ensemble where there is no second opinion"
    assert "Findings that only second opinions know: Lung opacity 0.25 (radiography4)" in text
    assert "Second opinions: covid_cnn 1, radiography4 1" in text


def test_models_that_are_far_apart_are_said_to_disagree(stored):
    stored({"a.png": 153})
    assert TWICE in words(open_page(PAGE))


def test_a_film_that_nobody_else_has_seen_shows_the_detectors_alone(stored):
    state.store().put_setting(OPINION_SWITCHES, {"covid_cnn": False, "radiography4": False})
    stored({"a.png": 153})
    app = open_page(PAGE)
    assert not app.exception
    assert "Second opinions" not in words(app)
    assert "all together" not in words(app)
