"""``readme``: write the cards' figures into README.md and docs/training.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands import models

MEANING = "write the cards' figures into the tables of README.md and docs/training.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which cards, and where the texts stand."""
    models(parser)
    parser.add_argument("--root", type=Path, default=Path(), help="where README.md stands")


def run(options: argparse.Namespace) -> None:
    """Rewrites."""
    from training import readme  # noqa: PLC0415

    for path in readme.refresh(options.models, options.root):
        print(f"{path} has new figures")
