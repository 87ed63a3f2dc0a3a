"""Bytes to a ranked worklist with the shipped weights, on generated films."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxr_core.export.table import read_csv
from cxr_core.intake import take_in
from cxr_core.phantom import as_dicom, as_png, phantom, sample_files
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS, PRESETS
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.triage import rank
from tests.fakes import given

pytestmark = pytest.mark.models
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener(replace(Settings.from_environment(), runtime="litert"))


@pytest.fixture(scope="module")
def samples() -> list:
    """Half of the samples: every way of storing a film is among them."""
    return [given(name, make()) for name, make in sample_files()[:6]]


@pytest.fixture(scope="module")
def screenings(screener, samples) -> list:
    return list(screener.screen(samples))


def test_every_sample_is_screened_with_all_nine_scores(screenings, samples):
    assert [item.file for item in screenings] == [item.name for item in samples]
    assert {item.status for item in screenings} == {"screened"}
    assert {item.image.source for item in screenings} == {"png", "dicom"}
    assert all(list(item.scores) == list(LABELS) for item in screenings)


def test_the_models_tell_films_apart(screenings):
    """A network that lost its weights answers the same to every film."""
    for label in LABELS:
        assert np.std([item.scores[label] for item in screenings]) > 1e-4, label


def test_boxes_lie_on_the_film_and_are_best_first(screenings):
    found = [(item, finding) for item in screenings for finding in item.findings]
    assert found
    for item, finding in found:
        assert 0 <= finding.box.x1 < finding.box.x2 <= item.image.width
        assert 0 <= finding.box.y1 < finding.box.y2 <= item.image.height
    for item in screenings:
        assert [f.score for f in item.findings] == sorted((f.score for f in item.findings), reverse=True)


def test_a_film_alone_scores_as_it_does_in_a_batch(screener, screenings, samples):
    for sample, together in list(zip(samples, screenings, strict=True))[:3]:
        (alone,) = screener.screen([sample])
        assert dict(alone.scores) == pytest.approx(dict(together.scores), abs=1e-3)


def test_the_same_film_scores_the_same_however_it_is_stored(screener):
    """16-bit PNG, 8-bit PNG, DICOM of either polarity: within what 8 bits can hold."""
    pixels = phantom(7, height=512, width=512, signs=("effusion",))
    kinds = [
        as_png(pixels),
        as_png(pixels, 8),
        as_dicom(pixels, bits=16),
        as_dicom(pixels, bits=16, photometric="MONOCHROME1"),
    ]
    first, *others = screener.screen(given(str(number), data) for number, data in enumerate(kinds))
    for other in others:
        assert dict(other.scores) == pytest.approx(dict(first.scores), abs=0.02)


def test_presets_flag_from_many_to_few(screener, screenings):
    sensitive, balanced, specific = (screener.thresholds(preset) for preset in PRESETS)
    for label in LABELS:
        assert 0 < sensitive[label] <= balanced[label] <= specific[label] < 1, label
    queue = rank(screenings, balanced, screener.urgencies)
    assert [item.rank for item in queue] == list(range(1, len(screenings) + 1))


def test_the_worklist_survives_a_restart_and_knows_its_films(screener, samples, tmp_path):
    settings = Settings(data_dir=tmp_path)
    store = Store(settings)
    first = [arrival.entry for arrival in take_in(samples[:3], screener, store, synthetic=True)]
    store.close()
    again = Store(settings)
    assert list(again.entries()) == first
    assert all(arrival.known for arrival in take_in(samples[:3], screener, again))
    again.close()


def test_the_command_line_screens_a_folder(samples, tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    for sample in samples[:4]:
        (films / sample.name).write_bytes(sample.load())
    command = [
        sys.executable,
        "-m",
        "cxr_core",
        "screen",
        films,
        "--jsonl",
        tmp_path / "o.jsonl",
        "--csv",
        tmp_path / "o.csv",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 screened, 0 refused" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert {row.sha256: row.rank for row in read_csv((tmp_path / "o.csv").read_bytes())} == {
        line["sha256"]: line["rank"] for line in lines
    }
