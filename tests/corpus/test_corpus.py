"""The torture corpus: every file is read, or refused, as its row says."""

import csv
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr_core import corpus
from cxr_core.corpus.row import Expected, Row, decibels, refused, screened
from cxr_core.corpus.samples import plain_file
from cxr_core.errors import CxrError, RecordError, Refusal
from cxr_core.gate import judge, load
from cxr_core.read import read
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings

# Bombs are as harmful at 16 MB as at the default, and cost a test less.
SETTINGS = Settings(max_file_mb=16)
ROWS = corpus.rows()
HERE = [row for row in ROWS if corpus.available(row)]
BY_ENTRIES = {"lateral_view", "body_part_doubtful", "child", "orientation_doubtful"}
CODES = {kind.code for kind in Refusal.__subclasses__()}
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("row", HERE, ids=lambda row: row.file)
def test_a_file_is_read_as_its_row_says(row, tmp_path):
    path = tmp_path / Path(row.file).name
    path.write_bytes(row.make())
    outcomes = [_outcome(item) for item in from_paths([path], SETTINGS)]
    assert outcomes
    for said, warnings, film in outcomes:
        assert (said, warnings) == (row.expected.refused, row.expected.warnings)
        if row.expected.pixels and film is not None:
            assert film.pixels.shape == row.expected.pixels().shape
            assert decibels(film.pixels, row.expected.pixels()) >= row.expected.decibels
        if row.expected.field:
            np.testing.assert_allclose(film.field, row.expected.field, atol=2)


@pytest.mark.parametrize("row", [row for row in HERE if BY_ENTRIES & set(row.expected.gate)], ids=lambda row: row.file)
def test_the_gate_says_of_a_files_entries_what_the_row_says(row):
    """Without the network."""
    verdict = judge(read(row.make(), row.file, SETTINGS), replace(SETTINGS, gate="tags"))
    assert _said(verdict) & set(row.expected.gate)


@pytest.fixture(scope="module")
def network():
    found = load(SETTINGS)
    assert found is not None, "the shipped gate is part of the product"
    return found


@pytest.mark.parametrize("row", [row for row in HERE if row.expected.gate], ids=lambda row: row.file)
def test_the_shipped_gate_says_of_a_scene_what_the_row_says(row, network):
    """Turned, mirrored, inverted and cut phantoms, documents, drawings, other parts: by pixels where no entry tells."""
    said = _said(judge(read(row.make(), row.file, SETTINGS), SETTINGS, network))
    assert said & set(row.expected.gate)


def test_the_shipped_gate_has_nothing_to_say_of_films_that_are_whole_and_upright(network):
    """The plain film, which most rows hold, and the frames around it."""
    framed = [row for row in HERE if row.file.startswith("fields/") and not row.expected.gate]
    assert framed
    for data in (plain_file(), *(row.make() for row in framed)):
        film = read(data, "film", SETTINGS)
        assert _said(judge(film, SETTINGS, network)) <= {notice.code for notice in film.warnings}


def _said(verdict):
    """Codes of a verdict: warnings and refusal."""
    return {notice.code for notice in verdict.film.warnings} | ({verdict.refusal.code} if verdict.refusal else set())


def test_the_gate_stops_no_plain_film():
    verdict = judge(read(plain_file(), "film", SETTINGS), replace(SETTINGS, gate="tags"))
    assert verdict.refusal is None


def _outcome(item):
    """The refusal's code, the warnings' codes, the film."""
    try:
        film = read(item.load(), item.name, SETTINGS)
    except Refusal as refusal:
        assert re.search(r"\w+.*\.", refusal.message), "a refusal says what was found and what to do"
        assert "SYNTHETIC" not in refusal.message, "and nothing of the patient"
        return refusal.code, (), None
    return "", tuple(sorted(warning.code for warning in film.warnings)), film


def test_the_corpus_is_large_and_needs_little():
    assert len([row for row in ROWS if not row.needs]) >= 200
    assert len({row.file.lower() for row in ROWS}) == len(ROWS), "some file systems know no capitals"
    assert {row.expected.refused for row in ROWS} - {""} <= CODES


def test_a_row_makes_the_same_bytes_every_time():
    for row in HERE[::25]:
        assert hashlib.sha256(row.make()).digest() == hashlib.sha256(row.make()).digest(), row.file


def test_the_folder_holds_files_pictures_and_a_manifest(tmp_path, monkeypatch):
    given = [row for row in HERE if row.file.startswith("greys/window")][:6] + HERE[-3:]
    absent = Row("x/absent", "what", "why", refused("no_pixels"), bytes, needs="no-such-program")
    monkeypatch.setattr("cxr_core.corpus.rows", lambda: (*given, absent))
    written, missing = corpus.write(tmp_path / "made")
    assert (written, missing) == (given, [absent])
    with (tmp_path / "made" / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["file"] for line in lines] == [row.file for row in given]
    for line, row in zip(lines, given, strict=True):
        data = (tmp_path / "made" / "files" / row.file).read_bytes()
        assert line["sha256"] == hashlib.sha256(data).hexdigest()
        if row.expected.pixels:
            picture = cv2.imread(str(tmp_path / "made" / line["picture"]), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(picture, row.expected.pixels())
    assert "| greys/window" in (tmp_path / "made" / "manifest.md").read_text(encoding="utf-8")


def test_the_documented_table_is_current():
    """``python -m cxr_core corpus --list`` prints what docs/corpus.md shows."""
    assert corpus.table() in (ROOT / "docs" / "corpus.md").read_text(encoding="utf-8")


def test_an_outcome_reads_as_a_sentence():
    assert str(refused("too_small")) == "refused: too_small"
    assert str(screened(None)) == "read"
    grey = np.zeros((2, 2), np.uint16)
    assert str(screened(lambda: grey, "tinted")) == "same pixels, warns tinted"
    assert str(screened(lambda: grey, decibels=40)) == "pixels within 40 dB"
    with pytest.raises(RecordError):
        Expected("too_small", ("tinted",))
    assert issubclass(RecordError, CxrError)


def test_decibels_measure_the_difference():
    grey = np.full((4, 4), 30000, np.uint16)
    assert decibels(grey, grey) == float("inf")
    assert decibels(grey, grey + np.uint16(655)) == pytest.approx(40.0, abs=0.1)
