"""Retention: what the site keeps no longer goes, and nothing else."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.errors import SettingsError
from cxr_core.site import write_section
from cxr_core.store.retention import Due, Retention
from tests.fakes import say
from tests.store.given import REFUSED, screened

NOW = datetime.now(UTC)
NOTHING = Due((), (), (), ())


def arrive(store, name: str, days: int, *, refused=False) -> str:
    key = store.add_film(name.encode())
    item = replace(REFUSED, sha256=key) if refused else screened(name, key)
    store.save(item, NOW - timedelta(days=days))
    return key


@pytest.fixture
def ward(store) -> dict[str, str]:
    made = {name: arrive(store, name, 40) for name in ("reviewed", "unreviewed", "removed")}
    made |= {"new": arrive(store, "new", 3), "refused": arrive(store, "refused", 40, refused=True)}
    say(store, made["reviewed"], "agree")
    say(store, made["new"], "agree")
    store.remove(made["removed"])
    return made


def later(days: int) -> datetime:
    return NOW + timedelta(days=days, seconds=5)


def test_by_default_only_what_was_removed_a_month_ago_is_due(store, ward):
    assert store.due(Retention()) == NOTHING
    assert store.due(Retention(), later(29)) == NOTHING
    assert store.due(Retention(), later(31)) == replace(NOTHING, removed=(ward["removed"],))


def test_old_films_are_due_once_somebody_has_reviewed_them(store, ward):
    rule = Retention(film_days=30)
    assert store.due(rule).old == (ward["reviewed"], ward["refused"])
    assert store.due(replace(rule, keep_unreviewed=False)).old == tuple(
        ward[name] for name in ("reviewed", "unreviewed", "refused")
    )
    assert store.due(replace(rule, film_days=50)).old == ()


def test_refused_films_may_go_earlier(store, ward):
    assert store.due(Retention(refused_days=7)).refused == (ward["refused"],)
    assert store.due(Retention(refused_days=41)).refused == ()


def test_a_film_that_is_due_twice_is_counted_once(store, ward):
    due = store.due(Retention(film_days=7, refused_days=7, keep_unreviewed=False))
    assert due.total == len({*due.removed, *due.old, *due.refused}) == 3


def test_what_is_due_is_erased_with_its_film_and_the_rest_stays(store, ward):
    due = store.due(Retention(film_days=30, removed_days=30), later(31))
    assert due.total == 4
    store.apply_retention(due)
    assert {entry.key for entry in store.entries()} == {ward["unreviewed"]}
    assert store.film(ward["unreviewed"]) == b"unreviewed"
    whys = {row.subject: row.facts["why"] for row in store.audit(action="erased")[0]}
    assert whys == {
        ward["removed"]: "removed long ago",
        ward["reviewed"]: "old",
        ward["refused"]: "old",
        ward["new"]: "old",
    }
    assert store.due(Retention(film_days=30), later(31)).total == 0


def test_zero_days_keep_for_ever(store, ward):
    assert store.due(Retention(0, 0, 0), later(36_000)) == NOTHING


def test_films_that_a_stopped_program_left_without_a_row_go_after_a_day(store, settings, ward):
    stray, fresh = store.add_film(b"left behind"), store.add_film(b"being screened")
    path = settings.data_dir / "films" / stray[:2] / stray
    two_days_ago = time.time() - 2 * 86_400
    os.utime(path, (two_days_ago, two_days_ago))
    due = store.due(Retention())
    assert due.stray == (stray,)
    store.apply_retention(due)
    assert not path.exists()
    assert store.film(fresh) == b"being screened"
    assert store.film(ward["removed"]) == b"removed"


def test_a_film_that_is_sent_again_is_no_stray(store, settings):
    sha256 = store.add_film(b"film")
    os.utime(settings.data_dir / "films" / sha256[:2] / sha256, (0, 0))
    store.add_film(b"film")
    assert store.due(Retention()).stray == ()


def test_bundles_left_behind_by_downloads_go_after_a_day_and_at_once_when_a_patient_is_erased(store, settings):
    folder = settings.data_dir / "exports"
    folder.mkdir()
    old, new = folder / "bundle-1.zip", folder / "bundle-2.zip"
    for path in (old, new):
        path.write_bytes(b"films")
    os.utime(old, (0, 0))
    due = store.due(Retention())
    assert (due.leftovers, due.total) == (1, 1)
    store.apply_retention(due)
    assert (old.exists(), new.exists()) == (False, True)
    store.erase_patient("4711")
    assert not new.exists()


def test_the_site_file_says_how_long(settings):
    assert Retention.of(settings) == Retention()
    write_section(settings, "retention", {"film_days": 365, "keep_unreviewed": False})
    assert Retention.of(settings) == Retention(film_days=365, keep_unreviewed=False)


@pytest.mark.parametrize(
    "table", [{"film_days": -1}, {"film_days": "30"}, {"film_days": 1.5}, {"keep_unreviewed": 1}, {"days": 30}]
)
def test_a_rule_that_makes_no_sense_erases_nothing(settings, table):
    write_section(settings, "retention", table)
    with pytest.raises(SettingsError, match="retention"):
        Retention.of(settings)


def test_films_half_received_by_a_killed_process_go_after_a_day_and_the_lock_of_a_living_one_stays(store):
    folder = store.landing() / "a process"
    folder.mkdir()
    for name in ("half", "lock"):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1, 1))
    (folder / "arriving").write_bytes(b"x")
    due = store.due(Retention())
    assert (due.leftovers, due.total) == (1, 1)
    store.apply_retention(due)
    assert {path.name for path in folder.iterdir()} == {"lock", "arriving"}
