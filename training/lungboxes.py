"""Lung boxes for films that come without boxes, drawn by a detector that learnt them elsewhere.

In: examples, a detector with a class that frames the lungs. Out: one Area a film. They are a machine's boxes: they
stand in for the lung region that a person would draw, and whoever trains on them must say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from cxr_core.card import ModelCard
from cxr_core.detect import Detection, Detector, load_detector
from cxr_core.prepare import letterbox
from cxr_core.settings import Settings
from training.cache import grey
from training.covid import NEGATIVE
from training.data import Area, Example, area
from training.errors import RecipeError

_BATCH = 8


def shipped() -> Detector:
    """The detector that learnt SIIM's lung boxes."""
    settings = Settings(runtime="litert")
    return load_detector(settings.models_dir / "covid_ssd", settings)


def frame(examples: Sequence[Example], label: str, detector: Detector) -> Iterator[Area]:
    """The best lung box of each film, in order, as a box of class ``label``."""
    for start in tqdm(range(0, len(examples), _BATCH), f"lung boxes, {label}", unit="batch", mininterval=5):
        part = examples[start : start + _BATCH]
        greys = [grey(example.encoded(), example.name) for example in part]
        prepared = [letterbox(film.astype(np.uint16) * np.uint16(257), detector.card.input) for film in greys]
        found = detector.detect(np.stack([pixels for pixels, _ in prepared]), floor=0.0)
        for example, film, (_, placement), said in zip(part, greys, prepared, found, strict=True):
            height, width = film.shape
            x1, y1, x2, y2 = placement.to_image([_lungs(said, detector.card)])[0]
            yield area(example.name, label, (x1 / width, y1 / height, x2 / width, y2 / height))


def _lungs(said: Detection, card: ModelCard) -> tuple[float, float, float, float]:
    box = next((region.box for region in said.anatomy if region.name == NEGATIVE), None)
    if box is None:
        raise RecipeError(f"{card.name} frames no lungs; it needs a class {NEGATIVE}")
    return box
