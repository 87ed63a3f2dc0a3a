"""``evaluate``: measure runs and write the card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training import kinds
from training import recipe as recipes
from training.commands import data, models, recipe_and_run, run_of

MEANING = "measure finished runs on the folds they held out and write card.json and card.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, on which data, into which model folder."""
    recipe_and_run(parser)
    data(parser)
    models(parser)
    parser.add_argument(
        "--runs", type=Path, nargs="+", default=[], help="runs that held out one fold each; --run is what is shipped"
    )
    parser.add_argument("--blacked", type=Path, help="run of covid_ssd_blacked, the control, to tell on the card")


def run(options: argparse.Namespace) -> None:
    """Measures."""
    recipe = recipes.load(options.recipe)
    more: dict[str, Any] = {"sisters": options.runs, "blacked": options.blacked}
    given = {name: value for name, value in more.items() if value}
    kinds.function(recipe, "evaluate")(recipe, run_of(options), options.data, options.models, **given)
