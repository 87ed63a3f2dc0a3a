"""``quantise``: a detector's LiteRT file in 8 bits, kept if it loses nothing."""

from __future__ import annotations

import argparse
from typing import cast

from training import recipe as recipes
from training.commands import data, models
from training.recipe import Recipe

MEANING = "make a shipped detector's LiteRT file in 8 bits; kept if it loses at most 0.002 AUC and 0.005 mAP"
DETECTORS = ("covid_ssd", "nih_ssd")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which detector, measured on which films."""
    parser.add_argument("recipe", choices=DETECTORS)
    data(parser)
    models(parser)


def run(options: argparse.Namespace) -> None:
    """Makes, measures, keeps."""
    from training import quantise  # noqa: PLC0415

    recipe = cast(Recipe, recipes.load(options.recipe))
    for name, loss in quantise.quantise(recipe, options.data, options.models).items():
        figure = loss.difference
        print(
            f"{options.recipe} {name}: {loss.first:.4f} in single precision, {loss.second:.4f} in 8 bits, "
            f"difference {figure.value:+.4f} ({figure.low:+.4f} to {figure.high:+.4f}), n {figure.n}"
        )
