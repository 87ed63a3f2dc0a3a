"""A training run that is killed goes on from its last epoch: from Pascal VOC XML, with a reviewed film beside it."""

import csv
import hashlib
import signal
import subprocess
import sys
from pathlib import Path

from cxr_core.records import COVID
from tests.training.folders import small
from tests.training.foreign import png, review, write_voc
from training import fit, runs, sources
from training.feedback import Feedback

CHILD = """
import sys, time
from pathlib import Path
from tests.training.folders import small
from training import fit
from training.feedback import Feedback
from training.learner import Learner

folder, run, reviews, stop, steps = (*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:]))
fit._EVERY_SECONDS = float("inf")  # the epoch alone makes it save
step, done = Learner.step, []

def stalled(self, *arguments):
    if len(done) == stop:
        print("in the middle", flush=True)
        time.sleep(600)
    done.append(1)
    return step(self, *arguments)

Learner.step = stalled
fit.fit(small("covid_ssd"), folder, run, fit.Plan(steps=steps, pretrained=False, feedback=Feedback(reviews)))
"""


def start_and_kill(*arguments):
    """Runs CHILD until it stands still between two checkpoints, and kills it there."""
    root = Path(fit.__file__).parent.parent
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        reached = any(line == "in the middle\n" for line in child.stdout)
        child.kill()
    assert reached
    assert child.returncode == -signal.SIGKILL


def test_a_killed_run_goes_on_from_its_last_epoch(tmp_path):
    folder, run, reviews = write_voc(tmp_path / "films"), tmp_path / "run", tmp_path / "reviews.jsonl"
    (tmp_path / "a.png").write_bytes(png(9))
    reviews.write_text(review("a.png", png(9), [{"label": COVID, "status": "added", "box": [1, 1, 40, 60]}]))
    recipe, feedback = small("covid_ssd"), Feedback(reviews)
    films = sources.material(recipe, folder, feedback).examples
    epoch = -(-len(fit.training_rows(films, 4)) // recipe.batch)
    steps = 2 * epoch + 1
    start_and_kill(folder, run, reviews, 2 * epoch - 1, steps)
    _, progress = runs.load_checkpoint(run)
    assert progress.step == epoch
    assert not (run / runs.WEIGHTS).exists()

    fit.fit(recipe, folder, run, fit.Plan(steps=steps, pretrained=False, feedback=feedback))
    assert (run / runs.WEIGHTS).is_file()
    assert [int(row["step"]) for row in csv.DictReader((run / runs.LOG).read_text().splitlines())] == list(range(steps))
    config = runs.read_config(run)
    assert config["layout"] == "Pascal VOC XML"
    assert config["feedback"] == {"file": "reviews.jsonl", "sha256": hashlib.sha256(reviews.read_bytes()).hexdigest()}
    assert any("folds are derived" in note for note in config["notes"])
