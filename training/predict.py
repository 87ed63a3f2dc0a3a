"""What the exported network says of films on disk, through the core's own letterboxing and decoding.

In: a finished run, files. Out: raw image scores and boxes as fractions of each film. It knows no truth. The weights are
folded and rounded as ``export`` does, so the figures are those of the shipped files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from cxr_core.card import Decoding, InputSpec
from cxr_core.detect.decode import decode
from cxr_core.prepare import Placement, letterbox
from training import network, runs
from training.cache import grey
from training.data import Example
from training.export import halve

_BATCH = 16
FLOOR = 3e-4  # low enough to keep a box of nearly every label on every film
Edit = Callable[[np.ndarray, Example], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Boxes of one film: ``boxes`` (M, 4) x1 y1 x2 y2 as fractions of it, ``classes`` (M,) from 0, ``scores`` (M,)."""

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray

    def of(self, kind: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes and scores of one class, best first."""
        mine = self.classes == kind
        return self.boxes[mine], self.scores[mine]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """``image`` (N, C) raw image scores, and the boxes of each film."""

    image: np.ndarray
    found: tuple[Found, ...]

    def boxes_of(self, kind: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Boxes and scores of one class on every film."""
        each = [item.of(kind) for item in self.found]
        return [boxes for boxes, _ in each], [scores for _, scores in each]


class Predictor:
    """A finished run, ready to look at films."""

    def __init__(self, run: Path, decoding: Decoding) -> None:
        model, shape = runs.network_of(run)
        halve(model)
        self._spec, self._decoding = InputSpec(shape.size, shape.size), decoding
        self._model: keras.Model = network.inference(model, shape)

    def look(self, examples: Sequence[Example], what: str, edit: Edit | None = None) -> Answers:
        """The answers for ``examples`` in order; ``edit`` changes a film's pixels before (controls)."""
        image: list[np.ndarray] = []
        found: list[Found] = []
        for start in tqdm(range(0, len(examples), _BATCH), what, unit="batch", mininterval=5):
            part = examples[start : start + _BATCH]
            films = [film(example, edit) for example in part]
            prepared = [letterbox(pixels, self._spec) for pixels in films]
            raw = self._model.predict_on_batch(np.stack([item[0] for item in prepared]))
            image.append(np.asarray(raw["image_scores"], np.float64))
            boxes = decode(
                np.asarray(raw["raw_detection_boxes"]),
                np.asarray(raw["raw_detection_scores"]),
                self._spec,
                self._decoding,
                FLOOR,
            )
            found += [
                Found(fractions(item.boxes, placement), item.classes, item.scores)
                for item, (_, placement) in zip(boxes, prepared, strict=True)
            ]
        return Answers(np.concatenate(image) if image else np.zeros((0, 0)), tuple(found))


def fractions(boxes: np.ndarray, placement: Placement) -> np.ndarray:
    """Boxes in model pixels as fractions of the film."""
    return np.asarray(placement.to_image(boxes) / np.array([placement.width, placement.height] * 2))


def film(example: Example, edit: Edit | None = None) -> np.ndarray:
    """A film's grey pixels (H, W) uint16, edited if asked; MissingData if it is not there or cannot be decoded."""
    pixels = grey(example.encoded(), example.name)
    pixels = edit(pixels, example) if edit else pixels
    return np.asarray(pixels.astype(np.uint16) * np.uint16(257))


def truths(examples: Sequence[Example], label: str) -> list[np.ndarray]:
    """The true boxes (T, 4) of one class on each film."""
    return [
        np.array([(a.x1, a.y1, a.x2, a.y2) for a in example.areas if a.label == label], float).reshape(-1, 4)
        for example in examples
    ]
