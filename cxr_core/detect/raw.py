"""What every runtime must answer, and the checks that it does; knows no library that runs networks.

In: what a runtime says of a file's inputs and outputs. Out: RawOutput, or ModelInvalid with what was found and
expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cxr_core.card import ModelCard
from cxr_core.errors import ModelInvalid

IMAGE_SCORES = "image_scores"
RAW_BOXES = "raw_detection_boxes"
RAW_SCORES = "raw_detection_scores"
CLASS_MAPS = "class_maps"
RAW_OUTPUTS = (IMAGE_SCORES, RAW_BOXES, RAW_SCORES)
API_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")

Floats = npt.NDArray[np.float32]
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RawOutput:
    """A network's answer to N images, class c at index c - 1 of the card's ids.

    ``image_scores`` (N, C) in [0, 1], uncalibrated; ``boxes`` (N, K, Q, 4) [ymin, xmin, ymax, xmax] as fractions of the
    model's input, Q = 1 or C; ``scores`` (N, K, C) in [0, 1]; K = 0 from a second opinion without boxes.
    ``class_maps`` (N, h, w, C), if asked for and there: how much each cell of a grid over the model's input adds to the
    logit of each image score; the sum over the cells and a constant of the class are the logit. All float32.
    """

    image_scores: Floats
    boxes: Floats
    scores: Floats
    class_maps: Floats | None = None


class Runtime(Protocol):
    """A loaded network. ``run`` may be called from many threads at once."""

    name: str
    has_maps: bool

    def warm_up(self, most: int) -> None:
        """Make ready for batches of up to ``most`` images, so that the first film does not pay for it."""
        ...

    def run(self, batch: Floats, *, maps: bool = False) -> RawOutput:
        """The answer to (N, h, w, c) float32 in the card's value range; N at least 1.

        ``maps``: with class_maps, where the network ``has_maps``; screening does not ask, and does not pay for them.
        """
        ...


def collect(answer: Mapping[str, Floats], maps: bool) -> RawOutput:
    """A network's outputs by name as one record; an opinion without boxes gets none."""
    image = answer[IMAGE_SCORES]
    count, classes = image.shape
    boxes = answer.get(RAW_BOXES, np.zeros((count, 0, 1, 4), np.float32))
    scores = answer.get(RAW_SCORES, np.zeros((count, 0, classes), np.float32))
    return RawOutput(image, boxes, scores, answer.get(CLASS_MAPS) if maps else None)


def wanted(names: Iterable[str], maps: bool) -> tuple[str, ...]:
    """Those of a network's outputs that a caller needs."""
    return tuple(name for name in (*RAW_OUTPUTS, *((CLASS_MAPS,) if maps else ())) if name in set(names))


def check_outputs(card: ModelCard, shapes: Mapping[str, Shape], alternative: str = "") -> None:
    """Raise ModelInvalid unless the raw outputs are there and fit the card's labels; None stands for any size.

    A second opinion needs no boxes; nobody needs class_maps. ``alternative`` is added to what was expected.
    """
    classes = len(card.labels)
    boxed = f", {RAW_BOXES} (N, K, 1 or {classes}, 4), {RAW_SCORES} (N, K, {classes})"
    if card.role == "second_opinion" and not {RAW_BOXES, RAW_SCORES} & set(shapes):
        needed, boxed = {IMAGE_SCORES}, ""
    else:
        needed = set(RAW_OUTPUTS)
    if not needed <= set(shapes) or not _fits(shapes, classes):
        raise ModelInvalid(
            f"{card.name} is not a {card.role.replace('_', ' ')} of its card: found {describe(shapes)}; expected "
            f"{IMAGE_SCORES} (N, {classes}){boxed}{alternative}, and {CLASS_MAPS} (N, h, w, {classes}) if any"
        )


def _fits(shapes: Mapping[str, Shape], classes: int) -> bool:
    image, maps = shapes[IMAGE_SCORES], shapes.get(CLASS_MAPS, (None, None, None, classes))
    if len(image) != 2 or len(maps) != 4 or not {image[1], maps[3]} <= {None, classes}:
        return False
    return RAW_BOXES not in shapes or _boxes_fit(shapes[RAW_BOXES], shapes[RAW_SCORES], classes)


def _boxes_fit(boxes: Shape, scores: Shape, classes: int) -> bool:
    return (
        (len(boxes), len(scores)) == (4, 3)
        and scores[2] in {None, classes}
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
