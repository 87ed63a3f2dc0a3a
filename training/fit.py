"""Trains a recipe: checks the data, reads the films once, steps, checkpoints, and leaves averaged weights.

In: a recipe, a data folder, a run folder. Out: the run folder filled (runs.py). A killed run started again with the
same command goes on from its last checkpoint: at most a minute back, and never more than one epoch.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
from tqdm import tqdm

from training import data, imagenet, network, patients, runs, sources, trunk
from training.batches import Batches, Steps, priors
from training.cache import films
from training.data import Example
from training.errors import Diverged, RunError
from training.feedback import Feedback
from training.learner import Learner, Trainee
from training.recipe import Recipe, System
from training.runs import Progress

_EVERY_SECONDS = 60.0
_TIMED_STEPS = 12
_UNTIMED_STEPS = 4  # the first steps trace and compile


@dataclass(frozen=True, slots=True)
class Plan:
    """How long: ``steps`` if given, else as many as ``minutes`` allow on this machine.

    ``start``: a finished run whose averaged weights to start from, with rates that rise and fall anew. ``trunk``: a
    finished run of any recipe whose trunk to start from. Else ImageNet. ``feedback``: reviewed films to learn from too.
    """

    steps: int | None = None
    minutes: float | None = None
    held_out: int | None = data.VALIDATION
    pretrained: bool = True
    start: Path | None = None
    trunk: Path | None = None
    feedback: Feedback | None = None

    @property
    def origin(self) -> Path | None:
        """The run whose weights, or whose trunk's, it begins with."""
        return self.start or self.trunk


def fit(recipe: Recipe, folder: Path, run: Path, plan: Plan) -> Path:
    """Trains, or goes on training; returns the run folder."""
    cv2.setNumThreads(1)
    found = sources.material(recipe, folder, plan.feedback)
    recipe, used = found.recipe, [item for item in found.examples if item.stratum]
    rows = training_rows(used, plan.held_out)
    data.check([used[row] for row in rows], recipe.box_classes, recipe.targets, recipe.strata)
    for note in found.notes:
        print(f"note: {note}")
    patients.refuse_seen(plan.origin, held_out(found.examples, plan))
    cached = films(used, recipe.cache_size, run.parent / "cache")
    examples = cached.placed(used)
    shape = runs.shape_of(recipe, priors(recipe, examples, rows))
    config = runs.describe(recipe, shape, cached.digest, plan.held_out, history(plan)) | found.facts()
    claim(run, config)
    patients.write(run, [used[row] for row in rows], plan.origin)
    keras.utils.set_random_seed(recipe.seed)
    learner = _learner(recipe, shape, plan)
    Loop(learner, Batches(recipe, examples, cached.pixels, rows), recipe, run, plan).run()
    learner.use_average()
    runs.save_weights(run, learner.network)
    return run


def training_rows(examples: Sequence[Example], held_out: int | None) -> list[int]:
    """Rows that may be trained on: of a stratum, and not of the fold held out."""
    return [row for row, item in enumerate(examples) if item.stratum and item.fold != held_out]


def held_out(examples: Sequence[Example], plan: Plan) -> list[Example]:
    """The films of the fold held out, if there is one."""
    return [item for item in examples if plan.held_out is not None and item.fold == plan.held_out]


def claim(run: Path, config: dict[str, object]) -> None:
    """A run folder belongs to one configuration: mixing two would make figures nobody could trace."""
    if (run / runs.CONFIG).is_file():
        before = runs.read_config(run)
        for key in ("shape", "held_out_fold", "data_sha256", "seed", "annotations_sha256", "history"):
            if key in before and _plain(before[key]) != _plain(config[key]):
                raise RunError(f"{run.name} was started with another {key}; choose another --run or delete it")
    runs.write_config(run, config)


def _plain(value: object) -> str:
    """Tuples and lists alike, as JSON makes them."""
    return str(value).replace("(", "[").replace(")", "]")


