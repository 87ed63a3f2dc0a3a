"""``fit``: train a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from training import kinds
from training import recipe as recipes
from training.commands import data, recipe_and_run, run_of
from training.errors import RecipeError

MEANING = "train a recipe, or go on with a run that was stopped"


def arguments(parser: argparse.ArgumentParser) -> None:
    """How long, from where, and without which fold."""
    recipe_and_run(parser)
    data(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", "--num-train-steps", dest="steps", type=int, help="train this many steps")
    length.add_argument("--minutes", type=float, help="train as many steps as fit; default: the recipe's")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--start", type=Path, help="finished run to start from instead of ImageNet's weights")
    origin.add_argument("--trunk", type=Path, help="finished run, of any recipe, whose trunk alone to start from")
    parser.add_argument("--feedback", type=Path, metavar="REVIEWS", help="reviews.jsonl: learn from reviewed films too")
    parser.add_argument("--films", type=Path, help="folder of the reviewed films; default: that of the reviews")
    parser.add_argument("--fold", type=int, default=4, choices=range(-1, 5), help="fold held out; -1: none")


def run(options: argparse.Namespace) -> None:
    """Trains."""
    from training.feedback import Feedback  # noqa: PLC0415
    from training.fit import Plan  # noqa: PLC0415

    held_out = None if options.fold < 0 else options.fold
    feedback = Feedback(options.feedback, options.films) if options.feedback else None
    plan = Plan(options.steps, options.minutes, held_out, True, options.start, options.trunk, feedback)
    recipe = recipes.load(options.recipe)
    if feedback and not isinstance(recipe, recipes.Recipe):
        raise RecipeError(f"{recipe.name} learns of no boxes and no reviews; choose a detector")
    kinds.function(recipe, "fit")(recipe, options.data, run_of(options), plan)
