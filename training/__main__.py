"""The command line of training: fit, evaluate, export. See docs/training.md."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: it greets every start

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cxr_core.errors import CxrError
from training import recipe as recipes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in (
        ("fit", "train a recipe, or go on with a run that was stopped"),
        ("evaluate", "measure a finished run on the fold held out and write card.json and card.md"),
        ("export", "write the model folder: SavedModel, LiteRT file, label map"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.add_argument("recipe", choices=recipes.names())
        command.add_argument("--run", type=Path, help="run folder; default runs/RECIPE")
        if name != "export":
            command.add_argument("--data", type=Path, required=True, help="data folder, as docs/training.md describes")
        if name != "fit":
            command.add_argument("--models", type=Path, default=Path("models"), help="where model folders stand")
        if name == "fit":
            length = command.add_mutually_exclusive_group()
            length.add_argument("--steps", type=int, help="train this many steps")
            length.add_argument("--minutes", type=float, help="train as many steps as fit; default: the recipe's")
            command.add_argument("--start", type=Path, help="finished run to start from instead of ImageNet's weights")
            command.add_argument("--fold", type=int, default=4, choices=range(-1, 5), help="fold held out; -1: none")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 if it succeeded, 2 with one line on stderr if it cannot."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except CxrError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    """Imports the command's module only now: TensorFlow takes seconds to start."""
    recipe = recipes.load(options.recipe)
    run = options.run or Path("runs") / recipe.name
    if options.command == "fit":
        from training import fit  # noqa: PLC0415

        held_out = None if options.fold < 0 else options.fold
        fit.fit(recipe, options.data, run, fit.Plan(options.steps, options.minutes, held_out, start=options.start))
    elif options.command == "export":
        from training import export  # noqa: PLC0415

        export.export(recipe, run, options.models)
    else:
        from training import evaluate  # noqa: PLC0415

        evaluate.evaluate(recipe, run, options.data, options.models)


if __name__ == "__main__":
    sys.exit(main())
