"""``export``: files for one study, exit codes, and refusals that name nobody."""

import io
import json
from datetime import UTC, datetime

import pydicom
import pytest

from cxr_core.__main__ import main
from cxr_core.phantom import as_dicom, phantom
from cxr_core.read import identify
from cxr_core.records import LABELS, Box, Finding, ImageFacts, Notice, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.export.test_clients import ENTRIES, fhir_server, taken

AT = datetime(2026, 1, 2, tzinfo=UTC)
STUDY = "1.2.826.0.1.77"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "data"))
    made = Store(Settings.from_environment())
    yield made
    made.close()


def keep(store, seed: int, *, refused=False) -> str:
    """A film of the study above; returns its key."""
    pixels = phantom(seed, height=100, width=120)
    source = pydicom.dcmread(io.BytesIO(as_dicom(pixels)))
    source.StudyInstanceUID = STUDY
    out = io.BytesIO()
    source.save_as(out)
    data = out.getvalue()
    sha256 = store.add_film(data)
    facts = {"image": ImageFacts(120, 100, "PA", "dicom"), "identity": identify(data, Settings())}
    if refused:
        made = Screening("a", sha256, "refused", refusal=Notice("lateral_view", "side"), **facts)
    else:
        found = (Finding("Effusion", 0.8, Box(10, 10, 60, 60)),)
        made = Screening("a", sha256, "screened", scores=dict.fromkeys(LABELS, 0.9), findings=found, **facts)
    store.save(made, AT)
    return sha256


def test_a_study_gives_the_files_of_all_its_films(store, tmp_path, capsys):
    one, other = keep(store, 1), keep(store, 2)
    out = tmp_path / "new" / "folder"
    assert main(["export", STUDY, "--format", "gsps", "--format", "hl7", "--out", str(out)]) == 0
    names = {f"{kind}-{key[:12]}.{end}" for key in (one, other) for kind, end in (("gsps", "dcm"), ("hl7", "hl7"))}
    assert {path.name for path in out.iterdir()} == names
    said = capsys.readouterr()
    assert all(name in said.out for name in names)
    assert "SYNTHETIC" not in said.out + said.err
    assert all(path.stat().st_mode & 0o077 == 0 for path in out.iterdir())  # they name a patient
    assert store.audit(action="exported")[1] == 2


def test_without_a_format_all_five_are_written_and_what_cannot_be_had_is_named(store, tmp_path, capsys):
    key = keep(store, 1, refused=True)
    assert main(["export", key[:8], "--out", str(tmp_path / "out")]) == 0
    assert {path.name.split("-")[0] for path in (tmp_path / "out").iterdir()} == {"sr", "fhir", "hl7"}
    said = capsys.readouterr().err
    assert "gsps: the film was not screened" in said
    assert "sc: the film was not screened" in said


def test_a_film_that_gives_nothing_is_an_error(store, tmp_path, capsys):
    key = keep(store, 1, refused=True)
    assert main(["export", key, "--format", "sc", "--out", str(tmp_path / "out")]) == 1
    assert "not screened" in capsys.readouterr().err
    assert store.audit(action="exported")[1] == 0


@pytest.mark.parametrize("study", ["1.2.3.4", "zz", "0" * 64])
def test_what_is_not_in_the_worklist_is_told(store, tmp_path, capsys, study):
    keep(store, 1)
    assert main(["export", study, "--out", str(tmp_path / "out")]) == 2
    assert "no study of the worklist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_arguments(store, tmp_path, capsys):
    keep(store, 1)
    (tmp_path / "file").write_text("x")
    assert main(["export", STUDY, "--out", str(tmp_path / "file")]) == 2
    assert main(["export", STUDY, "--format", "sr", "--post", "http://a/", "--out", str(tmp_path / "out")]) == 2
    assert "add --format fhir" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["export", STUDY, "--format", "pdf", "--out", str(tmp_path / "out")])


def test_a_bundle_is_posted_and_a_server_that_fails_is_told(store, tmp_path, capsys):
    key = keep(store, 1)
    out = str(tmp_path / "out")
    assert main(["export", key, "--format", "fhir", "--out", out]) == 0
    entries = len(json.loads((tmp_path / "out" / f"fhir-{key[:12]}.json").read_text())["entry"])
    assert entries <= ENTRIES + 1
    with fhir_server(200, taken(entries)) as (url, heard):
        assert main(["export", key, "--format", "fhir", "--out", out, "--post", url]) == 0
    assert heard[0][1] == (tmp_path / "out" / f"fhir-{key[:12]}.json").read_bytes()
    with fhir_server(500, b"") as (url, _):
        assert main(["export", key, "--format", "fhir", "--out", out, "--post", url]) == 1
    rows, total = store.audit(action="exported")
    assert total == 3  # the files of the last are there, whatever the server said
    assert all(row.actor.startswith("command line") and row.facts["formats"] == ["fhir"] for row in rows)
    assert "status 500" in capsys.readouterr().err
