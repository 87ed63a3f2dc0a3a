"""A model that answers in findings: runtime, decoding and calibration behind one call.

In: prepared films, float32 (N, h, w, c). Out: one Detection a film, its boxes in model pixels; whoever prepared the
film carries them back. This module knows no file and no film.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from cxr_core.card import LabelCard, ModelCard
from cxr_core.detect.decode import Boxes, decode
from cxr_core.detect.raw import Floats, Runtime
from cxr_core.errors import ModelError, RecordError


@dataclass(frozen=True, slots=True)
class Region:
    """Where a class that is no finding was seen: covid_19_negative frames the lungs. Box as in Detection."""

    name: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """What one model says of one film.

    ``scores``: calibrated image score in [0, 1] by finding label. ``boxes`` (M, 4) float64 [x1, y1, x2, y2] in model
    pixels, ``labels`` their findings' names and ``box_scores`` (M,) in [floor, 1], best first. ``anatomy``: the best
    box of each class that is no finding.
    """

    scores: Mapping[str, float]
    boxes: npt.NDArray[np.float64]
    labels: tuple[str, ...]
    box_scores: npt.NDArray[np.float64]
    anatomy: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        if not len(self.boxes) == len(self.labels) == len(self.box_scores):
            raise RecordError(
                f"each box needs a label and a score, got {len(self.boxes)} boxes, {len(self.labels)} labels and "
                f"{len(self.box_scores)} scores"
            )


@dataclass(frozen=True, slots=True)
class Detector:
    """One model, ready; may be called from many threads at once."""

    card: ModelCard
    runtime: Runtime
    batch_size: int = 8
    _labels: tuple[LabelCard, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_labels", tuple(sorted(self.card.labels, key=lambda label: label.id)))

    @property
    def runtime_name(self) -> str:
        """``litert`` or ``tensorflow``."""
        return self.runtime.name

    def detect(self, batch: Floats, floor: float = 0.05) -> tuple[Detection, ...]:
        """One Detection for each of (N, h, w, c) float32 films in the card's value range, in order.

        Boxes scored below ``floor`` in [0, 1] are not returned. At most ``batch_size`` films are in the network at
        once. Raises RecordError for a batch of the wrong shape, ModelError where the network fails.
        """
        spec = self.card.input
        expected = (spec.height, spec.width, spec.channels)
        if batch.ndim != 4 or batch.shape[1:] != expected or batch.dtype != np.float32:
            raise RecordError(f"{self.card.name} wants float32 (N, {expected}), got {batch.dtype} {batch.shape}")
        if not 0.0 <= floor <= 1.0:
            raise RecordError(f"floor must lie in [0, 1], got {floor}")
        found: list[Detection] = []
        for start in range(0, len(batch), self.batch_size):
            found += self._detect(batch[start : start + self.batch_size], floor)
        return tuple(found)

    def _detect(self, batch: Floats, floor: float) -> list[Detection]:
        raw = self.runtime.run(batch)
        # NaN would pass every later comparison as "not flagged": a broken network must not look like a quiet film.
        if not (np.isfinite(raw.image_scores).all() and np.isfinite(raw.scores).all()):
            raise ModelError(f"{self.card.name} answered with scores that are no numbers; its weights are damaged")
        boxes = decode(raw.boxes, raw.scores, self.card.input, self.card.decoding, floor)
        return [self._detection(scores, found) for scores, found in zip(raw.image_scores, boxes, strict=True)]

    def _detection(self, raw_scores: Floats, found: Boxes) -> Detection:
        findings = [self._labels[number].finding for number in found.classes]
        shown = [place for place, finding in enumerate(findings) if finding]
        scores: dict[str, float] = {}
        for label, raw in zip(self._labels, raw_scores, strict=True):
            if label.finding:  # two classes may stand for one finding: the stronger speaks
                scores[label.finding] = max(scores.get(label.finding, 0.0), float(label.calibration(raw)))
        return Detection(
            scores,
            found.boxes[shown],
            tuple(str(findings[place]) for place in shown),
            np.minimum(found.scores[shown], 1.0),
            self._anatomy(found),
        )

    def _anatomy(self, found: Boxes) -> tuple[Region, ...]:
        regions: dict[str, Region] = {}
        for box, number, score in zip(found.boxes, found.classes, found.scores, strict=True):
            label = self._labels[number]
            if label.finding is None:
                x1, y1, x2, y2 = box.tolist()
                regions.setdefault(label.name, Region(label.name, float(score), (x1, y1, x2, y2)))
        return tuple(regions.values())
