"""``records``: write TFRecord files."""

from __future__ import annotations

import argparse
from pathlib import Path

from training import recipe as recipes
from training.commands import data
from training.data import EXTERNAL
from training.errors import RecipeError
from training.recipe import Recipe

MEANING = "write TFRecord files and label_map.pbtxt as the Object Detection API reads them"


def arguments(parser: argparse.ArgumentParser) -> None:
    """From where, whereto, in how many files."""
    parser.add_argument("recipe", choices=recipes.names(), help="whose classes the boxes have")
    data(parser, also=": Pascal VOC XML, NIH's box list, or the shared layout")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into; it must hold no records")
    parser.add_argument("--shards", type=int, default=1, choices=range(1, 1001), metavar="N", help="files a split")
    parser.add_argument("--fold", type=int, default=4, choices=range(5), help="fold that becomes val (default: 4)")


def run(options: argparse.Namespace) -> None:
    """Writes."""
    from training import sources  # noqa: PLC0415
    from training.records import write  # noqa: PLC0415

    recipe = recipes.load(options.recipe)
    if not isinstance(recipe, Recipe) or recipe.classes is None:
        raise RecipeError(f"{recipe.name} has no boxes to write; choose a detector")
    found = sources.material(recipe, options.data)
    # films of a fold without a stratum are those this recipe did not draw
    examples = [item for item in found.examples if item.stratum or item.fold == EXTERNAL]
    made = write.write(examples, recipe, options.out, options.fold, options.shards)
    print(f"{found.layout} -> {len(made)} files in {options.out}, first {made[0].name}")
    for note in found.notes:
        print(f"note: {note}")
    print(write.summary(examples, recipe, options.fold))
