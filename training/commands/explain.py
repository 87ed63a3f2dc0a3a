"""``explain``: Grad-CAM pictures of a classifier."""

from __future__ import annotations

import argparse
from pathlib import Path

from training import recipe as recipes
from training.classifier import Classifier
from training.commands import recipe_and_run, run_of
from training.errors import RecipeError

MEANING = "write Grad-CAM pictures of a classifier's run, to look at where a class's score comes from"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, which pictures, which class, where to."""
    recipe_and_run(parser)
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="pictures, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures written")
    parser.add_argument("--label", help="class of the label map; default: the recipe's last")


def run(options: argparse.Namespace) -> None:
    """Explains."""
    recipe = recipes.load(options.recipe)
    if not isinstance(recipe, Classifier):
        raise RecipeError(f"{recipe.name} is a detector: the app draws where its scores come from")
    from training import gradcam  # noqa: PLC0415

    label = options.label or recipe.labels[-1].name
    written = gradcam.explain(recipe, run_of(options), options.images, label, options.out)
    print(f"{len(written)} pictures of {label} in {options.out}")
