"""Calls to other processes: answers, and what happens when one of them dies, hangs or cannot start."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cxr_core.outside import Absent, Died, Outside, TooSlow

HERE = "tests.test_outside"


def double(numbers):
    return 2 * numbers, os.getpid()


def die(how):
    if how == "abort":
        os.abort()
    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise ValueError(how)
    if how == "hang":
        time.sleep(600)
    if how == "print":
        os.write(1, b"a decoder's words")
        sys.stdout.write("a library's words")
    return how


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_calls_from_several_threads_are_answered_elsewhere_and_the_processes_end_with_the_block():
    with Outside(f"{HERE}:double", processes=2, seconds=200) as outside, ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(outside, [np.arange(count) for count in (3, 0, 300_000, 7, 8)]))
        assert outside.up
    for (doubled, _), count in zip(answers, (3, 0, 300_000, 7, 8), strict=True):
        np.testing.assert_array_equal(doubled, 2 * np.arange(count))
    pids = {pid for _, pid in answers}
    assert os.getpid() not in pids
    assert not any(map(_alive, pids))


def test_a_process_that_dies_costs_its_call_alone_and_a_new_one_answers_the_next():
    with Outside(f"{HERE}:die", processes=1, seconds=200) as outside:
        for how in ("abort", "exit", "raise"):
            with pytest.raises(Died):
                outside(how)
        assert outside("print") == "print"  # what is printed there does not get between the answers


def test_a_process_that_was_ended_between_two_calls_costs_neither():
    with Outside(f"{HERE}:double", processes=1, seconds=200) as outside:
        _, pid = outside(1)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has asked how
        doubled, other = outside(2)
    assert (doubled, other != pid) == (4, True)


def test_a_call_that_takes_too_long_is_given_up():
    with Outside(f"{HERE}:die", processes=1, seconds=0.5) as outside:
        with pytest.raises(TooSlow):
            outside("hang")
        assert outside.up


def test_where_no_process_can_start_every_call_says_so(caplog):
    with Outside("tests.no_such_module:double", processes=1, seconds=5) as outside:
        for _ in range(2):
            with pytest.raises(Absent):
                outside(1)
        assert not outside.up
    assert "could not be started" in caplog.text


def test_leaving_at_once_ends_what_is_still_starting(caplog):
    with Outside(f"{HERE}:double", processes=2, seconds=5) as outside:
        assert not outside.up
    assert caplog.text == ""
