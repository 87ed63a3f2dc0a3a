"""``ship``: from finished runs to model folders with their figures, and the figures into the texts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from training import recipe as recipes
from training.commands import data, models
from training.errors import RunError
from training.recipe import Recipe

MEANING = "export and evaluate both detectors from RUNS/covid_* and RUNS/nih_*, then write the figures into the texts"
PREFIXES = {"covid_ssd": "covid", "nih_ssd": "nih"}
FOLDS = range(5)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where the runs are and where the models go."""
    parser.add_argument("--only", choices=tuple(PREFIXES), help="one of the two; both unless said")
    data(parser)
    models(parser)
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        help="folder of PREFIX_all, and of PREFIX_f0 to PREFIX_f4, the sisters",
    )
    parser.add_argument("--root", type=Path, default=Path(), help="where README.md stands")


def run(options: argparse.Namespace) -> None:
    """One after the other; answers of networks that were already asked are taken from disk."""
    from training import evaluate, export, readme  # noqa: PLC0415

    for name in [options.only] if options.only else PREFIXES:
        recipe, prefix = cast(Recipe, recipes.load(name)), PREFIXES[name]
        shipped, control = options.runs / f"{prefix}_all", options.runs / f"{prefix}_blacked"
        sisters = _sisters(options.runs, prefix)
        export.export(recipe, shipped, options.models)
        blacked = control if _finished(control) else None
        evaluate.evaluate(recipe, shipped, options.data, options.models, sisters=sisters, blacked=blacked)
    for path in readme.refresh(options.models, options.root):
        print(f"{path} has new figures")


def _sisters(folder: Path, prefix: str) -> list[Path]:
    """The finished runs of the folds, RunError if there are none; one that is missing is said."""
    found = [folder / f"{prefix}_f{fold}" for fold in FOLDS]
    missing = [run.name for run in found if not _finished(run)]
    if len(missing) == len(found):
        raise RunError(f"none of {', '.join(missing)} is finished: without them there is no honest figure")
    if missing:
        print(f"not finished, so their folds are not measured: {', '.join(missing)}")
    return [run for run in found if run.name not in missing]


def _finished(run: Path) -> bool:
    from training import runs  # noqa: PLC0415

    return (run / runs.WEIGHTS).is_file()
