"""The reading room: held against the formulas of queueing theory, and against what no order may change."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.records import URGENCIES
from cxr_core.simulate import (
    ALL,
    MISSED,
    Department,
    Group,
    bounded,
    by_arrival,
    by_policy,
    by_score,
    cobham,
    compare,
    erlang_c,
    play,
    studies,
    waiting_mean,
)
from cxr_core.triage import Policy

LONG = {"days": 300.0, "seed": 11}
SURE = (Group("urgent", 0.2, 1.0, 1.0), Group("soon", 0.3, 1.0, 1.0))


def by_lane(films):
    """The lanes alone, in each the earliest first: what Cobham's formula is about."""
    return lambda waiting, _now: -films.lane[waiting].astype(float)


def mean(outcomes, name):
    return outcomes[0].of(name).mean


def room(**facts):
    """Exponential reading, all day: where the formulas are exact."""
    return Department(
        **({"per_hour": 9.0, "reading_minutes": 5.0, "spread": "exponential", "readers": 1} | LONG | facts)
    )


@pytest.mark.parametrize(
    ("rate", "service", "servers", "wait"),
    [
        (0.5, 1.0, 1, 1.0),  # M/M/1: rho S / (1 - rho)
        (0.8, 1.0, 1, 4.0),
        (1.0, 1.0, 2, 1 / 3),  # M/M/2 at half load: C = 1/3, and C S / (2 - 1)
        (2.0, 1.0, 3, 4 / 9),  # M/M/3 at two thirds: C = 4/9
    ],
)
def test_the_formula_gives_the_textbook_values(rate, service, servers, wait):
    assert waiting_mean(rate, service, servers) == pytest.approx(wait)


def test_steady_reading_halves_the_wait_and_too_much_is_endless():
    assert waiting_mean(0.8, 1.0, 1, variation=0.0) == pytest.approx(2.0), "M/D/1"
    assert waiting_mean(1.0, 1.0) == math.inf
    assert erlang_c(3, 3.5) == 1.0
    with pytest.raises(RecordError):
        erlang_c(0, 1.0)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_the_chance_to_wait_is_the_sum_of_erlangs_terms(servers, share):
    load = servers * share
    terms = [math.exp(n * math.log(load) - math.lgamma(n + 1)) for n in range(servers)]
    last = math.exp(servers * math.log(load) - math.lgamma(servers + 1)) / (1 - share)
    assert erlang_c(servers, load) == pytest.approx(last / (sum(terms) + last))


@given(st.lists(st.floats(0.01, 0.3), min_size=1, max_size=3), st.integers(1, 4), st.floats(0.1, 2.0))
def test_no_order_that_ignores_reading_times_changes_the_wait_of_all(rates, servers, variation):
    waits = cobham(rates, 1.0, servers, variation)
    together = sum(rate * wait for rate, wait in zip(rates, waits, strict=True)) / sum(rates)
    assert together == pytest.approx(waiting_mean(sum(rates), 1.0, servers, variation)), "Kleinrock's conservation law"
    assert list(waits) == sorted(waits)


def test_cobhams_formula_has_no_answer_where_more_comes_than_is_read():
    with pytest.raises(RecordError, match="more comes"):
        cobham([0.6, 0.6], 1.0)


@pytest.mark.parametrize(("readers", "per_hour"), [(1, 9.0), (3, 28.8)])
def test_first_come_first_served_waits_as_long_as_erlang_says(readers, per_hour):
    department = room(readers=readers, per_hour=per_hour, days=250.0)
    found = mean(compare(department, {"arrival": by_arrival}), ALL)
    wait = waiting_mean(per_hour / 60, 5.0, readers)
    assert found.low < wait < found.high
    assert found.value == pytest.approx(wait, rel=0.08)


def test_log_normal_reading_waits_as_long_as_pollaczek_and_khinchine_say():
    department = room(spread="lognormal", variation=0.8)
    found = mean(compare(department, {"arrival": by_arrival}), ALL)
    wait = waiting_mean(9 / 60, 5.0, 1, 0.8)
    assert found.low < wait < found.high
    assert found.value == pytest.approx(wait, rel=0.08)


