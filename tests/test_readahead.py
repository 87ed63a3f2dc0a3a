"""Reading ahead: order, bounds, errors at their place, and threads that end."""

import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core.readahead import ReadAhead


def _alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def _tasks(numbers):
    return (partial(int, number) for number in numbers)


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4), st.integers(1, 8))
@hypothesis_settings(max_examples=30)
def test_results_come_in_the_order_of_their_tasks(numbers, threads, ahead):
    with ReadAhead(_tasks(numbers), threads=threads, ahead=ahead) as results:
        assert list(results) == numbers
    assert not _alive()


def test_order_holds_when_the_first_task_is_the_slowest():
    last_is_done = threading.Event()

    def slow() -> str:
        assert last_is_done.wait(60)
        return "slow"

    def last() -> str:
        last_is_done.set()
        return "last"

    with ReadAhead(iter([slow, last]), threads=2, ahead=4) as results:
        assert list(results) == ["slow", "last"]


def test_the_input_is_taken_in_one_thread_only_as_far_as_the_bounds_allow():
    taken, threads = [], set()

    def endless():
        number = 0
        while True:
            taken.append(number)
            threads.add(threading.current_thread().name)
            yield partial(int, number)
            number += 1

    with ReadAhead(endless(), threads=2, ahead=5) as results:
        for number in range(100):
            assert next(results) == number
            assert len(taken) <= number + 1 + 5
    assert len(threads) == 1
    assert not _alive()


def test_no_more_tasks_run_at_once_than_there_are_threads():
    lock, running, most = threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.001)
        with lock:
            running[0] -= 1

    with ReadAhead(iter([work] * 50), threads=3, ahead=10) as results:
        assert list(results) == [None] * 50
    assert 1 <= most[0] <= 3


def test_unfinished_tasks_are_one_more_than_threads_however_far_ahead_it_may_read():
    """What a task holds (a film's bytes) is held for these only."""
    gate, taken, enough = threading.Event(), [], threading.Event()

    def tasks():
        for number in range(30):
            taken.append(number)
            if len(taken) > 3:
                enough.set()
            yield gate.wait

    with ReadAhead(tasks(), threads=2, ahead=30) as results:
        assert not enough.wait(0.3)
        gate.set()
        assert list(results) == [True] * 30


def test_an_error_comes_at_its_place_after_the_results_before_it():
    def fail():
        raise ZeroDivisionError("in a task")

    with ReadAhead(iter([partial(int, 1), fail, partial(int, 3)]), threads=2, ahead=3) as results:
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError, match="in a task"):
            next(results)
    assert not _alive()


def test_an_error_of_the_input_itself_comes_through():
    def tasks():
        yield partial(int, 1)
        raise ZeroDivisionError("in the input")

    with ReadAhead(tasks(), threads=1, ahead=3) as results:
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError, match="in the input"):
            next(results)


def test_leaving_early_stops_the_threads_even_when_they_wait_for_room():
    started = threading.Event()

    def work() -> int:
        started.set()
        return 1

    def endless():
        while True:
            yield work

    with ReadAhead(endless(), threads=1, ahead=50):
        assert started.wait(60)
    assert not _alive()


def test_ready_tells_a_result_from_an_error_and_the_end():
    gate = threading.Event()

    def waits() -> int:
        assert gate.wait(60)
        return 7

    def fail():
        raise ZeroDivisionError

    with ReadAhead(iter([waits, fail]), threads=2, ahead=2) as results:
        assert not results.ready()
        gate.set()
        assert next(results) == 7
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert not results.ready()
        assert list(results) == []
