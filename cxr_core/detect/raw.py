"""What every runtime must answer, and the checks that it does; knows no library that runs networks.

In: what a runtime says of a file's inputs and outputs. Out: RawOutput, or ModelInvalid with what was found and
expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cxr_core.card import ModelCard
from cxr_core.errors import ModelInvalid

IMAGE_SCORES = "image_scores"
RAW_BOXES = "raw_detection_boxes"
RAW_SCORES = "raw_detection_scores"
RAW_OUTPUTS = (IMAGE_SCORES, RAW_BOXES, RAW_SCORES)
API_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")

Floats = npt.NDArray[np.float32]
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RawOutput:
    """A network's answer to N images, class c at index c - 1 of the card's ids.

    ``image_scores`` (N, C) in [0, 1], uncalibrated; ``boxes`` (N, K, Q, 4) [ymin, xmin, ymax, xmax] as fractions of the
    model's input, Q = 1 or C; ``scores`` (N, K, C) in [0, 1]. All float32.
    """

    image_scores: Floats
    boxes: Floats
    scores: Floats


class Runtime(Protocol):
    """A loaded network. ``run`` may be called from many threads at once."""

    name: str

    def run(self, batch: Floats) -> RawOutput:
        """The answer to (N, h, w, c) float32 in the card's value range; N at least 1."""
        ...


def check_outputs(card: ModelCard, shapes: Mapping[str, Shape], alternative: str = "") -> None:
    """Raise ModelInvalid unless the raw outputs are there and fit the card's labels; None stands for any size.

    ``alternative`` is added to what was expected.
    """
    classes = len(card.labels)
    expected = f"{IMAGE_SCORES} (N, {classes}), {RAW_BOXES} (N, K, 1 or {classes}, 4), {RAW_SCORES} (N, K, {classes})"
    expected += alternative
    if not set(RAW_OUTPUTS) <= set(shapes) or not _fits(shapes, classes):
        raise ModelInvalid(f"{card.name} is not a detector of its card: found {describe(shapes)}; expected {expected}")


def _fits(shapes: Mapping[str, Shape], classes: int) -> bool:
    image, boxes, scores = (shapes[name] for name in RAW_OUTPUTS)
    return (
        (len(image), len(boxes), len(scores)) == (2, 4, 3)
        and {image[1], scores[2]} <= {None, classes}
        and boxes[2] in {None, 1, classes}
        and boxes[3] in {None, 4}
        and (None in {boxes[1], scores[1]} or boxes[1] == scores[1])
    )


def describe(shapes: Mapping[str, Shape]) -> str:
    """Names and shapes for a person: ``a (N, 4), b (N, 100)``."""
    if not shapes:
        return "nothing"
    sizes = {name: ", ".join("any" if n is None else str(n) for n in shape) for name, shape in sorted(shapes.items())}
    return ", ".join(f"{name} ({size})" for name, size in sizes.items())
