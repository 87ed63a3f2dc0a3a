"""``pointing``: do the maps that the app draws point where radiologists drew."""

from __future__ import annotations

import argparse

from training import recipe as recipes
from training.commands import data, recipe_and_run, run_of
from training.errors import RecipeError
from training.recipe import Recipe

MEANING = "measure whether a detector's maps point where radiologists drew, and print it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, on which data."""
    recipe_and_run(parser)
    data(parser)


def run(options: argparse.Namespace) -> None:
    """Measures and prints."""
    recipe = recipes.load(options.recipe)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{recipe.name} has no boxes: there is nothing that its maps could point at")
    from training import pointing  # noqa: PLC0415  (TensorFlow takes seconds to start)

    print(pointing.told(pointing.measure(recipe, run_of(options), options.data)))
