"""The command line over a part of the corpus, with pretended models: every file is accounted for, in order."""

import json
from pathlib import Path

import pytest

from cxr_core import corpus
from cxr_core.__main__ import main
from cxr_core.pipeline import Screener
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings
from tests.fakes import covid, nih

LIMITS = {"CXR_MAX_FILE_MB": "16", "CXR_GATE": "off"}
ROWS = {row.file: row for row in corpus.rows() if not row.needs}
# Every seventh file of every group, and every archive: a folder such as no ward has.
PART = [name for place, name in enumerate(ROWS) if place % 7 == 0 or name.startswith("archives/")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("corpus")
    for name in PART:
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ROWS[name].make())
    return made


def screener(settings):
    return Screener(settings, [covid(), nih()])


def test_every_file_has_its_line_in_order_with_the_outcome_of_its_row(folder, tmp_path, monkeypatch):
    for name, value in LIMITS.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "out.jsonl"
    assert main(["screen", str(folder), "--jsonl", str(out)], screener) == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["file"] for line in lines] == [item.name for item in from_paths([folder], Settings(max_file_mb=16))]
    told = {line["file"]: line for line in lines}
    for name in PART:
        path = (folder / name).as_posix()
        own = [line for file, line in told.items() if file == path or file.startswith(f"{path}/")]
        assert own, name
        expected = ROWS[name].expected
        for line in own:
            assert (line["refusal"] or {"code": ""})["code"] == expected.refused, name
            assert sorted(warning["code"] for warning in line["warnings"]) == list(expected.warnings), name
            assert (line["status"] == "refused") == bool(expected.refused), name


def test_no_line_names_the_patient_of_the_header(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_MAX_FILE_MB", "16")
    out = tmp_path / "out.csv"
    assert main(["screen", str(folder / "headers"), "--csv", str(out)], screener) == 0
    assert "PHANTOM" not in out.read_text(encoding="utf-8-sig")


def test_the_command_writes_the_corpus_or_prints_its_table(tmp_path, monkeypatch, capsys):
    assert main(["corpus"]) == 2
    assert "--list" in capsys.readouterr().err
    assert main(["corpus", "--list"]) == 0
    assert capsys.readouterr().out.strip() == corpus.table().strip()
    given = tuple(ROWS.values())[:3]
    absent = corpus.Row("x/absent", "what", "why", given[0].expected, bytes, needs="no-such-program")
    monkeypatch.setattr("cxr_core.corpus.rows", lambda: (*given, absent))
    assert main(["corpus", str(tmp_path / "made")]) == 0
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"files", "pictures", "manifest.csv", "manifest.md"}
    said = capsys.readouterr().err
    assert "3 files" in said
    assert "not written, needs no-such-program: x/absent" in said
