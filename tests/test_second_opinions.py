"""Second opinions in the pipeline: asked in the same batch, kept beside the scores, ranking nothing."""

from dataclasses import replace

import pytest

from cxr_core.card import InputSpec
from cxr_core.intake import OPINION_SWITCHES, take_in
from cxr_core.pipeline import Screener
from cxr_core.records import COVID
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.triage import rank
from tests.fakes import BrightnessNetwork, Judge, covid, film, given, nih, say, second


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path / "data", batch_size=4)


@pytest.fixture
def store(settings):
    opened = Store(settings)
    yield opened
    opened.close()


def screener(settings, *opinions) -> Screener:
    return Screener(settings, [covid(), nih()], opinions)


def films(*greys):
    return [given(f"{grey}.png", film(grey)) for grey in greys]


def test_each_second_opinion_is_kept_with_its_model_and_its_own_findings(settings):
    other = second("radiography4", [COVID, "Lung opacity"], Judge(2, 0.25), spec=InputSpec(16, 16))
    models = screener(settings, second(), other)
    (screening,) = models.screen(films(204))
    assert [opinion.model for opinion in screening.opinions] == [item.card.ref() for item in models.opinions]
    assert screening.opinions[0].scores == {COVID: pytest.approx(0.8, abs=1e-6)}
    assert screening.opinions[1].scores == {COVID: 0.25, "Lung opacity": 0.25}


def test_detectors_answer_alike_whoever_is_asked_beside_them(settings):
    (alone,) = screener(settings).screen(films(204))
    (beside,) = screener(settings, second(network=Judge(1, 0.01))).screen(films(204))
    assert replace(beside, opinions=(), seconds=alone.seconds) == alone
    assert alone.opinions == ()


def test_second_opinions_see_the_batch_of_the_detectors(settings):
    network, judge = BrightnessNetwork(1), Judge(1)
    models = Screener(settings, [covid(network), nih()], [second(network=judge)])
    assert len(list(models.screen(films(*range(90, 200, 10))))) == 11
    assert judge.batches == network.batches


def test_a_second_opinion_that_fails_on_a_film_is_left_out_there_alone(settings):
    models = screener(settings, second(network=Judge(1, fails_above=0.9)), second("radiography4"))
    found = list(models.screen(films(100, 250, 120)))
    assert [item.status for item in found] == ["screened"] * 3
    assert [[said.model.name for said in item.opinions] for item in found] == [
        ["covid_cnn", "radiography4"], ["radiography4"], ["covid_cnn", "radiography4"],
    ]  # fmt: skip


def test_a_refused_film_has_no_opinion(settings):
    (found,) = screener(settings, second()).screen([given("a.png", b"no picture")])
    assert (found.status, found.opinions) == ("refused", ())


def test_the_settings_choose_who_is_asked(settings):
    both = second(), second("radiography4")

    def asked(text) -> list[str]:
        return [item.card.name for item in screener(replace(settings, second_opinions=text), *both).opinions]

    assert asked("all") == ["covid_cnn", "radiography4"]
    assert asked("none") == []
    assert asked(" radiography4 , ") == ["radiography4"]
    assert asked("") == []


def test_the_site_switches_over_the_settings(settings):
    models = screener(replace(settings, second_opinions="covid_cnn"), second(), second("radiography4"))
    switched = models.switched({"covid_cnn": False, "radiography4": True, "gone": True})
    assert [item.card.name for item in switched.opinions] == ["radiography4"]
    assert [item.card.name for item in models.opinions] == ["covid_cnn"], "the other sessions' models stay as they are"
    assert [card.name for card in switched.silent] == ["covid_cnn"]


def test_switching_a_second_opinion_leaves_thresholds_and_screenings_valid(settings):
    models = screener(settings, second())
    without = models.switched({"covid_cnn": False})
    assert without.models_key == models.models_key == screener(settings).models_key
    assert without.run_key != models.run_key
    (screening,) = models.screen(films(204))
    (ranked,) = rank([screening], models.thresholds("balanced"), models.urgencies, running=without.models_key)
    (alone,) = rank(
        [replace(screening, opinions=())], models.thresholds("balanced"), models.urgencies, running=models.models_key
    )
    assert ranked.assessment == alone.assessment


def test_the_switch_takes_effect_on_the_next_screening(settings, store):
    models = screener(settings, second())
    store.put_setting(OPINION_SWITCHES, {"covid_cnn": False})
    (first,) = take_in(films(204), models, store)
    assert first.entry.screening.opinions == ()
    say(store, first.entry.key, "agree", "seen")

    store.put_setting(OPINION_SWITCHES, {"covid_cnn": True})
    assert store.entry(first.entry.key).screening.opinions == (), "what is screened stays as it is"
    (again,) = take_in(films(204), models, store)
    assert not again.known
    assert [said.model.name for said in again.entry.screening.opinions] == ["covid_cnn"]
    assert again.entry.key == first.entry.key
    assert (again.entry.review.decision, again.entry.review.comment) == ("agree", "seen"), "it was of the same scores"
    assert len(store.entries()) == len(store.history(first.entry.key)) == 1


def test_an_opinion_that_is_switched_off_later_is_kept(settings, store):
    models = screener(settings, second())
    (first,) = take_in(films(204), models, store)
    store.put_setting(OPINION_SWITCHES, {"covid_cnn": False})
    (again,) = take_in(films(204), models, store)
    assert again.known
    assert again.entry.screening.opinions == first.entry.screening.opinions != ()


def test_a_new_version_of_a_second_opinion_sees_the_film_again(settings, store):
    list(take_in(films(204), screener(settings, second()), store))
    (again,) = take_in(films(204), screener(settings, second(version="2")), store)
    assert not again.known
    assert [said.model.version for said in again.entry.screening.opinions] == ["2"]