@pytest.mark.parametrize(("readers", "per_hour"), [(1, 9.0), (2, 19.2)])
def test_lanes_wait_as_long_as_cobham_says(readers, per_hour):
    department = room(readers=readers, per_hour=per_hour, groups=SURE, doubtful=0.0)
    outcomes = compare(department, {"lanes": by_lane})
    told = cobham([per_hour / 60 * share for share in (0.2, 0.3, 0.5)], 5.0, readers)
    for name, wait in zip(("urgent", "soon", "routine"), told, strict=True):
        found = mean(outcomes, name)
        assert found.low < wait < found.high, name
        assert found.value == pytest.approx(wait, rel=0.1), name


def test_what_the_detector_misses_waits_in_the_lane_that_it_was_put_into():
    """With a detector that errs, a film waits as Cobham says of its lane, so each kind waits a mixture of lanes."""
    group = Group("urgent", 0.1, 0.7, 0.9)
    department = room(groups=(group,), doubtful=0.0)
    outcomes = compare(department, {"lanes": by_lane})
    flagged = 0.1 * 0.7 + 0.9 * 0.1
    first, rest = cobham([9 / 60 * flagged, 9 / 60 * (1 - flagged)], 5.0)
    assert mean(outcomes, "urgent").value == pytest.approx(0.7 * first + 0.3 * rest, rel=0.1)
    assert mean(outcomes, MISSED).value == pytest.approx(rest, rel=0.12)


def test_the_films_are_as_the_department_says():
    department = Department(days=200, groups=(Group("urgent", 0.1, 0.8, 0.7), Group("soon", 0.2, 0.6, 0.9)))
    films = studies(department)
    count = len(films.arrival)
    urgent, soon = films.truth == 0, films.truth == 1
    assert count == pytest.approx(department.expected, rel=0.02)
    assert films.reading.mean() == pytest.approx(5.0, rel=0.03)
    assert films.reading.std() / films.reading.mean() == pytest.approx(0.8, rel=0.05)
    assert (urgent.mean(), soon.mean()) == (pytest.approx(0.1, abs=0.005), pytest.approx(0.2, abs=0.005))
    assert (films.lane[urgent] == 0).mean() == pytest.approx(0.8, abs=0.01), "sensitivity"
    assert (films.lane[~urgent] == 0).mean() == pytest.approx(0.3, abs=0.01), "1 - specificity"
    assert (films.lane[soon] == 1).mean() == pytest.approx(0.6 * 0.7, abs=0.01), "what was flagged urgent stays urgent"
    assert (np.diff(films.arrival) >= 0).all()


def test_the_probability_is_calibrated_at_the_departments_prevalence():
    films = studies(Department(days=200, groups=(Group("urgent", 0.1, 0.8, 0.8),)))
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        held = (films.probability >= low) & (films.probability < high)
        assert (films.truth[held] == 0).mean() == pytest.approx(films.probability[held].mean(), abs=0.02)


def test_a_flag_is_a_standing_of_one_half_or_more():
    films = studies(Department())
    place = films.lane
    assert (films.standing[place <= 1] >= 0.5).all()
    assert (films.standing[place > 1] < 0.5).all()
    assert ((films.standing >= 0) & (films.standing <= 1)).all()


def test_the_same_seed_plays_the_same_and_another_does_not():
    orders = {"arrival": by_arrival, "score": by_score}
    assert compare(Department(days=3), orders) == compare(Department(days=3), orders)
    assert compare(Department(days=3), orders) != compare(Department(days=3, seed=2), orders)


def test_readers_who_go_home_begin_no_film_at_night():
    department = Department(days=30, hours=(8.0, 18.0), per_hour=6)
    films = studies(department)
    begun = films.arrival + play(films, department, by_arrival(films))
    hour = begun / 60 % 24
    assert ((hour >= 8 - 1e-9) & (hour < 18)).all()
    assert department.load == pytest.approx(6 / 60 * 5 / (2 * 10 / 24))


@given(st.integers(0, 50), st.integers(1, 3), st.sampled_from([by_arrival, by_score, by_lane]))
def test_every_film_is_read_once_and_no_reader_is_ever_at_two(seed, readers, order):
    """In whatever order, every film is begun, none before it came."""
    department = Department(days=0.5, seed=seed, readers=readers, per_hour=30, groups=SURE)
    films = studies(department)
    begun = films.arrival + play(films, department, order(films))
    assert (begun >= films.arrival - 1e-9).all()
    # Rounded, so that one reading's end and the next one's begin are one moment; ends are counted before begins.
    ends = np.round(begun + films.reading, 6)
    events = sorted([(at, 1) for at in np.round(begun, 6)] + [(at, -1) for at in ends])
    busy = 0
    for _, change in events:
        busy += change
        assert busy <= readers
    assert busy == 0


