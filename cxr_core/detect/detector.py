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
from cxr_core.records import ModelRef


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


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Where in the model's input one finding's image score comes from.

    ``cells`` (h, w) float32: how much each cell of a grid over the whole input, padding included, adds to the log-odds
    of the calibrated ``score``; negative where it speaks against. ``constant`` is the rest: the log-odds of a film
    that says nothing. Their sum is the log-odds of ``score``.
    """

    score: float
    cells: Floats
    constant: float


@dataclass(frozen=True, slots=True)
class Detector:
    """One model, ready; may be called from many threads at once."""

    card: ModelCard
    runtime: Runtime
    batch_size: int = 8
    ref: ModelRef = field(init=False, repr=False)
    """The card's; making it takes milliseconds, and every film asks for it."""
    _labels: tuple[LabelCard, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ref", self.card.ref())
        object.__setattr__(self, "_labels", tuple(sorted(self.card.labels, key=lambda label: label.id)))

    @property
    def runtime_name(self) -> str:
        """``litert``, ``litert_int8`` or ``tensorflow``."""
        return self.runtime.name

    def detect(self, batch: Floats, floor: float = 0.05) -> tuple[Detection, ...]:
        """One Detection for each of (N, h, w, c) float32 films in the card's value range, in order.

        Boxes scored below ``floor`` in [0, 1] are not returned. At most ``batch_size`` films are in the network at
        once. Raises RecordError for a batch of the wrong shape, ModelError where the network fails.
        """
        self._check(batch)
        if not 0.0 <= floor <= 1.0:
            raise RecordError(f"floor must lie in [0, 1], got {floor}")
        found: list[Detection] = []
        for start in range(0, len(batch), self.batch_size):
            found += self._detect(batch[start : start + self.batch_size], floor)
        return tuple(found)

    @property
    def explains(self) -> bool:
        """Whether ``explain`` has anything to say: older models and foreign ones do not."""
        return self.runtime.has_maps

    def explain(self, batch: Floats) -> tuple[Mapping[str, Evidence], ...]:
        """Each film's Evidence by finding, for ``batch`` as in ``detect``; none where the model ``explains`` nothing.

        Costs one more run of the network: screening does not ask for it.
        """
        self._check(batch)
        found: list[Mapping[str, Evidence]] = []
        for start in range(0, len(batch), self.batch_size):
            raw = self.runtime.run(batch[start : start + self.batch_size], maps=True)
            maps = raw.class_maps
            if maps is None:
                return tuple({} for _ in batch)
            if not (np.isfinite(raw.image_scores).all() and np.isfinite(maps).all()):
                raise ModelError(f"{self.card.name} answered with maps that are no numbers; its weights are damaged")
            found += [self._evidence(scores, each) for scores, each in zip(raw.image_scores, maps, strict=True)]
        return tuple(found)

    def _evidence(self, raw_scores: Floats, maps: Floats) -> Mapping[str, Evidence]:
        found: dict[str, Evidence] = {}
        for number, label in enumerate(self._labels):
            score = float(label.calibration(raw_scores[number]))
            if label.finding and (label.finding not in found or score > found[label.finding].score):
                cells = np.float32(label.calibration.slope) * maps[..., number]
                constant = label.calibration.logit(raw_scores[number]) - float(cells.sum(dtype=np.float64))
                found[label.finding] = Evidence(score, cells, constant)
        return MappingProxyType(found)

    def _check(self, batch: Floats) -> None:
        spec = self.card.input
        expected = (spec.height, spec.width, spec.channels)
        if batch.ndim != 4 or batch.shape[1:] != expected or batch.dtype != np.float32:
            raise RecordError(f"{self.card.name} wants float32 (N, {expected}), got {batch.dtype} {batch.shape}")

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
