"""The site's policy: what it promises whatever the numbers, how it is written down, and what it refuses."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError, SettingsError
from cxr_core.records import COVID, LABELS, URGENCIES, Identity, ImageFacts, Notice, Screening
from cxr_core.settings import Settings
from cxr_core.site import read_site, write_section
from cxr_core.triage import Circumstances, Facts, Policy, assess, ordered, place, policy_of, requested
from cxr_core.triage.columns import BANDS, NOT_FIXED, OVER, READ, STAT
from cxr_core.triage.policy import table_of
from cxr_core.triage.words import doubts
from tests.strategies import UNIT, screenings

THRESHOLDS = st.fixed_dictionaries(dict.fromkeys(LABELS, UNIT))
LANES = st.fixed_dictionaries(dict.fromkeys(LABELS, st.sampled_from(URGENCIES)))
MINUTES = st.floats(0, 20_000)
ASKED = st.sampled_from(["", "LOW", "ROUTINE", "MEDIUM", "HIGH", "STAT"])
HALF = dict.fromkeys(LABELS, 0.5)
SOON = dict.fromkeys(LABELS, "soon") | {COVID: "urgent"}


@st.composite
def policies(draw) -> Policy:
    limits = sorted(draw(st.lists(st.floats(1, 10_000), min_size=4, max_size=4)))
    unlimited = draw(st.integers(0, 4))  # the least urgent lanes may be without a limit
    limits = [limit if place < 4 - unlimited else 0.0 for place, limit in enumerate(limits)]
    return Policy(
        urgencies=draw(st.dictionaries(st.sampled_from(LABELS), st.sampled_from(URGENCIES))),
        score_weight=draw(st.floats(0, 4)),
        waiting_halves=draw(st.just(0.0) | st.floats(1, 10_000)),
        limits=dict(zip(URGENCIES, limits, strict=True)),
    )


@st.composite
def studies(draw) -> tuple[Screening, float, bool, bool]:
    """A screening with a request, its wait, whether it is read and outdated."""
    screening = replace(draw(screenings(file=st.just("a"))), identity=Identity(priority=draw(ASKED)))
    return screening, draw(MINUTES | st.sampled_from([60.0, 240.0])), draw(st.booleans()), draw(st.booleans())


def facts(given_studies) -> Facts:
    films, waits, read, outdated = zip(*given_studies, strict=True) if given_studies else ((), (), (), ())
    return Facts(
        scores=np.array([[film.scores.get(label, math.nan) for label in LABELS] for film in films]).reshape(-1, 9),
        refused=np.array([film.status == "refused" for film in films], bool),
        doubtful=np.array([bool(doubts(film)) for film in films], bool),
        outdated=np.array([o and f.status == "screened" for o, f in zip(outdated, films, strict=True)], bool),
        read=np.array(read, bool),
        requested=np.array([requested(film) for film in films], np.int8),
        waited=np.array(waits, float),
    )


def vector(thresholds):
    return [thresholds[label] for label in LABELS]


def said(study, thresholds, urgencies, policy):
    screening, waited, read, outdated = study
    return assess(screening, thresholds, urgencies, Circumstances(outdated, waited, read), policy)


def before(one, other, thresholds, urgencies, policy) -> bool:
    """Whether ``one`` stands before ``other`` although it was given after it."""
    queue = ordered(facts([other, one]), vector(thresholds), policy.lanes(urgencies), policy)
    return queue.rows[0] == 1


@given(st.lists(studies(), max_size=8), THRESHOLDS, LANES, policies())
def test_many_at_once_and_one_by_one_agree(given_studies, thresholds, urgencies, policy):
    queue = ordered(facts(given_studies), vector(thresholds), policy.lanes(urgencies), policy)
    for row, study in enumerate(given_studies):
        one = said(study, thresholds, urgencies, policy)
        assert {LABELS[i] for i in np.flatnonzero(queue.flagged[row])} == set(one.flagged)
        assert URGENCIES[queue.placed.lane[row]] == one.urgency
        assert queue.placed.priority()[row] == pytest.approx(one.priority, rel=0, abs=1e-12)


@given(st.lists(studies(), max_size=8), THRESHOLDS, LANES, policies())
def test_the_order_is_total_stable_and_never_against_its_priorities(given_studies, thresholds, urgencies, policy):
    queue = ordered(facts(given_studies), vector(thresholds), policy.lanes(urgencies), policy)
    rows = queue.rows.tolist()
    assert sorted(rows) == list(range(len(given_studies)))
    assert [queue.ranks[row] for row in rows] == list(range(1, len(rows) + 1))
    priorities = queue.placed.priority()
    assert ((priorities >= 0) & (priorities <= 1)).all()
    for first, second in pairwise(rows):
        assert priorities[first] >= priorities[second] or priorities[first] == pytest.approx(priorities[second])
        same = [
            getattr(queue.placed, name)[first] == getattr(queue.placed, name)[second]
            for name in ("lane", "band", "over", "merit", "below")
        ]
        if all(same):
            assert first < second


@given(studies(), THRESHOLDS, LANES, policies(), st.tuples(st.sampled_from(LABELS), UNIT))
def test_a_rising_score_never_costs_a_place(study, thresholds, urgencies, policy, risen):
    screening, (label, score) = study[0], risen
    if screening.status == "refused":
        return
    higher = replace(screening, scores=dict(screening.scores) | {label: max(score, screening.scores[label])})
    assert not before(study, (higher, *study[1:]), thresholds, urgencies, policy)


@given(studies(), THRESHOLDS, LANES, policies(), MINUTES)
def test_waiting_longer_never_costs_a_place(study, thresholds, urgencies, policy, more):
    longer = (study[0], study[1] + more, *study[2:])
    assert not before(study, longer, thresholds, urgencies, policy)
    assert said(longer, thresholds, urgencies, policy).priority >= said(study, thresholds, urgencies, policy).priority


@given(studies(), THRESHOLDS, LANES, policies(), st.sampled_from(["HIGH", "STAT"]))
def test_what_was_asked_for_is_never_lowered(study, thresholds, urgencies, policy, asked):
    screening, *rest = study
    plain = (replace(screening, identity=Identity()), *rest)
    urgent = (replace(screening, identity=Identity(priority=asked)), *rest)
    assert not before(plain, urgent, thresholds, urgencies, policy)
    lane = URGENCIES.index(said(urgent, thresholds, urgencies, policy).urgency)
    assert lane <= URGENCIES.index("urgent" if asked == "STAT" else "soon")


@given(studies(), studies(), THRESHOLDS, LANES, policies())
def test_unread_stat_stands_before_every_other_study(study, other, thresholds, urgencies, policy):
    stat = (replace(study[0], identity=Identity(priority="STAT")), study[1], False, study[3])
    if other[0].identity.priority != "STAT":
        assert before(stat, other, thresholds, urgencies, policy)


@given(studies(), studies(), THRESHOLDS, LANES, policies())
def test_who_waited_over_the_limit_stands_before_all_but_stat_and_over(study, other, thresholds, urgencies, policy):
    """The promise of the limit: no study that comes later can push one back that is due."""
    lane = said(study, thresholds, urgencies, policy).urgency
    if policy.allowed(lane) == math.inf:
        return
    due = (study[0], policy.allowed(lane) + 1, False, study[3])
    in_time = (other[0], 0.0, False, other[3])
    if other[0].identity.priority != "STAT":
        assert before(due, in_time, thresholds, urgencies, policy)


@given(st.integers(0, 3), UNIT, UNIT, st.tuples(MINUTES, MINUTES), st.floats(0, 1000))
def test_two_that_wait_in_one_lane_do_not_change_places(lane, one, other, waits, more):
    policy = Policy(limits=dict.fromkeys(URGENCIES, 0.0))
    merit = place([lane, lane], np.array([one, other]), np.array(waits), policy).merit
    later = place([lane, lane], np.array([one, other]), np.array(waits) + more, policy).merit
    assert np.subtract(*later) == pytest.approx(np.subtract(*merit), abs=1e-6)


@given(st.integers(0, 3), UNIT, MINUTES)
def test_waiting_counts_in_halvings_of_what_a_study_lacks(lane, standing, waited):
    policy = Policy(limits=dict.fromkeys(URGENCIES, 0.0), waiting_halves=30.0)
    (merit,) = place([lane], np.array([standing]), np.array([waited]), policy).merit
    assert 2.0**-merit == pytest.approx(max(1 - standing, 2.0**-20) * 0.5 ** (waited / 30))


@given(st.lists(studies(), min_size=2, max_size=6), THRESHOLDS, LANES)
def test_first_come_first_served_where_the_score_weighs_nothing(given_studies, thresholds, urgencies):
    policy = Policy(score_weight=0.0)
    queue = ordered(facts(given_studies), vector(thresholds), policy.lanes(urgencies), policy)
    for first, second in pairwise(queue.rows.tolist()):
        if all(getattr(queue.placed, name)[first] == getattr(queue.placed, name)[second] for name in ("lane", "band")):
            assert given_studies[first][1] >= given_studies[second][1] or queue.placed.band[first] == READ


def film(priority="", warnings=(), **scores):
    told = dict.fromkeys(LABELS, 0.1) | {name.replace("COVID", COVID): score for name, score in scores.items()}
    return Screening(
        "a.png", "0" * 64, "screened", image=ImageFacts(9, 9, None, "png"), scores=told, warnings=warnings,
        identity=Identity(priority=priority),
    )  # fmt: skip


def test_the_bands_stand_in_their_order():
    given_studies = [
        (film(), 5.0, False, False),  # routine
        (film(COVID=0.99), 5.0, True, False),  # read
        (film(COVID=0.99), 5.0, False, False),  # urgent
        (film(), 1441.0, False, False),  # over the limit of routine
        (film(Mass=0.9), 5.0, False, False),  # soon
        (film(priority="STAT"), 0.0, False, False),
        (film(), 5.0, False, True),  # by other models: check
        (film(COVID=0.6), 70.0, False, False),  # over the limit of urgent, by more than the routine one
        (film(priority="HIGH"), 0.0, False, False),
    ]
    queue = ordered(facts(given_studies), vector(HALF), SOON)
    assert queue.rows.tolist() == [5, 7, 3, 2, 4, 8, 6, 0, 1]
    assert [BANDS[band] for band in queue.placed.band[queue.rows]] == [
        "STAT", "over its limit", "over its limit", "urgent", "soon", "soon", "check", "routine", "read",
    ]  # fmt: skip


def test_an_urgent_study_overtakes_within_its_lane_only_by_a_score_that_outweighs_the_wait():
    waiting, fresh = (film(Mass=0.6), 60.0, False, False), (film(Mass=0.75), 0.0, False, False)
    assert not before(fresh, waiting, HALF, SOON, Policy()), "an hour halves .4 to .2; .25 is left of the fresh one"
    assert before(fresh, waiting, HALF, SOON, Policy(waiting_halves=120.0))
    assert before((film(Mass=0.99), 0.0, False, False), waiting, HALF, SOON, Policy())


def test_every_row_says_why_it_stands_where_it_stands():
    policy = Policy()
    stat = said((film("STAT", Mass=0.9), 3.0, False, False), HALF, SOON, policy)
    assert stat.reasons == (
        "STAT by the requesting ward: it stands before all others.",
        "Mass: model score 0.90, above your threshold 0.50.",
    )
    high = said((film("HIGH"), 3.0, False, False), HALF, SOON, policy)
    assert high.reasons[0] == "HIGH priority by the requesting ward: it stands at least under Soon."
    waiting = said((film(Mass=0.9), 20.0, False, False), HALF, SOON, policy)
    assert waiting.reasons[-1] == "Its 20 min of waiting move it up among its like."
    late = said((film(COVID=0.9), 62.4, False, False), HALF, SOON, policy)
    assert late.reasons[0] == "Waiting 62 min, over this site's limit of 60 min for urgent."
    assert said((film(), 60 * 50.0, False, False), HALF, SOON, policy).reasons[0] == (
        "Waiting 2 d 2 h, over this site's limit of 24 h for routine."
    )
    assert (
        said((film(COVID=0.9), 9000.0, True, False), HALF, SOON, policy).reasons[0].startswith("A person has decided")
    )


def test_a_refused_study_that_was_asked_for_at_once_is_seen_at_once():
    refused = Screening(
        "b", "1" * 64, "refused", refusal=Notice("too_small", "1x1."), identity=Identity(priority="STAT")
    )
    queue = ordered(facts([(film(COVID=1.0), 50.0, False, False), (refused, 0.0, False, False)]), vector(HALF), SOON)
    assert queue.rows.tolist() == [1, 0]
    assert said((refused, 0.0, False, False), HALF, SOON, Policy()).reasons[1] == "Not screened: 1x1."


def test_the_site_s_lane_of_a_finding_counts_before_the_card_s():
    study = (film(Pneumothorax=0.9), 0.0, False, False)
    assert said(study, HALF, SOON, Policy()).urgency == "soon"
    assert said(study, HALF, SOON, Policy(urgencies={"Pneumothorax": "urgent"})).urgency == "urgent"


@given(policies())
def test_a_policy_is_read_as_it_was_written(tmp_path_factory, policy):
    settings = Settings(data_dir=tmp_path_factory.mktemp("site"))
    write_section(settings, "triage", table_of(policy))
    assert policy_of(read_site(settings)) == policy


def test_without_a_section_the_default_holds():
    assert policy_of({}) == Policy() == policy_of({"triage": {}})


@pytest.mark.parametrize(
    ("table", "said_"),
    [
        ({"score_weight": 9}, "score_weight in .triage. must be a number between 0 and 4, got 9"),
        ({"waiting_halves": 60}, "does not know 'waiting_halves'"),
        ({"limits_minutes": {"urgent": 600}}, "limits may not shrink.*urgent 600"),
        ({"limits_minutes": {"urgent": 0}}, "limits may not shrink"),
        ({"limits_minutes": {"urgnt": 5}}, r"\[triage.limits_minutes\] does not know 'urgnt'"),
        ({"limits_minutes": 5}, "must be a table"),
        ({"urgency": {"Pneumothorax": "now"}}, "one of urgent, soon, check, routine, got 'now'"),
        ({"urgency": {"Pneumothorx": "soon"}}, "does not know 'Pneumothorx'"),
    ],
)
def test_a_policy_that_makes_no_sense_is_named_with_its_place(table, said_):
    with pytest.raises(SettingsError, match=said_):
        policy_of({"triage": table})


@pytest.mark.parametrize(
    "values",
    [
        {"score_weight": -1.0}, {"score_weight": math.nan}, {"waiting_halves": 1e9}, {"urgencies": {"Mas": "soon"}},
        {"urgencies": {"Mass": "now"}}, {"limits": {"urgent": 5}},
    ],
)  # fmt: skip
def test_no_policy_of_nonsense_can_be_made(values):
    with pytest.raises(RecordError):
        Policy(**values)


@pytest.mark.parametrize("thresholds", [[0.5] * 8 + [1.5], [0.5] * 8 + [math.nan]])
def test_thresholds_that_make_no_sense_are_an_error(thresholds):
    with pytest.raises(RecordError, match="thresholds"):
        ordered(facts([]), thresholds, SOON)


def test_a_label_without_a_lane_is_an_error():
    with pytest.raises(RecordError, match="Mass"):
        ordered(facts([]), vector(HALF), {label: "soon" for label in LABELS if label != "Mass"})


def test_an_infinite_wait_still_has_its_place():
    placed = place([3, 3], np.array([0.1, 1.0]), np.array([1e12, 0.0]), Policy(), [NOT_FIXED, STAT])
    assert placed.band.tolist() == [OVER, STAT]
    assert placed.order().tolist() == [1, 0]
    assert (np.diff(placed.priority()) > 0).all()
