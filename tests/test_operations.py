"""Figures of the work: counted once each, in bins that cover the span, on the local clock."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.operations import bins, flags_per_bin, local, pace, per_bin, stage_times

START = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
SPANS = st.integers(1, 3000 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def times(*texts: str):
    return np.array(texts, "datetime64[us]")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)), SPANS)  # noqa: DTZ001, RUF100
def test_bins_cover_the_span_without_a_gap(since, span):
    found = bins(since, since + span)
    assert found.edges[0] <= np.datetime64(since) < found.edges[1]
    assert found.edges[-2] <= np.datetime64(since + span) < found.edges[-1]
    assert len(set(np.diff(found.edges).tolist())) == 1
    assert 1 <= len(found.starts) <= 120


@pytest.mark.parametrize(
    ("span", "name"),
    [
        (timedelta(days=1), "hour"),
        (timedelta(days=30), "day"),
        (timedelta(days=365), "week"),
        (timedelta(days=2000), "thirty days"),
    ],
)
def test_the_longer_the_span_the_wider_the_bins(span, name):
    assert bins(START, START + span).name == name


@given(st.lists(st.integers(0, 40 * 24 * 60), max_size=50), st.integers(0, 8))
def test_every_film_is_counted_once_and_its_flags_with_it(minutes, labels):
    came = np.array(
        [np.datetime64(START.replace(tzinfo=None)) + np.timedelta64(m, "m") for m in minutes], "datetime64[us]"
    )
    flags = (np.arange(len(minutes))[:, None] % 2 == 0) & np.ones((1, labels + 1), bool)
    span = bins(START, START + timedelta(days=40))
    assert per_bin(came, span).sum() == len(minutes)
    found = flags_per_bin(came, flags, span)
    assert found.sum(axis=0).tolist() == flags.sum(axis=0).tolist()
    assert (found <= per_bin(came, span)[:, None]).all()


def test_what_lies_outside_is_not_counted():
    span = bins(START, START + timedelta(days=10))
    came = times("2020-01-01", "2026-03-04T12:00", "2030-01-01")
    assert per_bin(came, span).sum() == 1
    assert flags_per_bin(came, np.ones((3, 2), bool), span).sum() == 2


def test_the_day_is_that_of_the_clock_on_the_wall():
    assert local(times("2026-03-01T23:30"), timedelta(hours=1))[0] == np.datetime64("2026-03-02T00:30")
    assert local(times("2026-03-01T23:30"), timedelta(hours=-5))[0] == np.datetime64("2026-03-01T18:30")


def test_the_pace_is_that_of_hours_in_which_anything_was_done():
    found = pace(times("2026-03-02T08:00", "2026-03-02T08:59", "2026-03-02T09:00", "2026-03-05T12:10"))
    assert (found.films, found.hours, found.median, found.most) == (4, 3, 1.0, 2)
    assert pace(times()).films == 0


def test_seconds_are_told_by_stage():
    seconds = np.array([[0.1, 0.01, 0.5]] * 99 + [[9.0, 0.01, 0.5]])
    read, prepare, detect = stage_times(seconds)
    assert (read.stage, read.films, read.median) == ("read", 100, pytest.approx(0.1))
    assert read.p95 == pytest.approx(0.1)
    assert (prepare.median, detect.median) == (pytest.approx(0.01), pytest.approx(0.5))
    assert stage_times(np.zeros((0, 3))) == ()


def test_a_span_that_ends_before_it_begins_is_refused():
    with pytest.raises(RecordError):
        bins(START, START)
