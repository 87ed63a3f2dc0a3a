"""The command that writes worklist, reviews and bundles: what it says, what it writes, what never leaves."""

import json
import os
import stat
import zipfile
from datetime import UTC, datetime

import pytest

from cxr_core.__main__ import main
from cxr_core.commands import worklist_files
from cxr_core.export.table import read_csv
from cxr_core.export.worklist import read_worklist
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.records import FindingReview, Review
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from training.reviews import parse

SECRET = "Zebedee"


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    """A data folder of its own and two hand-made models."""
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "data"))
    screener = Screener(Settings.from_environment(), [fakes.covid(), fakes.nih()])
    monkeypatch.setattr(worklist_files, "load_cards", lambda _settings: screener.cards)
    return screener


@pytest.fixture
def store():
    made = Store(Settings.from_environment())
    yield made
    made.close()


@pytest.fixture
def filled(site, store):
    """A flagged film, a film that is not, a refused one; the first has a review."""
    films = {f"{SECRET}.png": fakes.film(250), "dim.png": fakes.film(100), "broken.png": b"none"}
    taken = list(take_in([fakes.given(name, data) for name, data in films.items()], site, store))
    said = Review(
        "agree", f"call {SECRET}", datetime.now(UTC), (FindingReview("Mass", "agree", None),), role="resident"
    )
    key = next(item.entry.key for item in taken if item.entry.screening.file.startswith(SECRET))
    store.save_review(key, said)
    return store


def run(*args) -> int:
    return main([str(arg) for arg in args])


def test_everything_is_written_and_told(filled, tmp_path, capsys):
    out = {name: tmp_path / name for name in ("all.csv", "flagged.csv", "reviews.jsonl", "bundle.zip")}
    code = run(
        "export-worklist", "--csv", out["all.csv"], "--flagged", out["flagged.csv"], "--reviews", out["reviews.jsonl"],
        "--bundle", out["bundle.zip"],
    )  # fmt: skip
    said = capsys.readouterr().err
    assert code == 0
    assert len(read_worklist(out["all.csv"].read_bytes())) == 3
    assert len(read_csv(out["flagged.csv"].read_bytes())) == 1
    assert [item.truth() for item in parse(out["reviews.jsonl"])] == [{"Mass": 1}]
    for told in ("3 films", "1 flagged films", "1 reviews", "3 films, 2 pictures, 1 films without one, 1 reviews"):
        assert told in said, told
    assert run("check-bundle", out["bundle.zip"]) == 0
    assert "whole and unchanged" in capsys.readouterr().err


def test_nothing_names_anybody_unless_it_is_asked_for(filled, tmp_path):
    kinds = {"--csv": "all.csv", "--flagged": "flagged.csv", "--reviews": "reviews.jsonl"}
    for option, name in kinds.items():
        assert run("export-worklist", option, tmp_path / name) == 0
        assert SECRET.encode() not in (tmp_path / name).read_bytes(), option
        assert run("export-worklist", option, tmp_path / name, "--identity") == 0
        assert SECRET.encode() in (tmp_path / name).read_bytes(), option
    assert run("export-worklist", "--bundle", tmp_path / "b.zip") == 0
    with zipfile.ZipFile(tmp_path / "b.zip") as file:
        assert not any(SECRET.encode() in file.read(name) for name in file.namelist())


def test_what_left_stands_in_the_audit_trail(filled, tmp_path):
    run("export-worklist", "--csv", tmp_path / "all.csv", "--identity")
    (row, *_), _ = filled.audit(action="exported")
    assert (row.subject, row.facts["identity"], row.facts["films"]) == ("worklist", True, 3)
    assert filled.verify_audit().sound


def test_files_are_for_their_owner_alone_and_no_part_is_left(filled, tmp_path):
    run("export-worklist", "--csv", tmp_path / "all.csv")
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "all.csv").stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".part-*"))


def test_a_changed_bundle_is_found_out(filled, tmp_path, capsys):
    run("export-worklist", "--bundle", tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "a") as file:
        file.writestr("more.txt", "x")
    assert run("check-bundle", tmp_path / "b.zip") == 1
    assert "more.txt is not in the manifest" in capsys.readouterr().err
    (tmp_path / "no.zip").write_text("text")
    assert run("check-bundle", tmp_path / "no.zip") == 1
    assert "not a bundle" in capsys.readouterr().err


def test_the_preset_decides_what_is_flagged(filled, tmp_path):
    run("export-worklist", "--flagged", tmp_path / "f.csv", "--preset", "sensitive")
    assert len(read_csv((tmp_path / "f.csv").read_bytes())) == 2


def test_wrong_arguments_and_an_empty_worklist_are_said(store, tmp_path, capsys):
    assert run("export-worklist") == 2
    assert "name at least one" in capsys.readouterr().err
    assert run("export-worklist", "--csv", tmp_path) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert run("export-worklist", "--csv", tmp_path / "a", "--bundle", tmp_path / "a") == 2
    assert "two outputs name the same file" in capsys.readouterr().err
    assert run("export-worklist", "--csv", tmp_path / "a") == 1
    assert "the worklist is empty" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
    assert run("check-bundle", tmp_path / "nothing.zip") == 2


def test_the_manifest_names_the_models(filled, tmp_path):
    run("export-worklist", "--bundle", tmp_path / "b.zip")
    told = json.loads(zipfile.ZipFile(tmp_path / "b.zip").read("manifest.json"))
    assert sorted(item["name"] for item in told["models"]) == ["covid_ssd", "nih_ssd"]
    assert told["preset"] == "balanced"
