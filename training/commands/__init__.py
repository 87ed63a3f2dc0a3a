"""The commands of ``python -m training``, one module each.

A module holds MEANING, ``arguments(parser)`` and ``run(options)``. It imports TensorFlow only inside ``run``, because
that takes seconds and ``--help`` needs none of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training import recipe as recipes


def recipe_and_run(parser: argparse.ArgumentParser) -> None:
    """RECIPE and --run, as every command on a run has them."""
    parser.add_argument("recipe", choices=recipes.names())
    parser.add_argument("--run", type=Path, help="run folder; default runs/RECIPE")


def data(parser: argparse.ArgumentParser, also: str = "") -> None:
    """--data."""
    parser.add_argument("--data", type=Path, required=True, help=f"data folder, as docs/training.md describes{also}")


def models(parser: argparse.ArgumentParser) -> None:
    """--models."""
    parser.add_argument("--models", type=Path, default=Path("models"), help="where model folders stand")


def run_of(options: argparse.Namespace) -> Path:
    """The run folder meant."""
    return options.run or Path("runs") / str(options.recipe)
