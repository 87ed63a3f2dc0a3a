"""The command line of the gate's training: fit, export, evaluate. See docs/training.md."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: it greets every start

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from cxr_core.errors import CxrError
from training.gate.recipe import RECIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 if it succeeded, 2 with one line on stderr if it cannot."""
    parser = argparse.ArgumentParser(prog="python -m training.gate", description=__doc__)
    parser.add_argument("command", choices=("fit", "export", "evaluate"))
    parser.add_argument("--data", type=Path, help="data folder, as docs/training.md describes (fit, evaluate)")
    parser.add_argument("--run", type=Path, default=Path("runs/gate"), help="run folder")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where model folders stand")
    parser.add_argument("--pictures", type=Path, help="folders of other pictures to measure on, one folder a kind")
    options = parser.parse_args(arguments)
    if options.command != "export" and options.data is None:
        parser.error(f"{options.command} needs --data")
    cv2.setNumThreads(1)
    try:
        _run(options)
    except CxrError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    """Imports the command's modules only now: TensorFlow takes seconds to start."""
    if options.command == "fit":
        from training.gate import fit  # noqa: PLC0415

        fit.fit(RECIPE, options.data, options.run)
    elif options.command == "export":
        from training.gate import export  # noqa: PLC0415

        export.export(RECIPE, options.run, options.models)
    else:
        from training.gate import films, measure  # noqa: PLC0415

        library = films.library(options.data, options.run.parent / "cache")
        split, folder = measure.material(library), options.models / RECIPE.name
        measure.choose(library, split.choose, folder)
        measure.measure(library, split, folder, options.pictures)


if __name__ == "__main__":
    sys.exit(main())
