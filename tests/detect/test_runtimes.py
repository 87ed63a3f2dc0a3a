"""Both runtimes on real, tiny networks."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxr_core.card import load_card
from cxr_core.detect import load_detectors, runs_on, runtimes
from cxr_core.settings import physical_cores


def only(settings, **changes):
    (detector,) = load_detectors(replace(settings, **changes))
    return detector


def assert_same(ours, theirs, tolerance):
    for one, other in zip(ours, theirs, strict=True):
        assert one.labels == other.labels
        assert one.scores == pytest.approx(other.scores, abs=tolerance)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=tolerance * 64)
        np.testing.assert_allclose(one.box_scores, other.box_scores, atol=tolerance)


def test_both_runtimes_give_the_same_boxes_and_scores(settings, batch):
    litert, tensorflow = only(settings), only(settings, runtime="tensorflow")
    assert (litert.runtime_name, tensorflow.runtime_name) == ("litert", "tensorflow")
    found = litert.detect(batch, 0.05)
    assert all(len(one.boxes) > 3 for one in found)
    assert_same(found, tensorflow.detect(batch, 0.05), 1e-3)


def test_a_batch_answers_as_its_films_do_alone(settings, batch):
    for runtime in ("litert", "tensorflow"):
        detector = only(settings, runtime=runtime)
        alone = [detector.detect(film[None], 0.05)[0] for film in batch]
        assert_same(detector.detect(batch, 0.05), alone, 1e-5)


def test_many_threads_get_what_one_gets(settings, batch):
    for runtime in ("litert", "tensorflow"):
        detector = only(settings, runtime=runtime)
        expected = [detector.detect(film[None], 0.05) for film in batch]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(detector.detect, [film[None] for film in batch] * 12))
        for answer, alone in zip(answers, expected * 12, strict=True):
            assert_same(answer, alone, 1e-5)


def test_tensorflow_stays_out_while_litert_serves(settings):
    """A ward's laptop must not pay seconds and 700 MB for a runtime that it does not use."""
    code = (
        "import sys; from cxr_core.detect import load_detectors; from cxr_core.settings import Settings;"
        "from pathlib import Path; load_detectors(Settings(models_dir=Path(sys.argv[1]), runtime='litert'));"
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.models_dir)], capture_output=True, check=False, env=dict(os.environ)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def _with_int8(settings, tmp_path):
    """The tiny model's folder with its LiteRT file as its own 8-bit one, and settings that see it."""
    folder = tmp_path / "models" / "tiny"
    shutil.copytree(settings.models_dir / "tiny", folder)
    card = load_card(folder)
    replace(card, files={**card.files, "litert_int8": card.files["litert"]}).save(folder)
    return replace(settings, models_dir=folder.parent, runtime="auto")


def test_a_file_in_8_bits_serves_unless_single_precision_is_asked_for(settings, tmp_path, batch):
    auto = _with_int8(settings, tmp_path)
    assert only(auto).runtime_name == "litert_int8"
    assert only(auto, runtime="litert").runtime_name == "litert"
    assert only(auto, runtime="tensorflow").runtime_name == "tensorflow"
    assert runs_on(only(auto).card, auto) == "LiteRT in 8 bits on CPU, 1 thread"
    assert_same(only(auto).detect(batch), only(auto, runtime="litert").detect(batch), 0)


def test_a_core_that_runs_two_threads_counts_once(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(Path, "read_text", lambda self, **_: {"0": "0,2", "2": "0,2"}.get(self.parts[5][3:], "1,3"))
    assert physical_cores() == 2


def test_threads_are_those_of_the_machine_but_no_more_than_help(settings, monkeypatch):
    monkeypatch.setattr(runtimes, "physical_cores", lambda: 64)
    assert runtimes.threads(replace(settings, threads=0)) == runtimes.MOST_THREADS
    assert runtimes.threads(replace(settings, threads=12)) == 12
