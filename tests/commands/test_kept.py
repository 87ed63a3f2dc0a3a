"""``audit``, ``patient`` and ``retention`` as a user meets them."""

import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.__main__ import main
from cxr_core.records import Identity
from cxr_core.settings import Settings
from cxr_core.site import write_section
from cxr_core.store import Store
from tests.store.given import NOON, screened


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "data"))
    return Settings.from_environment()


@pytest.fixture
def site(settings) -> dict[str, str]:
    """A film of patient 4711, received now, and one of nobody, received long ago."""
    with closing(Store(settings)) as store:
        keys = {"jane": store.add_film(b"jane"), "old": store.add_film(b"old")}
        jane = Identity(patient_name="DOE^JANE", patient_id="4711", study_uid="1.2.3")
        store.save(screened("a.dcm", keys["jane"], identity=jane), datetime.now(UTC))
        store.save(screened("b.png", keys["old"]), NOON - timedelta(days=1000))
        store.put_setting("thresholds", {"Mass": 0.4})
    return keys


def run(*args) -> int:
    return main([str(arg) for arg in args], lambda _settings: pytest.fail("the models were loaded"))


def keys_in(settings) -> set[str]:
    with closing(Store(settings)) as store:
        return {entry.key for entry in store.entries()}


def test_verify_says_how_many_rows_hold_and_what_the_last_one_is(site, capsys):
    assert run("audit", "verify") == 0
    said = capsys.readouterr().out
    assert said.startswith("3 rows, the chain holds; the last is 3:")
    last = said.split()[-1]
    assert run("audit", "verify", "--known", last) == 0
    assert run("audit", "verify", "--known", "3:" + "0" * 64) == 1
    assert "broken at row 3" in capsys.readouterr().err


def test_verify_names_the_first_row_that_was_tampered_with(site, settings, capsys):
    with closing(sqlite3.connect(settings.data_dir / "cxr.sqlite3")) as database:
        database.execute("drop trigger audit_no_update")
        database.execute("update audit set subject = 'another' where seq = 2")
        database.commit()
    assert run("audit", "verify") == 1
    assert "broken at row 2: what it says was changed" in capsys.readouterr().err


def test_list_shows_the_newest_first_and_what_is_asked_for(site, capsys):
    assert run("audit", "list") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "2", "1"]
    assert 'setting  thresholds  value={"Mass": 0.4}' in lines[0]
    assert "3 of 3 rows" in err
    assert run("audit", "list", "--json", "--action", "screened", "--subject", site["old"][:9]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["seq"], row["subject"]) == (2, site["old"])
    assert run("audit", "list", "--until", "2026-01-01") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [("--since", "noon"), ("--action", "guessed")])
def test_a_wrong_question_is_said_so(wrong, capsys):
    with pytest.raises(SystemExit) as left:
        run("audit", "list", *wrong)
    assert left.value.code == 2


def test_a_patient_s_data_is_given_out(site, tmp_path, capsys):
    assert run("patient", "export", "4711", "--to", tmp_path / "out") == 0
    assert "1 images, 1 films" in capsys.readouterr().err
    assert "DOE^JANE" in (tmp_path / "out" / "patient.json").read_text(encoding="utf-8")
    assert run("patient", "export", "4711", "--to", tmp_path / "out") == 1
    assert "not empty" in capsys.readouterr().err
    assert run("patient", "export", "4712", "--to", tmp_path / "none") == 1


def test_a_patient_is_erased_only_on_a_second_word(site, settings, capsys):
    assert run("patient", "erase", "4711") == 0
    assert "1 images would be erased" in capsys.readouterr().err
    assert keys_in(settings) == set(site.values())
    assert run("patient", "erase", "4711", "--yes") == 0
    assert keys_in(settings) == {site["old"]}
    assert run("patient", "erase", "4711", "--yes") == 1
    assert run("audit", "verify") == 0
    said = capsys.readouterr()
    assert "4711" not in said.out + said.err


def test_a_number_need_not_stand_in_the_shell_s_history(site, settings, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("4711\n"))
    assert run("patient", "erase", "-", "--yes") == 0
    assert keys_in(settings) == {site["old"]}


def test_retention_says_what_is_due_and_erases_it_only_when_asked(site, settings, capsys):
    write_section(settings, "retention", {"film_days": 365, "keep_unreviewed": False})
    assert run("retention") == 0
    said = capsys.readouterr()
    assert "received 365 days ago or earlier: 1" in said.out
    assert "refused: kept for ever" in said.out
    assert "nothing was erased" in said.err
    assert keys_in(settings) == set(site.values())
    assert run("retention", "--apply") == 0
    assert keys_in(settings) == {site["jane"]}
    assert run("audit", "list", "--action", "erased") == 0
    assert 'why="old"' in capsys.readouterr().out


def test_a_rule_that_makes_no_sense_is_said_so_and_erases_nothing(site, settings, capsys):
    write_section(settings, "retention", {"film_days": -1})
    assert run("retention", "--apply") == 2
    assert "film_days in [retention]" in capsys.readouterr().err
    assert keys_in(settings) == set(site.values())
