"""The model card: the facts that travel with weights, as one JSON file, and how scores become probabilities.

In: ``card.json`` of a model folder. Out: a frozen ModelCard. This module knows no runtime and opens no weights.
Training writes cards with the same records, so reader and writer cannot drift apart.

``metrics``, ``curves`` and ``data`` are free-form facts for the Models page and for card.md; nothing computes with
them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from cxr_core.errors import ModelInvalid, RecordError
from cxr_core.records import PRESETS, Interval, ModelRef, OperatingPoint, Urgency

FORMAT = 1
CARD_FILE = "card.json"

Runtime = Literal["litert", "litert_int8", "saved_model"]
"""Kinds of weights files: LiteRT in single precision, LiteRT in mostly 8 bits, TensorFlow."""
Role = Literal["detector", "second_opinion", "gate"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the network wants to see.

    Float32 (N, height, width, channels) in ``value_range``, the film letterboxed: scaled to fit, its aspect kept,
    centred, the rest filled with ``pad_value``. Normalisation is inside the network.
    """

    height: int
    width: int
    channels: int = 1
    value_range: tuple[float, float] = (0.0, 255.0)
    pad_value: float = 0.0


@dataclass(frozen=True, slots=True)
class Platt:
    """Logistic calibration, p = sigmoid(slope * logit(raw) + intercept) (Platt 1999)."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, raw: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Calibrated probability of raw scores in [0, 1], any shape."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self._log_odds(raw), -60, 60))))

    def logit(self, raw: float) -> float:
        """Log-odds of the calibrated probability of one raw score."""
        return float(self._log_odds(raw))

    def _log_odds(self, raw: npt.ArrayLike) -> npt.NDArray[np.float64]:
        p = np.clip(np.asarray(raw, np.float64), 1e-7, 1 - 1e-7)
        return np.asarray(self.slope * np.log(p / (1 - p)) + self.intercept)


@dataclass(frozen=True, slots=True)
class LabelCard:
    """One class of one detector.

    ``id`` is the label map's (from 1). ``finding`` is the name shown to people, or None for a class that is no finding
    (covid_19_negative frames the lungs). ``box_threshold`` is the score from which further boxes of a flagged label are
    drawn. Operating points belong to the calibrated image score.
    """

    id: int
    name: str
    finding: str | None
    urgency: Urgency = "soon"
    calibration: Platt = Platt()
    box_threshold: float = 0.3
    operating_points: Mapping[str, OperatingPoint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How raw boxes become findings: those of a label merge above ``iou``, at most ``max_per_label`` stay."""

    iou: float = 0.45
    max_per_label: int = 10


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A runtime's file (or folder), relative to the card, with its digest."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a program must know to run a model folder and a person to trust it.

    ``role``: a detector's scores rank the worklist; a second opinion's are only shown beside them; a gate
    judges pictures and knows no finding.
    """

    name: str
    version: str
    title: str
    task: str
    created: str
    input: InputSpec
    labels: tuple[LabelCard, ...]
    files: Mapping[str, WeightsFile]
    decoding: Decoding = Decoding()
    licence: str = "unknown"
    intended_use: str = "Research use only, not for diagnosis, expert review required."
    limits: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT
    role: Role = "detector"

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise RecordError(f"role of {self.name} must be one of {', '.join(get_args(Role))}, got {self.role!r}")
        ids = [label.id for label in self.labels]
        if not ids or sorted(ids) != list(range(1, len(ids) + 1)):
            raise RecordError(f"label ids of {self.name} must be 1..n without gaps, got {ids}")

    @property
    def finding_labels(self) -> tuple[LabelCard, ...]:
        """The classes that are shown as findings."""
        return tuple(label for label in self.labels if label.finding)

    def ref(self) -> ModelRef:
        """Name, version and the digest that stands for the whole model: of its label facts and every weights file."""
        facts = json.dumps([asdict(label) for label in self.labels], sort_keys=True, default=str)
        digests = "".join(f"{key}:{item.sha256};" for key, item in sorted(self.files.items()))
        return ModelRef(self.name, self.version, hashlib.sha256((facts + digests).encode()).hexdigest())

    def save(self, folder: Path) -> Path:
        """Write card.json into ``folder``; returns its path."""
        path = folder / CARD_FILE
        # The role stands in front, so that a card cut short still says that it was a second opinion's.
        facts = {"format": self.format, "role": self.role} | asdict(self)
        path.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return path


def load_card(folder: Path) -> ModelCard:
    """The card of a model folder; ModelInvalid says which field is missing or wrong."""
    path = folder / CARD_FILE
    try:
        return card_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as exc:
        raise ModelInvalid(f"{folder.name} has no {CARD_FILE}") from exc
    except (KeyError, TypeError, ValueError, AttributeError, RecordError) as exc:
        raise ModelInvalid(f"{CARD_FILE} of {folder.name} cannot be used: {type(exc).__name__}: {exc}") from exc


def card_from_dict(raw: Mapping[str, Any]) -> ModelCard:
    """A card from parsed JSON; KeyError, TypeError or ValueError where it is not one."""
    if not isinstance(raw, Mapping):
        raise TypeError(f"a card is a JSON object, got {type(raw).__name__}")
    if raw.get("format") != FORMAT:
        raise ValueError(f"format must be {FORMAT}, got {raw.get('format')!r}")
    spec = dict(raw["input"])
    spec["value_range"] = tuple(spec["value_range"])
    known = {
        "name", "version", "title", "task", "created", "licence", "intended_use", "data", "metrics", "curves",
        "role",
    }  # fmt: skip
    return ModelCard(
        input=InputSpec(**spec),
        labels=tuple(_label(item) for item in raw["labels"]),
        files={key: WeightsFile(**item) for key, item in raw["files"].items()},
        decoding=Decoding(**raw.get("decoding", {})),
        limits=tuple(raw.get("limits", ())),
        **{key: raw[key] for key in known if key in raw},
    )


def _label(raw: Mapping[str, Any]) -> LabelCard:
    values = dict(raw)
    values["calibration"] = Platt(**values.get("calibration", {}))
    values["operating_points"] = {
        name: _operating_point(point) for name, point in values.get("operating_points", {}).items()
    }
    return LabelCard(**values)


def _operating_point(raw: Mapping[str, Any]) -> OperatingPoint:
    def interval(key: str) -> Interval | None:
        return Interval(**raw[key]) if raw.get(key) else None

    return OperatingPoint(float(raw["threshold"]), interval("sensitivity"), interval("specificity"))


def thresholds_of(cards: tuple[ModelCard, ...], preset: str) -> dict[str, float]:
    """Threshold of each finding at a preset, from the cards; 0.5 where a card names none."""
    if preset not in PRESETS:
        raise RecordError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    found: dict[str, float] = {}
    for card in cards:
        for label in card.finding_labels:
            point = label.operating_points.get(preset)
            found[str(label.finding)] = point.threshold if point and math.isfinite(point.threshold) else 0.5
    return found


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, or of a folder: its sorted relative names and contents."""
    digest = hashlib.sha256()
    for item in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        if item != path:
            digest.update(item.relative_to(path).as_posix().encode() + b"\0")
        digest.update(item.read_bytes())
    return digest.hexdigest()