def history(plan: Plan) -> list[str]:
    """What a run was built on."""
    origin = plan.origin
    if origin is None:
        return ["ImageNet"] if plan.pretrained else []
    before = runs.read_config(origin)
    steps = f"{runs.steps_of(origin)} steps of {before['recipe']['name']}"
    return [*before.get("history", ["ImageNet"]), steps if plan.start else f"trunk of {steps}"]


def _learner(recipe: Recipe, shape: network.Shape, plan: Plan) -> Learner:
    model = network.build(shape)
    if plan.start:
        runs.load_weights(plan.start, model)
    elif plan.trunk:
        runs.load_trunk(plan.trunk, model)
    elif plan.pretrained:
        trunk.load_imagenet(model, imagenet.lite0_state())
    trunk.freeze(model, recipe.frozen_blocks)
    return Learner(model, recipe, shape)


class Loop:
    """Steps from the checkpoint to the plan's end."""

    def __init__(self, learner: Trainee, batches: Steps, recipe: System, run: Path, plan: Plan) -> None:
        self.learner, self.batches, self.recipe, self.folder, self.plan = learner, batches, recipe, run, plan
        stored = runs.load_checkpoint(run)
        self.progress = Progress(0, plan.steps or 0, 0.0)
        if stored:
            learner.restore(stored[0])
            self.progress = stored[1]
            if plan.steps and plan.steps != self.progress.total:
                raise RunError(f"{run.name} was planned for {self.progress.total} steps, not {plan.steps}")

    def run(self) -> None:
        """To the end; a run without a known length is timed first."""
        if not self.progress.total:
            self._time()
        self._steps(self.progress.total)

    def _time(self) -> None:
        """The first steps are warm-up anyway: they tell how many fit into the minutes."""
        minutes = self.plan.minutes or self.recipe.minutes
        self.progress = Progress(0, 10**9, 0.0)
        self._steps(_UNTIMED_STEPS, save=False)
        started = time.monotonic()
        self._steps(_UNTIMED_STEPS + _TIMED_STEPS, save=False)
        each = (time.monotonic() - started) / _TIMED_STEPS
        total = max(self.progress.step + 1, int(minutes * 60 / each))
        self.progress = Progress(self.progress.step, total, self.progress.seconds)
        self._save()

    def _steps(self, last: int, save: bool = True) -> None:
        first, saved = self.progress.step, time.monotonic()
        bar = tqdm(total=last, initial=first, desc=self.recipe.name, unit="step", mininterval=5, disable=not save)
        with bar, (self.folder / runs.LOG).open("a", newline="") as stream:
            log = csv.writer(stream)
            if not stream.tell():
                log.writerow(["step", *self.learner.logged])
            for step, batch in zip(range(first, last), self.batches.ahead(first, last), strict=True):
                started = time.monotonic()
                terms = self.learner.step(batch, rate(self.recipe, step, self.progress.total))
                if not math.isfinite(terms["loss"]):
                    raise Diverged(
                        f"the loss is not a number at step {step}; the last checkpoint is good: lower the rates"
                    )
                seconds = self.progress.seconds + time.monotonic() - started
                self.progress = Progress(step + 1, self.progress.total, seconds)
                log.writerow([step, *(f"{value:.4f}" for value in terms.values())])
                bar.update()
                bar.set_postfix(loss=f"{terms['loss']:.3f}", refresh=False)
                due = step + 1 == last or (step + 1) % self.batches.epoch == 0
                if save and (due or time.monotonic() - saved > _EVERY_SECONDS):
                    self._save()
                    stream.flush()
                    saved = time.monotonic()

    def _save(self) -> None:
        runs.save_checkpoint(self.folder, self.learner.state(), self.progress)


def rate(recipe: System, step: int, total: int) -> float:
    """Trunk learning rate: a linear warm-up, then half a cosine to a fiftieth; or the same all along."""
    if recipe.steady:
        return recipe.trunk_rate
    if step < recipe.warm_up:
        return recipe.trunk_rate * (step + 1) / recipe.warm_up
    share = (step - recipe.warm_up) / max(1, total - recipe.warm_up)
    return recipe.trunk_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))
