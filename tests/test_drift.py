"""The stability index against values by hand, by chance, and from the shipped cards."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import load_card
from cxr_core.drift import LARGE, SMALL, Drift, Reference, chi_square_95, drift, psi, references
from cxr_core.errors import RecordError
from cxr_core.records import COVID, NIH_LABELS, OperatingPoint
from tests import fakes
from tests.app.conftest import ROOT

COUNTS = st.lists(st.integers(0, 1000), min_size=4, max_size=4)


def test_the_index_of_a_worked_example():
    """Shares 0.5/0.3/0.2 against 0.4/0.4/0.2: -0.1 ln 0.8 + 0.1 ln (4/3) = 0.0511, but for the half film a bin."""
    assert psi([0.5, 0.3, 0.2], [400_000, 400_000, 200_000]) == pytest.approx(0.05108, abs=1e-4)


@given(COUNTS, COUNTS)
def test_the_index_is_never_below_zero_and_zero_for_the_same(first, second):
    if sum(first) and sum(second):
        shares = np.array(first) / sum(first)
        assert psi(shares, second) >= 0
        assert psi(shares, np.array(first) * 7) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("degrees", "value"), [(1, 3.841), (2, 5.991), (3, 7.815), (4, 9.488), (9, 16.919), (10, 18.307), (20, 31.410)]
)
def test_the_95_percent_point_of_chi_square_is_that_of_the_tables(degrees, value):
    assert chi_square_95(degrees) == pytest.approx(value, rel=2e-3)


def test_five_of_a_hundred_draws_from_the_same_films_exceed_what_chance_gives():
    rng = np.random.default_rng(5)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    exceeded = 0
    for _ in range(1000):
        measured, here = rng.multinomial(2000, shares), rng.multinomial(500, shares)
        known = Reference(np.array([0.1, 0.2, 0.3]), measured / 2, measured / 2, "scores")
        found = drift("Mass", known, here.astype(float), prevalence=0.5)
        exceeded += found.index > found.chance
    assert 0.03 < exceeded / 1000 < 0.07


def reference() -> Reference:
    return Reference(np.array([0.2, 0.5, 0.8]), np.array([5.0, 15, 30, 50]), np.array([600.0, 200, 80, 20]), "scores")


def test_scores_fall_into_the_bin_above_an_edge_and_refused_films_into_none():
    assert reference().counts([0.0, 0.19, 0.2, 0.5, 0.79, 0.8, 1.0, np.nan]).tolist() == [2, 1, 2, 2]


def test_another_prevalence_is_no_drift_once_the_reference_is_put_to_it():
    rng = np.random.default_rng(9)
    known = reference()
    here = rng.multinomial(300, known.present / known.present.sum()) + rng.multinomial(
        700, known.absent / known.absent.sum()
    )
    assert known.prevalence == pytest.approx(0.1)
    plain, put = drift("Mass", known, here, known.prevalence), drift("Mass", known, here, prevalence=0.3)
    assert plain.verdict != "as measured"
    assert put.verdict == "as measured"
    assert not put.fitted


def test_where_the_site_does_not_know_its_prevalence_the_one_that_fits_is_taken():
    rng = np.random.default_rng(10)
    known = reference()
    here = rng.multinomial(2000, known.shares(0.3))
    found = drift("Mass", known, here.astype(float))
    assert found.fitted
    assert found.prevalence == pytest.approx(0.3, abs=0.03)
    assert found.verdict == "as measured"
    assert found.chance == pytest.approx(chi_square_95(2) * (1 / 2000 + 1 / known.films))


def test_no_mix_explains_scores_that_the_model_never_gave_like_that():
    heap = np.array([100.0, 1700.0, 100.0, 100.0])
    assert drift("Mass", reference(), heap).verdict == "far"


def test_a_verdict_needs_an_index_that_chance_does_not_give():
    assert Drift("Mass", 0.05, 5000, 0.004).verdict == "as measured"
    assert Drift("Mass", 0.15, 5000, 0.004).verdict == "moved"
    assert Drift("Mass", 0.30, 5000, 0.004).verdict == "far"
    assert Drift("Mass", 0.15, 40, 0.2).verdict == "as measured", "chance alone gives as much"
    assert Drift("Mass", 0.60, 8, 1.0).verdict == "too few"
    assert Drift("Mass", 0.0, 0, float("inf")).verdict == "too few"
    assert SMALL < LARGE


def test_one_film_alone_is_no_drift_and_none_is_nothing():
    assert drift("Mass", reference(), reference().counts([0.99])).verdict == "too few"
    none = drift("Mass", reference(), reference().counts([]))
    assert (none.index, none.films, none.verdict) == (0.0, 0, "too few")


@pytest.mark.models
@pytest.mark.parametrize(("name", "labels"), [("covid_ssd", (COVID,)), ("nih_ssd", NIH_LABELS)])
def test_the_shipped_cards_have_a_reference_for_every_finding(name, labels):
    card = load_card(ROOT / "models" / name)
    found = references(card)
    assert set(found) == set(labels)
    for label, held in found.items():
        counts = card.curves["confusion"][label]["balanced"]
        assert held.films == sum(counts.values())
        assert held.prevalence == pytest.approx((counts["tp"] + counts["fn"]) / held.films)
        assert held.shares().sum() == pytest.approx(1)
        assert psi(held.shares(), held.present + held.absent) == pytest.approx(0, abs=1e-9)


def test_a_card_that_keeps_its_scores_is_believed_before_its_presets():
    card = fakes.card("covid_ssd", [COVID])
    kept = {"scores": {COVID: {"edges": [0.5], "present": [1, 9], "absent": [80, 10]}}}
    held = references(replace(card, curves=kept))[COVID]
    assert (held.source, held.films) == ("scores", 100)


def test_presets_give_a_bin_more_than_there_are_operating_points():
    card = fakes.card("covid_ssd", [COVID])
    points = {"sensitive": OperatingPoint(0.2), "balanced": OperatingPoint(0.5), "specific": OperatingPoint(0.8)}
    curves = {
        "confusion": {
            COVID: {
                "sensitive": {"tp": 95, "fn": 5, "fp": 300, "tn": 600},
                "balanced": {"tp": 80, "fn": 20, "fp": 100, "tn": 800},
                "specific": {"tp": 50, "fn": 50, "fp": 20, "tn": 880},
            }
        }
    }
    held = references(replace(card, labels=(replace(card.labels[0], operating_points=points),), curves=curves))[COVID]
    assert held.edges.tolist() == [0.2, 0.5, 0.8]
    assert held.present.tolist() == [5, 15, 30, 50]
    assert held.absent.tolist() == [600, 200, 80, 20]
    assert held.source == "confusion"


@pytest.mark.parametrize(
    "curves",
    [
        {},
        {"scores": 3, "confusion": 4},
        {"scores": {COVID: {"edges": [0.5, 0.4], "present": [1, 2, 3], "absent": [1, 2, 3]}}},
        {"scores": {COVID: {"edges": ["a"], "present": [1], "absent": [1]}}},
        {"confusion": {COVID: {"balanced": {"tp": "many"}}}},
    ],
)
def test_a_card_that_tells_nothing_usable_has_no_reference(curves):
    assert references(replace(fakes.card("covid_ssd", [COVID]), curves=curves)) == {}


def test_what_is_no_distribution_is_refused():
    with pytest.raises(RecordError):
        psi([0.5, 0.4], [1, 2])
    with pytest.raises(RecordError):
        psi([0.5, 0.5], [1, 2, 3])
    with pytest.raises(RecordError):
        Reference(np.array([0.5]), np.array([1.0]), np.array([1.0, 2.0]), "scores")
    with pytest.raises(RecordError):
        chi_square_95(0)
