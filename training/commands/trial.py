"""``test``: a detection test over a folder of films."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.errors import RecipeError

MEANING = "run a model over up to 1,000 films of a folder: annotated pictures and a summary"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, which films, whereto."""
    parser.add_argument("model", help="a model folder, or the name of one in --models")
    parser.add_argument("--images", type=Path, required=True, help="folder of films; its truths are used")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures/ and the summary")
    parser.add_argument("--most", type=int, default=1000, metavar="N", help="films at most (default: 1000)")
    parser.add_argument("--fold", type=int, choices=range(5), help="only films of this fold, where folds are known")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where model folders stand")


def run(options: argparse.Namespace) -> None:
    """Tests."""
    from cxr_core.detect import load_detector  # noqa: PLC0415
    from cxr_core.settings import Settings  # noqa: PLC0415
    from training.trial.films import items, system_of  # noqa: PLC0415
    from training.trial.run import Trial  # noqa: PLC0415

    folder = next((path for path in (Path(options.model), options.models / options.model) if path.is_dir()), None)
    if folder is None:
        raise RecipeError(f"no model folder {options.model}, and none of that name in {options.models}")
    settings = Settings.from_environment()
    detector = load_detector(folder, settings)
    system = system_of(detector.card)
    found = items(options.images, system, options.most, options.fold, settings)
    Trial(detector, system, options.out, settings).run(found)
    print((options.out / "summary.md").read_text(encoding="utf-8"))
