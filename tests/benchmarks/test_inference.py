"""The benchmark runs on a tiny model and reports each row; no test asserts a time."""

import argparse
import re
import subprocess
import sys

import pytest

from benchmarks import inference, machine
from benchmarks.inference import PEER, Subject, main, render
from tests.detect import networks


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    import tensorflow as tf  # noqa: PLC0415  (only this test pays for it)

    folder = tmp_path_factory.mktemp("models") / "tiny"
    networks.export_ours(tf, networks.tiny_network(tf), folder)
    return folder.parent


def test_every_runtime_gets_a_row_with_its_own_peak_memory(models, monkeypatch, capsys):
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)  # as on a machine without torch
    assert main(["--models", str(models), "--rounds", "2", "--seconds", "0.05", "--batch", "1", "3"]) == 0
    out, err = capsys.readouterr()
    rows = {line.split(" | ")[1]: line.split(" | ") for line in out.splitlines() if line.startswith("| tiny")}
    assert set(rows) == {"LiteRT", "TensorFlow"}
    memory = {runtime: float(row[6]) for runtime, row in rows.items()}
    assert 20 < memory["LiteRT"] < memory["TensorFlow"]
    assert all(re.fullmatch(r"[\d.]+ \([\d.]+-[\d.]+\)", cell) for row in rows.values() for cell in row[3:5])
    assert "not measured" in out
    assert "pip install -r requirements-bench.txt" in err


def test_each_model_the_detectors_and_all_together_are_subjects_on_what_they_have(models, tmp_path, monkeypatch):
    """A foreign export has no card and no LiteRT file; it is measured on TensorFlow alone."""
    import tensorflow as tf  # noqa: PLC0415  (only this test pays for it)

    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(inference, "_process", lambda runtime, paths, threads: None)
    net = networks.tiny_network(tf)
    networks.export_foreign(tf, net, tmp_path / "theirs", batch=None)
    networks.export_opinion(tf, net, tmp_path / "second")
    folders = [models / "tiny", tmp_path / "theirs", tmp_path / "second"]
    cards = [(inference.folder_card(folder), folder) for folder in folders]
    started = [(subject.name, subject.runtime) for subject in inference._plan(cards, 1, ["litert", "tensorflow"])]
    assert started == [
        ("tiny", "litert"),
        ("second", "litert"),
        ("the same and the second opinions", "litert"),
        ("tiny", "tensorflow"),
        ("theirs", "tensorflow"),
        ("second", "tensorflow"),
        ("tiny + theirs", "tensorflow"),
        ("the same and the second opinions", "tensorflow"),
    ]


def test_no_model_is_said_in_words(tmp_path, capsys):
    assert main(["--models", str(tmp_path)]) == 1
    assert "nothing to measure: no model in" in capsys.readouterr().err


@pytest.fixture
def row():
    """Makes rows whose process has ended without a word."""
    made = []

    def make(name, milliseconds) -> Subject:
        process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE, text=True)
        made.append(Subject(name, "litert", process, "8 x 8", 100.0, milliseconds))
        return made[-1]

    yield make
    for subject in made:
        subject.stop()


def test_the_ratio_is_between_each_one_s_best_batch_size(row):
    ours = row("tiny", {1: [10.0, 30.0, 20.0], 8: [25.0, 25.0, 25.0]})
    peer = row(PEER, {1: [90.0, 90.0, 90.0], 8: [60.0, 50.0, 70.0]})
    chosen = argparse.Namespace(batch=[1, 8], rounds=3, seconds=1.0, threads=2, clock="seconds")
    table = render([ours, peer], chosen).text(["Processor: any"])
    assert "| tiny | LiteRT | 8 x 8 | 20.0 (10.0-30.0) | 25.0 (25.0-25.0) | 50.0 | 100 | 3.0 as fast |" in table
    assert f"| {PEER} | LiteRT | 8 x 8 | 90.0 (90.0-90.0) | 60.0 (50.0-70.0) | 16.7 | 100 | 1.0 as fast |" in table
    assert "- Processor: any" in table


def test_a_subject_that_dies_is_named(row):
    with pytest.raises(RuntimeError, match="tiny on litert stopped without an answer"):
        row("tiny", {}).hear()


def test_the_machine_is_described_without_its_name():
    import platform  # noqa: PLC0415

    facts = "\n".join(machine.describe())
    assert "cores used" in facts
    assert "numpy" in facts
    assert platform.node() not in facts
