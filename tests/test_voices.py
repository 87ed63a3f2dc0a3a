"""Who speaks for a label, and what several models say together: properties of the calibrated mean."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import ModelNotFound, RecordError
from cxr_core.records import COVID, LABELS, NIH_LABELS, ModelRef, Notice, Opinion, Screening
from cxr_core.voices import disagree, ensemble, pooled, speakers, together
from tests.fakes import card
from tests.strategies import OPINIONS, UNIT, screenings

SEVERAL = st.lists(UNIT, min_size=1, max_size=6)


@given(SEVERAL)
def test_the_mean_lies_between_the_lowest_and_the_highest(values):
    assert min(values) <= pooled(values) <= max(values)


@given(SEVERAL, st.randoms())
def test_the_order_of_the_models_does_not_matter(values, random):
    shuffled = random.sample(values, len(values))
    assert pooled(shuffled) == pooled(values)


@given(UNIT, st.integers(1, 5))
def test_one_alone_and_several_that_agree_are_themselves(value, times):
    assert pooled([value] * times) == value


@given(st.lists(st.floats(1e-5, 1 - 1e-5), min_size=1, max_size=5))
def test_a_finding_and_its_absence_are_treated_alike(values):
    assert pooled([1 - value for value in values]) == pytest.approx(1 - pooled(values), abs=1e-9)


@given(st.lists(UNIT, min_size=2, max_size=5), st.data())
def test_a_model_that_grows_surer_never_lowers_the_mean(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    surer = [*values[:place], data.draw(st.floats(values[place], 1.0)), *values[place + 1 :]]
    assert pooled(surer) >= pooled(values) - 1e-12


def test_the_mean_is_taken_of_logits():
    odds = math.sqrt((0.9 / 0.1) * (0.2 / 0.8))
    assert pooled([0.9, 0.2]) == pytest.approx(odds / (1 + odds))
    assert 0.49 < pooled([0.0, 1.0]) < 0.51


def test_nothing_cannot_be_pooled():
    with pytest.raises(ValueError, match="at least one"):
        pooled([])


@given(screenings())
def test_an_ensemble_is_shown_where_a_second_opinion_is_and_nowhere_else(screening):
    asked = {label for opinion in screening.opinions for label in opinion.scores} & set(screening.scores)
    found = ensemble(screening)
    assert set(found) == asked
    assert all(found[label] == pooled(together(screening, label)) for label in found)
    assert ensemble(replace(screening, opinions=())) == {}


@given(screenings(), st.lists(OPINIONS, max_size=1))
def test_the_detectors_own_score_stays_what_it_is(screening, opinions):
    if screening.status == "screened":
        assert replace(screening, opinions=tuple(opinions)).scores == screening.scores
        assert together(screening, COVID)[0] == screening.scores[COVID]


def test_two_opinions_of_one_model_and_opinions_on_a_refused_film_are_errors():
    said = Opinion(ModelRef("second", "1", "0" * 64), {COVID: 0.5})
    with pytest.raises(RecordError, match="no opinions"):
        Screening("a", "", "refused", refusal=Notice("x", "y"), opinions=(said,))
    with pytest.raises(RecordError, match="one opinion on a film"):
        Screening("a", "", "refused", refusal=Notice("x", "y"), opinions=(said, said))
    with pytest.raises(RecordError, match=r"\[0, 1\]"):
        Opinion(said.model, {COVID: 1.5})


@pytest.mark.parametrize(("values", "far"), [([0.9, 0.2], True), ([0.9, 0.5, 0.6], False), ([0.9], False), ([], False)])
def test_models_disagree_when_one_calls_it_likely_and_another_does_not(values, far):
    assert disagree(values) is far


def test_a_label_belongs_to_its_home_model_else_to_the_first():
    covid, nih, other = card("covid_ssd", [COVID]), card("nih_ssd", NIH_LABELS), card("other", [*LABELS, "Fracture"])
    assert speakers([other, covid, nih]) == (frozenset({"Fracture"}), frozenset({COVID}), frozenset(NIH_LABELS))
    assert speakers([other])[0] == {*LABELS, "Fracture"}
    with pytest.raises(ModelNotFound, match="no model answers for COVID-19; found nih_ssd"):
        speakers([nih])
