"""Measures a classifier on the fold it was not trained on, and writes its card for programs and for people.

In: a Classifier, its run, a data folder, the models folder. Out: card.json and card.md in models/<name>/. What is
measured are the rounded weights that are exported, through the core's own letterboxing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from cxr_core.card import Decoding, InputSpec
from cxr_core.prepare import letterbox
from training import measure_classifier, report, runs
from training.classifier import Classifier
from training.classifier_export import shipped
from training.classifier_fit import read_films
from training.data import EXTERNAL, Example
from training.errors import RecipeError, RunError
from training.evaluate import labelled, training_text
from training.export import card_for
from training.judges import NOTHING, Judge
from training.measure_classifier import Look
from training.measured import Measured
from training.predict import Answers, Edit, film

_BATCH = 16

EVALUATIONS: Mapping[str, Callable[[Look, Sequence[Example], frozenset[str], int], Measured]] = {
    "two": measure_classifier.measure_two,
    "four": measure_classifier.measure_four,
}


class ClassifierPredictor:
    """A finished run, ready to look at films."""

    def __init__(self, run: Path, decoding: Decoding) -> None:
        del decoding  # there are no boxes to decode
        self._model = shipped(run)
        height, width = self._model.input_shape[1:3]
        self._spec = InputSpec(height, width)

    def look(self, examples: Sequence[Example], what: str, edit: Edit | None = None) -> Answers:
        """Raw image scores of the films in order, and no boxes; ``edit`` changes a film's pixels before."""
        scores = []
        for start in tqdm(range(0, len(examples), _BATCH), what, unit="batch", mininterval=5):
            films = [film(example, edit) for example in examples[start : start + _BATCH]]
            prepared = np.stack([letterbox(pixels, self._spec)[0] for pixels in films])
            scores.append(np.asarray(self._model.predict_on_batch(prepared)["image_scores"], np.float64))
        return Answers(np.concatenate(scores), ()) if scores else NOTHING


def evaluate(recipe: Classifier, run: Path, data: Path, models: Path, **more: Any) -> Path:
    """Writes the cards; returns card.json's path. ``more`` is what detectors alone can do with several runs."""
    if more:
        raise RecipeError(f"{recipe.name} is measured on the one fold it held out; leave --runs and --blacked out")
    config = runs.read_config(run)
    fold = config["held_out_fold"]
    if fold is None:
        raise RunError(f"{run.name} was trained on every fold: there is nothing honest to measure it on")
    folder = models / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    card = card_for(recipe, folder, run)
    examples, films = recipe.read(data), read_films(run)
    check_apart(run, examples, films["train"], fold)
    judge = Judge(run, card.decoding, ClassifierPredictor)  # keeps its answers, so a stopped evaluation goes on

    def look(items: Sequence[Example], what: str) -> np.ndarray:
        return judge.look(items, what).image

    measured = EVALUATIONS[recipe.evaluation](look, examples, films["validation"], fold)
    card = replace(
        card,
        labels=tuple(labelled(label, measured) for label in card.labels),
        metrics={**measured.metrics},
        curves={**measured.curves},
        limits=recipe.limits,
        data={**recipe.data, **_partitions(examples, films, fold), "training": training_text(run, config)},
    )
    (folder / report.CARD).write_text(report.card_text(card))
    return card.save(folder)


def check_apart(run: Path, examples: Sequence[Example], trained: frozenset[str], fold: int) -> None:
    """No patient that taught may be measured: the tables may have changed since the run."""
    taught = {item.group for item in examples if item.name in trained}
    both = taught & {item.group for item in examples if item.fold == fold}
    if both or not taught:
        raise RunError(f"{run.name} was trained on other tables: {len(both)} groups of fold {fold} taught it")


def _partitions(examples: Sequence[Example], films: Mapping[str, frozenset[str]], fold: int) -> dict[str, Any]:
    parts = {
        "trained_on": [item for item in examples if item.name in films["train"]],
        "kept_for_validation": [item for item in examples if item.name in films["validation"]],
        "measured_on": [item for item in examples if item.stratum and item.fold == fold],
        "only_measured": [item for item in examples if not item.stratum and item.fold in (fold, EXTERNAL)],
    }
    return {
        name: f"{len(items)} films of {len({item.group for item in items})} groups (patients and their copies)"
        for name, items in parts.items()
        if items
    } | {"split": f"by patient and copy; fold {fold} of five held out, the films trained on are of the others"}
