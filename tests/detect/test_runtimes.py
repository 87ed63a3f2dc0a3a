"""Both runtimes on real, tiny networks."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from cxr_core.detect import load_detectors


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
