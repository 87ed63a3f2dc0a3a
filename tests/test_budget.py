"""The shared budget: never exceeded, nobody waits for ever, nobody is overtaken."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core.budget import Budget


@given(st.integers(1, 20), st.lists(st.integers(0, 60), min_size=1, max_size=25), st.integers(1, 6))
@hypothesis_settings(max_examples=40, deadline=None)
def test_the_budget_is_never_exceeded_and_every_task_gets_its_turn(most, needs, threads):
    budget, lock, inside, seen = Budget(most), threading.Lock(), [], []

    def work(need: int) -> int:
        with budget.held(need):
            with lock:
                inside.append(need)
                seen.append(tuple(inside))
            threading.Event().wait(0.0002)
            with lock:
                inside.remove(need)
        return need

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(work, need) for need in needs]
        assert [item.result(60) for item in running] == needs
    for held in seen:
        assert sum(held) <= most or (max(held) > most and sum(held) == max(held)), "what needs more than all is alone"


def _waits(budget, need, order, name):
    def work():
        with budget.held(need):
            order.append(name)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def test_a_small_task_does_not_overtake_a_large_one_that_waits():
    budget, order = Budget(10), []
    with budget.held(4):
        large = _waits(budget, 10, order, "large")
        while not budget.waiting:
            threading.Event().wait(0.001)
        small = _waits(budget, 1, order, "small")
        small.join(0.1)
        assert order == []
    for thread in (large, small):
        thread.join(60)
    assert order == ["large", "small"]


def test_a_failure_gives_back_what_it_held():
    budget = Budget(3)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.held(3):
            raise ZeroDivisionError
    with budget.held(2), budget.held(1):
        assert budget.waiting == 0
