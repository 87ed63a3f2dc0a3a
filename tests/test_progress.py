"""The progress bar: counts, time left, and its two faces."""

import io

import pytest

from cxr_core.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_bar_fills_and_the_time_left_is_that_of_the_rest(clock):
    bar = Progress(4, io.StringIO(), clock)
    assert bar.text() == "........................ 0/4"
    clock.now += 30
    bar.step()
    assert bar.text() == "######.................. 1/4  1:30 left"
    clock.now += 10
    bar.step()
    assert bar.text() == "############............ 2/4  0:40 left"


def test_images_known_from_before_do_not_make_the_rest_look_quick(clock):
    bar = Progress(10, io.StringIO(), clock)
    for _ in range(8):
        bar.step(known=True)
    assert "left" not in bar.text()
    clock.now += 5
    bar.step()
    assert bar.text().endswith("9/10  0:05 left")


def test_a_terminal_line_is_redrawn_and_left_at_the_end(clock):
    screen = Terminal()
    bar = Progress(2, screen, clock)
    bar.step()
    bar.step()
    bar.close()
    text = screen.getvalue()
    assert text.count("\r") == 2
    assert text.endswith("2/2  0:00 left\x1b[K\n")


def test_a_log_gets_whole_lines_now_and_then_and_the_last(clock):
    log = io.StringIO()
    bar = Progress(100, log, clock)
    for _ in range(100):
        clock.now += 1
        bar.step()
    lines = log.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == [f"{done}/100" for done in (*range(1, 100, 10), 100)]
    assert "\r" not in log.getvalue()
