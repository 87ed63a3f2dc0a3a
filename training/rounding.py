"""What two files of one detector say of the same films: the figures of each, and the difference with its interval.

In: two runtimes, films. Out: a Loss by name. It knows nothing of how the files were made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from cxr_core.card import ModelCard
from cxr_core.detect.decode import decode
from cxr_core.detect.raw import Runtime
from cxr_core.prepare import letterbox
from cxr_core.records import NIH_LABELS
from training import detections, metrics
from training.covid import COVID, POSITIVE
from training.data import Example
from training.measure_boxes import drawn
from training.metrics import Figure
from training.predict import FLOOR, Answers, Found, film, fractions, truths
from training.recipe import Recipe

_LIMITS_OF_OVERLAP = (0.5, 0.3)
_TAIL = 12.0  # false boxes a film beyond which nothing is measured
Measure = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Loss:
    """One figure of both files; ``difference``: the second's minus the first's, paired film by film."""

    first: float
    second: float
    difference: Figure

    def as_dict(self) -> dict[str, Any]:
        """For the card."""
        return {
            "single_precision": round(self.first, 4),
            "in_8_bits": round(self.second, 4),
            "difference": self.difference.as_dict(),
        }


def losses(
    recipe: Recipe, card: ModelCard, both: tuple[Runtime, Runtime], examples: Sequence[Example]
) -> Mapping[str, Loss]:
    """AUC of the image scores and average precision of the boxes, each the mean over the detector's findings."""
    films = _films(recipe, examples)
    first, second = (look(runtime, card, films) for runtime in both)
    figures = _nih if recipe.evaluation == "nih" else _covid
    mine, other = figures(films, first), figures(films, second)
    weights = metrics.resamples([item.group for item in films])
    found = {}
    for name, measure in mine.items():
        one, two = (metrics.draws(which, weights, rows=20) for which in (measure, other[name]))
        found[name] = Loss(float(one[0]), float(two[0]), metrics.from_draws(two - one, len(films)))
    return found


def _films(recipe: Recipe, examples: Sequence[Example]) -> list[Example]:
    """Those that can be judged: all of NIH's, SIIM's of covid_ssd."""
    return [item for item in examples if recipe.evaluation == "nih" or item.source == "siim"]


def look(runtime: Runtime, card: ModelCard, examples: Sequence[Example]) -> Answers:
    """What a runtime says of films, as ``predict`` tells it."""
    image, found = [], []
    for example in tqdm(examples, card.name, unit="film", mininterval=10):
        batch, placement = letterbox(film(example), card.input)
        raw = runtime.run(batch[None])
        (boxes,) = decode(raw.boxes, raw.scores, card.input, card.decoding, FLOOR)
        image.append(raw.image_scores[0].astype(np.float64))
        found.append(Found(fractions(boxes.boxes, placement), boxes.classes, boxes.scores))
    return Answers(np.array(image), tuple(found))


def _nih(films: Sequence[Example], answers: Answers) -> dict[str, Measure]:
    truth = np.array([[item.targets[label] for label in NIH_LABELS] for item in films], float)
    boxed = np.flatnonzero([bool(drawn(item)) for item in films])
    kinds = range(len(NIH_LABELS))

    def area(weights: np.ndarray) -> np.ndarray:
        return metrics.mean_over(np.stack([metrics.auc(answers.image[:, k], truth[:, k], weights) for k in kinds], -1))

    def precision(limit: float) -> Measure:
        each = [
            detections.match(*answers.boxes_of(k), _true(films, label), limit).only(boxed).best(_TAIL)
            for k, label in enumerate(NIH_LABELS)
        ]
        return lambda weights: metrics.mean_over(
            np.stack([detections.average_precision(item, weights[:, boxed]) for item in each], -1)
        )

    return {"auc_macro": area} | {f"map_iou_{limit}": precision(limit) for limit in _LIMITS_OF_OVERLAP}


def _covid(films: Sequence[Example], answers: Answers) -> dict[str, Measure]:
    known = np.flatnonzero([COVID in item.targets for item in films])
    truth = np.array([films[index].targets[COVID] for index in known], float)
    scores = answers.image[known, 1]

    def area(weights: np.ndarray) -> np.ndarray:
        return np.asarray(metrics.auc(scores, truth, weights[:, known]))

    def precision(limit: float) -> Measure:
        item = detections.match(*answers.boxes_of(1), truths(films, POSITIVE), limit).best(_TAIL)
        return lambda weights: np.asarray(detections.average_precision(item, weights))

    return {"typical_v_no_pneumonia_auc": area} | {
        f"opacity_map_iou_{limit}": precision(limit) for limit in _LIMITS_OF_OVERLAP
    }


def _true(films: Sequence[Example], label: str) -> list[np.ndarray]:
    """NIH's own boxes of a sign; RSNA's opacities teach, but are not NIH's reference."""
    return [each if label in drawn(item) else each[:0] for each, item in zip(truths(films, label), films, strict=True)]
