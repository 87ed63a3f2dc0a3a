"""Picture and context together: every term is shown, none is hidden, and the arithmetic is the one that is written."""

import math

import pytest
from hypothesis import given

from cxr_core.context import SOURCES, combine
from cxr_core.errors import RecordError
from cxr_core.records import Context
from tests.strategies import CONTEXTS, UNIT


def odds(share: float) -> float:
    return share / (1 - share)


@given(UNIT, CONTEXTS)
def test_the_odds_are_the_picture_s_times_every_ratio_shown(score, context):
    found = combine(score, context)
    assert found.picture == score
    assert [term.name.split(" ")[0] for term in found.terms] == [
        "Fever", "Cough", "Contact", "PCR", "Sex", "SpO2", "Age",
    ]  # fmt: skip
    near = min(0.9999, max(0.0001, score))
    if any(term.weight for term in found.terms):
        wanted = odds(near) * math.prod(term.ratio for term in found.terms)
        assert odds(found.combined) == pytest.approx(wanted, rel=1e-6)
    else:
        assert found.combined == score


@given(CONTEXTS)
def test_whatever_counts_names_a_source_and_whatever_does_not_says_why(context):
    for term in combine(0.3, context).terms:
        assert (term.source in SOURCES) == (term.weight != 0)
        assert bool(term.said) == bool(term.source)


def test_nothing_said_changes_nothing():
    assert combine(0.3, Context()).combined == 0.3


@pytest.mark.parametrize(
    ("context", "combined"),
    [
        (Context(fever=True), 0.3 * 2.7 / (0.3 * 2.7 + 0.7)),
        (Context(fever=False), 0.3),
        (Context(cough=True, contact=True), 0.3 * 1.5 * 1.7 / (0.3 * 1.5 * 1.7 + 0.7)),
        (Context(pcr="negative"), 0.3 * (0.152 / 0.989) / (0.3 * (0.152 / 0.989) + 0.7)),
        (Context(pcr="positive"), 0.3 * (0.848 / 0.011) / (0.3 * (0.848 / 0.011) + 0.7)),
        (Context(pcr="pending", spo2=88, age=70, sex="F"), 0.3),
    ],
)
def test_examples_by_hand(context, combined):
    assert combine(0.3, context).combined == pytest.approx(combined)


def test_a_certain_picture_stays_arguable():
    assert 0 < combine(0.0, Context(pcr="positive")).combined < 0.05
    assert 0.95 < combine(1.0, Context(pcr="negative")).combined < 1


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_outside_is_refused(score):
    with pytest.raises(RecordError, match="score"):
        combine(score, Context())
