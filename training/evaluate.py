"""Measures finished runs on folds they were not trained on, and writes the model's card for programs and for people.

In: a recipe, the run that the card is of, its sister runs, a data folder, the models folder. Out: card.json and card.md
in models/<name>/. With sisters, one a fold, every film is judged by the network that never saw its fold; the run of the
card may then have learnt from all films. Without, the run is measured on the fold it held out, and calibration,
operating points and box thresholds come from that fold too; what that flatters is said in the card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxr_core.card import LabelCard
from training import measure_covid, measure_nih, patients, report, runs, sources
from training.data import Example
from training.errors import RecipeError, RunError
from training.export import card_for
from training.judges import Judge, Judges, court
from training.measured import Measured
from training.recipe import Recipe

EVALUATIONS: Mapping[str, Callable[[Judges, Sequence[Example], Sequence[int]], Measured]] = {
    "nih": measure_nih.measure,
    "covid": measure_covid.measure,
}


def evaluate(  # noqa: PLR0913 one keyword an option of the command
    recipe: Recipe, run: Path, data: Path, models: Path, *, sisters: Sequence[Path] = (), blacked: Path | None = None
) -> Path:
    """Writes the cards; returns card.json's path.

    ``sisters``: runs that held out one fold each; without them the run's own fold. ``blacked``: a control trained with
    the lungs blacked out, whose figure stands on covid_ssd's card.
    """
    if recipe.evaluation not in EVALUATIONS:
        raise RecipeError(f"{recipe.name} is a control: give its run to the evaluation of another recipe")
    config = runs.read_config(run)
    folder = models / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    card = card_for(recipe, folder, run)
    judges = court(sisters or [run], card.decoding, recipe.name)
    if config["held_out_fold"] is None:
        judges.beside["shipped"] = Judge(run, card.decoding)
    if blacked is not None:
        judges.beside["blacked"] = _control(blacked, card.decoding)
    examples = sources.examples_of(recipe, data)
    for judge in sisters or [run]:
        held = runs.read_config(judge)["held_out_fold"]
        patients.refuse_seen(judge, [item for item in examples if item.fold == held])
    measured = EVALUATIONS[recipe.evaluation](judges, examples, judges.folds)
    card = replace(
        card,
        labels=tuple(labelled(label, measured) for label in card.labels),
        metrics={**measured.metrics},
        curves={**measured.curves},
        limits=recipe.limits,
        data={
            **recipe.data,
            **_partitions(examples, run, judges.folds),
            "training": training_text(run, config),
            **({"training_of_the_sisters": _sisters(sisters)} if sisters else {}),
        },
    )
    (folder / report.CARD).write_text(report.card_text(card))
    return card.save(folder)


def _control(run: Path, decoding: Any) -> Judge:
    judge = Judge(run, decoding)
    if judge.fold is None or not runs.read_config(run)["recipe"].get("black"):
        raise RunError(f"{run.name} is no control: fit covid_ssd_blacked with a fold held out")
    return judge


def labelled(label: LabelCard, measured: Measured) -> LabelCard:
    """The card's label with what was measured of it."""
    box = measured.box_thresholds.get(label.name, label.box_threshold)
    found = measured.calibrated.get(label.name)
    if found is None:
        return replace(label, box_threshold=box)
    return replace(label, box_threshold=box, calibration=found.platt, operating_points=found.points)


def _partitions(examples: Sequence[Example], run: Path, folds: Sequence[int]) -> dict[str, Any]:
    """Who learnt from what, and on what it was measured."""
    own = runs.read_config(run)["held_out_fold"]
    train = [item for item in examples if item.stratum and item.fold != own]
    held = [item for item in examples if item.stratum and item.fold in folds]
    outside = [item for item in examples if not item.stratum]
    parts = {"trained_on": train, "measured_on": held, "outside_only_measured": outside}
    found = {name: _count(items) for name, items in parts.items() if items}
    return found | {"split": _split(own, folds)}


def _count(items: Sequence[Example]) -> str:
    return f"{len(items)} films of {len({item.group for item in items})} groups (patients and their copies)"


def _split(own: int | None, folds: Sequence[int]) -> str:
    """What the figures are of."""
    if folds == (own,):
        return (
            f"by patient and copy; fold {own} of five held out, the others trained on. Calibration, operating points "
            "and box thresholds were chosen on the fold the figures come from, so expect somewhat worse elsewhere; the "
            "calibration error is cross-fitted inside it"
        )
    names = ", ".join(str(fold) for fold in folds)
    learnt = "all folds" if own is None else f"all folds but {own}"
    return (
        f"by patient and copy, into five folds. The figures are of {len(folds)} sister networks, each on the fold it "
        f"never saw (folds {names}); the shipped one learnt from {learnt}, and what its own steps and films add is "
        "not measured. AUC and precision are the mean of the sisters; hits, accuracy, sensitivity and specificity "
        "count all their films. Calibration, operating points and box thresholds are fitted on the sisters' scores "
        "together; what is said of them is measured with each fold judged by what the other folds' networks chose"
    )


def _sisters(folders: Sequence[Path]) -> str:
    """How long each of the networks was trained that the figures are of."""
    return "; ".join(
        f"fold {config['held_out_fold']} held out: {_length(folder, config)}"
        for folder, config in ((folder, runs.read_config(folder)) for folder in folders)
    )


def _length(run: Path, config: Mapping[str, Any]) -> str:
    stored = runs.load_checkpoint(run)
    before = ", ".join(config.get("history", ["ImageNet"]))
    return f"from {before}: {stored[1].step} steps, {stored[1].seconds / 60:.0f} minutes on a CPU" if stored else before


def training_text(run: Path, config: Mapping[str, Any]) -> str:
    """How a run was trained, from its configuration."""
    versions = ", ".join(f"{name} {version}" for name, version in config["versions"].items())
    digest = config["data_sha256"][:16]
    return f"{_length(run, config)}; seed {config['seed']}; data sha256 {digest}; {versions}"
