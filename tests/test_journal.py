"""The journal of a batch run: what was finished is recalled exactly, whatever cut the run short."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core.journal import Journal
from cxr_core.records import Identity, Notice, Screening
from tests.strategies import screenings

KEY = "a" * 64


@given(st.lists(screenings(), max_size=4))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_what_was_written_down_is_recalled(tmp_path, done):
    path = tmp_path / "out.part"
    path.unlink(missing_ok=True)
    with Journal(path, KEY, 0.05) as journal:
        times = {item.sha256: journal.add(item) for item in done}
    with Journal(path, KEY, 0.05) as journal:
        first = {item.sha256: item for item in reversed(done)}
        assert {sha256: journal.known(sha256) for sha256 in first} == first
        assert {item.sha256: journal.add(item) for item in done} == times, "the time is that of the first screening"
        assert journal.finished == len(first)


@given(st.lists(screenings(), min_size=1, max_size=3, unique_by=lambda item: item.sha256), st.data())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_kill_in_the_middle_of_a_line_costs_that_line_only(tmp_path, done, data):
    path = tmp_path / "out.part"
    path.unlink(missing_ok=True)
    with Journal(path, KEY, 0.05) as journal:
        for item in done:
            journal.add(item)
    whole = path.read_bytes()
    last_line = len(whole.splitlines(keepends=True)[-1])
    path.write_bytes(whole[: len(whole) - data.draw(st.integers(2, last_line))])
    with Journal(path, KEY, 0.05) as journal:
        assert [journal.known(item.sha256) for item in done] == [*done[:-1], None]
        journal.add(done[-1])
    with Journal(path, KEY, 0.05) as journal:
        assert [journal.known(item.sha256) for item in done] == done


def test_a_screening_is_on_its_way_to_the_disk_as_soon_as_it_is_added(tmp_path):
    """A kill -9 comes without notice: nothing may wait in this process."""
    path = tmp_path / "out.part"
    with Journal(path, KEY, 0.05) as journal:
        journal.add(Screening("a", "0" * 64, "refused", refusal=Notice("empty_file", "The file is empty.")))
        assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(("key", "floor"), [("b" * 64, 0.05), (KEY, 0.1)])
def test_other_models_or_another_floor_recall_nothing(tmp_path, key, floor):
    screening = Screening("a", "0" * 64, "refused", refusal=Notice("empty_file", "The file is empty."))
    with Journal(tmp_path / "out.part", KEY, 0.05) as journal:
        journal.add(screening)
    with Journal(tmp_path / "out.part", key, floor) as journal:
        assert journal.known(screening.sha256) is None


def test_lines_of_something_else_are_passed_over(tmp_path):
    path = tmp_path / "out.part"
    path.write_bytes(b'[1]\n{"models": 1}\n\xff\xfe\n\n{"models": "' + KEY.encode() + b'", "floor": 0.05}\n')
    with Journal(path, KEY, 0.05) as journal:
        assert journal.finished == 0


def test_a_complete_run_leaves_no_journal(tmp_path):
    with Journal(tmp_path / "out.part", KEY, 0.05) as journal:
        journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_request_is_remembered_and_its_patient_is_not(tmp_path):
    whose = Identity(patient_id="4711", patient_name="DOE^JANE", priority="STAT")
    film = Screening("a.png", KEY, "refused", refusal=Notice("too_small", "1x1."), identity=whose)
    path = tmp_path / "x.part"
    with Journal(path, "m", 0.05) as journal:
        journal.add(film)
    assert not any(word in path.read_text() for word in ("4711", "DOE"))
    with Journal(path, "m", 0.05) as journal:
        assert journal.known(KEY) == replace(film, identity=Identity(priority="STAT"))
