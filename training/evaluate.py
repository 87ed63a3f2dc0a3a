"""Measures a finished run on the fold it was not trained on, and writes the model's card for programs and for people.

In: a recipe, its run, a data folder, the models folder. Out: card.json and card.md in models/<name>/. Calibration,
operating points and box thresholds come from the same fold as the figures; what that flatters is said in the card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxr_core.card import LabelCard
from training import measure_covid, measure_nih, report, runs
from training.data import Example
from training.errors import RunError
from training.export import card_for
from training.measured import Measured
from training.predict import Predictor
from training.recipe import Recipe

EVALUATIONS: Mapping[str, Callable[[Predictor, Sequence[Example], int], Measured]] = {
    "nih": measure_nih.measure,
    "covid": measure_covid.measure,
}


def evaluate(recipe: Recipe, run: Path, data: Path, models: Path) -> Path:
    """Writes the cards; returns card.json's path."""
    config = runs.read_config(run)
    if config["held_out_fold"] is None:
        raise RunError(f"{run.name} was trained on every fold: there is nothing honest to measure it on")
    folder = models / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    card = card_for(recipe, folder, run)
    examples = recipe.read(data)
    fold = int(config["held_out_fold"])
    measured = EVALUATIONS[recipe.evaluation](Predictor(run, card.decoding), examples, fold)
    card = replace(
        card,
        labels=tuple(_label(label, measured) for label in card.labels),
        metrics={**measured.metrics},
        curves={**measured.curves},
        limits=recipe.limits,
        data={**recipe.data, **_partitions(examples, fold), "training": _training(run, config)},
    )
    (folder / report.CARD).write_text(report.card_text(card))
    return card.save(folder)


def _label(label: LabelCard, measured: Measured) -> LabelCard:
    box = measured.box_thresholds.get(label.name, label.box_threshold)
    found = measured.calibrated.get(label.name)
    if found is None:
        return replace(label, box_threshold=box)
    return replace(label, box_threshold=box, calibration=found.platt, operating_points=found.points)


def _partitions(examples: Sequence[Example], fold: int) -> dict[str, Any]:
    train = [item for item in examples if item.stratum and item.fold != fold]
    held = [item for item in examples if item.stratum and item.fold == fold]
    outside = [item for item in examples if not item.stratum]
    parts = {"trained_on": train, "measured_on": held, "outside_only_measured": outside}
    return {
        name: f"{len(items)} films of {len({item.group for item in items})} groups (patients and their copies)"
        for name, items in parts.items()
        if items
    } | {"split": f"by patient and copy; fold {fold} of five held out, the others trained on"}


def _training(run: Path, config: Mapping[str, Any]) -> str:
    stored = runs.load_checkpoint(run)
    before = ", ".join(config.get("history", ["ImageNet"]))
    length = f"from {before}: {stored[1].step} steps, {stored[1].seconds / 60:.0f} minutes on a CPU; " if stored else ""
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    return f"{length}seed {config['seed']}; data sha256 {config['data_sha256'][:16]}; {versions}"
