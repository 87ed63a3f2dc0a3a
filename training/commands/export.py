"""``export``: write the model folder of a run."""

from __future__ import annotations

import argparse

from training import kinds
from training import recipe as recipes
from training.commands import models, recipe_and_run, run_of

MEANING = "write the model folder: SavedModel, LiteRT file, label map"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, into which model folder."""
    recipe_and_run(parser)
    models(parser)


def run(options: argparse.Namespace) -> None:
    """Exports."""
    recipe = recipes.load(options.recipe)
    kinds.function(recipe, "export")(recipe, run_of(options), options.models)
