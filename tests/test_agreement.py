"""Kappa against worked examples of textbooks and of SAS, and what counts as agreement of a reader and a model."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.agreement import (
    ABSENT,
    SEEN,
    UNSAID,
    Agreement,
    agreements,
    flagged,
    kappa,
    of_blind_read,
    of_verdicts,
)
from cxr_core.errors import RecordError
from cxr_core.records import LABELS, BlindRead, Box, FindingReview, Review

AT = datetime(2026, 1, 2, tzinfo=UTC)
HALF = dict.fromkeys(LABELS, 0.5)
COUNTS = st.integers(0, 500)


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    [
        # SAS/STAT PROC FREQ, example "Agreement study" (two dermatologists): 0.3449 (0.2030 to 0.4868).
        ([[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]], 0.3449, 0.2030, 0.4868),
        # SAS printout of the table in statsmodels' tests: 0.4842, ASE 0.1380 (0.2137 to 0.7547).
        ([[0, 4, 1], [0, 8, 0], [0, 1, 5]], 0.4842, 0.2137, 0.7547),
    ],
)
def test_kappa_and_its_interval_are_those_of_worked_examples(table, value, low, high):
    found = kappa(table)
    assert found.value == pytest.approx(value, abs=6e-5)
    assert (found.low, found.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def test_the_textbooks_smallest_example():
    assert kappa([[20, 5], [10, 15]]).value == pytest.approx(0.4), "po 0.7, pe 0.5"
    assert kappa([[794, 150], [86, 570]]).value == pytest.approx(0.69959267), "approval ratings, by R's vcd"


def test_where_both_always_say_the_same_one_thing_kappa_is_not_defined():
    assert kappa([[0, 0], [0, 50]]) is None
    assert kappa([[0, 0], [0, 0]]) is None
    assert kappa([[25, 0], [0, 25]]).value == pytest.approx(1.0)
    assert kappa([[0, 25], [25, 0]]).value == pytest.approx(-1.0)


def test_what_is_no_table_is_refused():
    for table in ([1, 2], [[1, 2, 3], [4, 5, 6]], [[1, -2], [3, 4]]):
        with pytest.raises(RecordError):
            kappa(table)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_kappa_does_not_care_who_is_who_or_which_answer_is_called_yes(a, b, c, d):
    found = kappa([[a, b], [c, d]])
    for other in ([[a, c], [b, d]], [[d, c], [b, a]]):
        again = kappa(other)
        assert (again is None) == (found is None)
        if found:
            assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high))
    if found:
        assert -1.0 <= found.low <= found.value <= found.high <= 1.0


@given(st.integers(5, 200), st.integers(5, 200), st.integers(5, 200), st.integers(5, 200))
def test_more_films_of_the_same_kind_narrow_the_interval_alone(a, b, c, d):
    table = np.array([[a, b], [c, d]])
    few, many = kappa(table), kappa(4 * table)
    assert many.value == pytest.approx(few.value)
    if few.low > -1 and few.high < 1:
        assert many.high - many.value == pytest.approx((few.high - few.value) / 2)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Two raters who agree by a coin that is known: 95 of 100 intervals hold the true kappa, here 0.5."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        first = rng.random(200) < 0.4
        second = np.where(rng.random(200) < 0.5, first, rng.random(200) < 0.4)
        table = [[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), (~first & ~second).sum()]]
        found = kappa(table)
        held += found.low <= 0.5 <= found.high
    assert 0.92 < held / 400 < 0.98


def row(**scores):
    return [(dict.fromkeys(LABELS, 0.1) | scores)[label] for label in LABELS]


def blind(*labels):
    return of_blind_read(BlindRead((), labels, AT))


def by_label(said, scores, used=None) -> dict[str, Agreement]:
    limits = np.full((len(said), 9), np.nan) if used is None else used
    found = agreements(np.array(said, np.int8), flagged(scores, limits, HALF))
    assert [item.label for item in found] == list(LABELS)
    return {item.label: item for item in found}


def test_a_blind_reader_speaks_of_every_label_and_who_did_not_read_blind_of_none():
    said = [blind("Mass"), blind(), blind("Mass", "Nodule"), blind(), of_blind_read(None)]
    scores = [row(Mass=0.9), row(Mass=0.9), row(), row(), row(Mass=0.9)]
    found = by_label(said, scores)
    mass = found["Mass"]
    assert (mass.both, mass.reader, mass.model, mass.neither, mass.films) == (1, 1, 1, 1, 4)
    assert mass.kappa.value == pytest.approx(0.0)
    assert (mass.observed, mass.on_presence, mass.on_absence) == (0.5, 0.5, 0.5)
    assert (found["Nodule"].reader, found["Nodule"].neither) == (1, 3)
    assert found["Effusion"].kappa is None
    assert found["Effusion"].on_presence is None


def test_the_thresholds_that_stood_beside_the_film_count_not_todays():
    mass = by_label([blind("Mass")], [row(Mass=0.9)], np.full((1, 9), 0.95))["Mass"]
    assert (mass.reader, mass.both) == (1, 0)


def test_who_saw_the_answer_counts_only_where_a_verdict_was_given():
    findings = (
        FindingReview("Mass", "agree", None),
        FindingReview("Nodule", "disagree", None),
        FindingReview("Effusion", "added", None),
        FindingReview("Pneumonia", "added", Box(1, 2, 3, 4)),
    )
    said = of_verdicts(Review("none", "", AT, findings=findings))
    found = by_label([said], [row(Mass=0.9, Nodule=0.9)])
    assert (found["Mass"].both, found["Nodule"].model, found["Effusion"].reader) == (1, 1, 1)
    assert found["Pneumonia"].films == 0, "a box is no verdict on the label"
    assert found["Pneumonia"].observed is None


@given(st.lists(st.tuples(st.integers(-1, 1), st.booleans()), max_size=30))
def test_every_word_is_counted_once(words):
    said = np.array([[word] * 9 for word, _ in words], np.int8).reshape(-1, 9)
    model = np.array([[flag] * 9 for _, flag in words], bool).reshape(-1, 9)
    for item in agreements(said, model):
        assert item.films == sum(word != UNSAID for word, _ in words)
        assert item.both == sum(word == SEEN and flag for word, flag in words)
        assert item.neither == sum(word == ABSENT and not flag for word, flag in words)


def test_nine_words_are_nine():
    with pytest.raises(RecordError):
        agreements(np.zeros((2, 8), np.int8), np.zeros((2, 8), bool))
    with pytest.raises(RecordError):
        agreements(np.zeros((2, 9), np.int8), np.zeros((3, 9), bool))