def test_first_come_first_served_is_what_a_plain_loop_gives():
    department = Department(days=2, readers=3, per_hour=40)
    films = studies(department)
    free, expected = [0.0] * 3, []
    for arrival, reading in zip(films.arrival, films.reading, strict=True):
        start = max(arrival, heapq.heappop(free))
        heapq.heappush(free, start + reading)
        expected.append(start - arrival)
    assert play(films, department, by_arrival(films)) == pytest.approx(expected)


def test_few_films_say_that_their_mean_is_not_known():
    (outcome,) = compare(Department(days=0.05), {"arrival": by_arrival})
    assert outcome.of(ALL).mean.high == math.inf
    assert outcome.of("nothing of this name") is None


@pytest.mark.parametrize(
    "facts",
    [
        {"per_hour": 0.0},
        {"readers": 0},
        {"variation": 0.0},
        {"hours": (18.0, 8.0)},
        {"days": 100_000},
        {"groups": (Group("routine", 0.1, 0.9, 0.9),)},
        {"groups": (Group("urgent", 0.6, 0.9, 0.9), Group("soon", 0.6, 0.9, 0.9))},
    ],
)
def test_a_department_that_cannot_be_is_refused(facts):
    with pytest.raises(RecordError):
        Department(**facts)


def test_a_detector_worse_than_a_coin_is_refused():
    with pytest.raises(RecordError, match="worse than a coin"):
        Group("urgent", 0.1, 0.3, 0.3)
    with pytest.raises(RecordError, match="between 0 and 1"):
        Group("urgent", 1.1, 0.3, 0.9)
    assert URGENCIES[0] == "urgent"


NO_LIMITS = dict.fromkeys(URGENCIES, 0.0)


def test_a_policy_without_score_and_waiting_is_lanes_alone():
    department = Department(days=5)
    films = studies(department)
    plain = by_policy(Policy(score_weight=0.0, waiting_halves=0.0, limits=NO_LIMITS))
    assert play(films, department, plain(films)) == pytest.approx(play(films, department, by_lane(films)))


def test_where_nothing_is_ever_flagged_the_worklists_order_is_that_of_arrival():
    department = Department(days=5, groups=(), doubtful=0.0)
    films = studies(department)
    ours = play(films, department, by_policy(Policy())(films))
    assert ours == pytest.approx(play(films, department, by_arrival(films)))


def test_a_limit_shortens_the_longest_wait_and_waiting_counts_against_the_score():
    department = Department(days=20, per_hour=23.0)
    limited = dict(zip(URGENCIES, (60.0, 120.0, 120.0, 180.0), strict=True))
    orders = {
        "score": by_score,
        "no limit": by_policy(Policy(waiting_halves=0.0, limits=NO_LIMITS)),
        "limit": by_policy(Policy(waiting_halves=0.0, limits=limited)),
        "both": by_policy(Policy(limits=limited)),
    }
    longest = {item.order: item.of("routine").longest for item in compare(department, orders)}
    assert longest["limit"] < longest["no limit"]
    assert longest["limit"] < longest["score"]
    assert longest["both"] < longest["no limit"]


def test_the_worklists_order_brings_urgent_films_forward_and_keeps_the_work_the_same():
    department = Department(days=30)
    outcomes = {item.order: item for item in compare(department, {"arrival": by_arrival, "ours": by_policy(Policy())})}
    first, ours = outcomes["arrival"], outcomes["ours"]
    assert ours.of("urgent").mean.value < first.of("urgent").mean.value
    assert ours.of("soon").mean.value < first.of("soon").mean.value
    assert ours.of("routine").mean.value > first.of("routine").mean.value, "what one gains another pays"
    assert ours.of(ALL).mean.value == pytest.approx(first.of(ALL).mean.value, rel=0.05)


def test_a_queue_that_grows_without_end_is_played_until_it_is_long():
    over = Department(per_hour=60.0, days=30)
    short = bounded(over)
    assert over.load > 1
    assert short.days < 3
    films = studies(short)
    waits = play(films, short, by_arrival(films))
    last = films.arrival[-1]
    assert 700 < ((films.arrival <= last) & (films.arrival + waits > last)).sum() < 1300
    assert bounded(Department()) == Department()
    assert bounded(Department(per_hour=60.0, days=0.5)).days == 0.5
