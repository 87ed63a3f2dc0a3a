"""The engine: own answers for everyone, turns, bounds, failures alone, and ends that are ends."""

import subprocess
import sys
import threading
from concurrent.futures import CancelledError, wait

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core.engine import Engine, shared
from cxr_core.settings import Settings

LONG = 60
"""Seconds after which a test gives up; no test is meant to wait so long."""


class Works:
    """Doubles numbers; fails where one is negative. Stands still at the first batch until told ``go``."""

    def __init__(self, *, still: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.began, self.go = threading.Event(), threading.Event()
        if not still:
            self.go.set()

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.began.set()
        assert self.go.wait(LONG)
        if min(numbers) < 0:
            raise ValueError("negative")
        return [2 * number for number in numbers]


@pytest.fixture
def engine():
    made = Engine(4, places=100)
    yield made
    made.close()
    assert not _thread()


def _thread() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "engine"]


def _asked(line, numbers) -> list:
    """Each number's future."""
    return [line.ask(number) for number in numbers]


def _crowd(line, numbers, futures: list) -> None:
    """Ask until the line is closed."""
    try:
        futures.extend(line.ask(number) for number in numbers)
    except CancelledError:
        return


def _in_thread(function, *arguments) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


@given(
    st.lists(st.lists(st.integers(-3, 50), max_size=12), min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(1, 7),
)
@hypothesis_settings(max_examples=40)
def test_every_caller_gets_its_own_answers_and_its_own_failures(callers, batch, places):
    works, answers = Works(), {}
    engine = Engine(batch, places)

    def caller(number: int) -> None:
        with engine.line(works, "same") as line:
            futures = _asked(line, callers[number])
            answers[number] = [
                type(future.exception(LONG)) if future.exception(LONG) else future.result() for future in futures
            ]

    threads = [_in_thread(caller, number) for number in range(len(callers))]
    for thread in threads:
        thread.join(LONG)
    engine.close()
    assert answers == {
        number: [ValueError if item < 0 else 2 * item for item in items] for number, items in enumerate(callers)
    }
    assert max(map(len, works.batches), default=0) <= batch
    assert not _thread()


def test_callers_are_served_in_turn_however_much_one_of_them_asks(engine):
    works = Works(still=True)
    with engine.line(works, 0) as many, engine.line(works, 0) as few, engine.line(works, 0) as one:
        futures = _asked(many, [1])
        assert works.began.wait(LONG)
        futures += _asked(many, range(10, 20)) + _asked(few, range(20, 23)) + _asked(one, [30])
        works.go.set()
        assert not wait(futures, LONG).not_done
    # `many` had the first batch, so the others stand in front of it.
    assert works.batches[1:] == [[20, 30, 10, 21], [11, 22, 12, 13], [14, 15, 16, 17], [18, 19]]


def test_work_of_other_networks_is_not_mixed_in_and_keeps_its_turn(engine):
    works, other = Works(still=True), Works()
    with engine.line(works, "a") as first, engine.line(other, "b") as second, engine.line(works, "a") as third:
        futures = _asked(first, [1])
        assert works.began.wait(LONG)
        futures += _asked(first, [2, 3]) + _asked(third, [5]) + _asked(second, [7, 8])
        works.go.set()
        assert not wait(futures, LONG).not_done
    assert works.batches == [[1], [5, 2, 3]]
    assert other.batches == [[7, 8]]


def test_no_more_wait_than_there_are_places_and_they_are_shared_equally():
    engine, works = Engine(2, places=6), Works(still=True)
    with engine.line(works, 0) as first, engine.line(works, 0) as second:
        threads = [_in_thread(_asked, line, range(20)) for line in (first, second)]
        assert works.began.wait(LONG)
        for line in (first, second):
            while line.held < 3:
                threading.Event().wait(0.001)
        assert engine.waiting == 6
        assert (first.held, second.held) == (3, 3)
        works.go.set()
        for thread in threads:
            thread.join(LONG)
    engine.close()


def test_a_caller_that_comes_later_does_not_wait_for_all_of_the_first_ones_work():
    engine, works = Engine(2, places=4), Works(still=True)
    with engine.line(works, 0) as first:
        crowd = _in_thread(_crowd, first, range(100), [])
        assert works.began.wait(LONG)
        while first.held < 4:
            threading.Event().wait(0.001)
        with engine.line(works, 0) as late:
            asked: list = []
            waits = _in_thread(_crowd, late, [1000], asked)
            while engine.held_up < 2:  # all places are taken
                threading.Event().wait(0.001)
            works.go.set()
            waits.join(LONG)
            assert asked[0].result(LONG) == 2000
        first.close()
        crowd.join(LONG)
    engine.close()
    (place,) = [number for number, batch in enumerate(works.batches) if 1000 in batch]
    assert place <= 3, "two batches of the first caller stood in front, and one of its requests was already asked"


def test_what_waits_on_a_closed_line_is_never_done_and_the_others_go_on(engine):
    works = Works(still=True)
    with engine.line(works, 0) as goes, engine.line(works, 0) as stays:
        assert _asked(stays, [1])
        assert works.began.wait(LONG)
        dropped, kept = _asked(goes, [5, 6, 7]), _asked(stays, [2])
        goes.close()
        works.go.set()
        assert kept[0].result(LONG) == 4
    assert all(future.cancelled() for future in dropped)
    assert works.batches == [[1], [2]]


def test_who_waits_for_a_place_is_told_that_the_line_is_closed():
    engine, works, told = Engine(1, places=1), Works(still=True), []

    def second(line) -> None:
        try:
            line.ask(2)
        except CancelledError:
            told.append("closed")

    with engine.line(works, 0) as line:
        line.ask(1)
        assert works.began.wait(LONG)
        blocked = _in_thread(second, line)
        line.close()
        blocked.join(LONG)
    with pytest.raises(CancelledError):
        line.ask(3)
    works.go.set()
    engine.close()
    assert (told, works.batches) == (["closed"], [[1]])


def test_a_batch_that_is_full_waits_no_longer_and_one_that_waits_ends_with_its_callers(engine):
    works = Works()
    with engine.line(works, 0, wait=LONG) as line:
        assert [future.result(LONG / 2) for future in _asked(line, [1, 2, 3, 4])] == [2, 4, 6, 8]
        alone = line.ask(5)
    assert alone.cancelled()
    assert works.batches == [[1, 2, 3, 4]]


def test_an_unfull_batch_goes_after_the_longest_wait(engine):
    works = Works()
    with engine.line(works, 0, wait=0.01) as line:
        assert line.ask(1).result(LONG) == 2


def test_one_request_that_fails_spoils_no_other_of_its_batch(engine):
    works = Works(still=True)
    with engine.line(works, 0) as mine, engine.line(works, 0) as yours:
        mine.ask(1)
        assert works.began.wait(LONG)
        bad, good = mine.ask(-1), yours.ask(3)
        works.go.set()
        assert good.result(LONG) == 6
        with pytest.raises(ValueError, match="negative"):
            bad.result(LONG)
    assert sorted(works.batches[1]) == [-1, 3]


def test_answers_that_are_too_few_are_an_error_and_no_silence(engine):
    with engine.line(lambda _: [], 0) as line, pytest.raises(ValueError, match="argument"):
        line.ask(1).result(LONG)


def test_who_is_told_to_stop_stops_and_the_engine_serves_the_next(engine):
    def stops(_numbers):
        raise KeyboardInterrupt

    with engine.line(stops, 0) as line, pytest.raises(KeyboardInterrupt):
        line.ask(1).result(LONG)
    with engine.line(Works(), 1) as line:
        assert line.ask(2).result(LONG) == 4


def test_the_thread_ends_with_the_last_line_and_starts_with_the_next(engine):
    for _ in range(3):
        with engine.line(Works(), 0) as line:
            assert line.ask(1).result(LONG) == 2
            assert _thread()
        engine.close()
        assert not _thread()


def test_closing_the_engine_closes_the_lines(engine):
    works = Works(still=True)
    line = engine.line(works, 0)
    running, waits = line.ask(1), line.ask(2)
    assert works.began.wait(LONG)
    ends = _in_thread(engine.close)
    works.go.set()
    ends.join(LONG)
    assert not _thread()
    assert waits.cancelled() or works.batches == [[1, 2]]
    assert running.result(LONG) == 2
    with pytest.raises(CancelledError):
        line.ask(3)


def test_everyone_with_the_same_settings_has_the_same_engine(tmp_path):
    first = shared(Settings(batch_size=3))
    assert shared(Settings(batch_size=3, data_dir=tmp_path)) is first
    assert shared(Settings(batch_size=5)) is not first


def test_a_program_ends_although_a_line_was_left_open():
    """A run that nobody closes must not keep the server from stopping."""
    code = (
        "from cxr_core.engine import shared; from cxr_core.settings import Settings;"
        "line = shared(Settings()).line(lambda items: items, 0); print(line.ask(1).result(60))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
