"""The frozen records that travel between stages; checked once, when made.

In: values from a stage. Out: the same values, checked. This module knows nothing of files, models or screens.

Boxes are in pixels of the image as read: x to the right, y down, origin at the outer corner of the first pixel, so a
box over the whole image is (0, 0, width, height).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr_core.errors import RecordError

Source = Literal["dicom", "png", "jpeg", "tiff", "bmp"]
View = Literal["PA", "AP"]
Status = Literal["screened", "refused"]
Urgency = Literal["urgent", "soon", "check", "routine"]
Preset = Literal["sensitive", "balanced", "specific"]
Decision = Literal["agree", "disagree", "none"]
FindingStatus = Literal["agree", "disagree", "added"]
PcrResult = Literal["", "positive", "negative", "pending"]
Sex = Literal["", "F", "M", "O"]

URGENCIES: tuple[Urgency, ...] = ("urgent", "soon", "check", "routine")
FINDING_STATUSES: tuple[FindingStatus, ...] = ("agree", "disagree", "added")
PRESETS: tuple[Preset, ...] = ("sensitive", "balanced", "specific")

COVID = "COVID-19"
NIH_LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltrate",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)
LABELS = (COVID, *NIH_LABELS)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RecordError(message)


@dataclass(frozen=True, slots=True)
class Notice:
    """A coded sentence for people: a refusal, or a warning about a doubtful or mended reading."""

    code: str
    message: str


REQUESTED = ("STAT", "HIGH", "MEDIUM", "ROUTINE", "LOW")
"""How urgently a study was asked for, most urgent first: defined terms of Requested Procedure Priority (0040,1003)."""

FOLLOWS_ORIGIN = "may_follow_origin"
"""Code of the warning that a score may come from the hospital, the machine or the marks on the film (shortcut.py)."""

INFORMS = frozenset({"burned_in_text", FOLLOWS_ORIGIN})
"""Codes of warnings that tell something and do not make the reading doubtful: they move no film to "check"."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the image as read, with a positive area."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        _require(all(math.isfinite(v) for v in self.as_tuple()), f"box must be finite, got {self.as_tuple()}")
        _require(self.x2 > self.x1 and self.y2 > self.y1, f"box needs x1 < x2 and y1 < y2, got {self.as_tuple()}")

    def as_tuple(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2)."""
        return (self.x1, self.y1, self.x2, self.y2)


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Whose film it is and where it was made, as the file says; "" where it does not say.

    For the eyes of the clinician and for the store alone: never in a log, a file name, a message or an address. So its
    repr shows nothing, and JSON lines and CSV leave it out. Dates are as DICOM writes them (YYYYMMDD), ages too (045Y).
    ``priority`` is how urgently the film was asked for: one of REQUESTED. ``issuer`` is who gave the patient's number.
    """

    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    age: str = ""
    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    accession: str = ""
    study_date: str = ""
    view: str = ""
    laterality: str = ""
    modality: str = ""
    body_part: str = ""
    station: str = ""
    priority: str = ""
    issuer: str = ""

    def __repr__(self) -> str:
        return "Identity(not shown)"

    @property
    def shown_name(self) -> str:
        """The name as people write it: "Doe, Jane" for DOE^JANE (PS3.5 6.2.1), its alphabetic group."""
        parts = [part.strip() for part in self.patient_name.split("=")[0].split("^")]
        family, rest = parts[0], " ".join(part for part in (*parts[3:4], *parts[1:3], *parts[4:]) if part)
        return ", ".join(part for part in (family, rest) if part) or self.patient_name

    @property
    def years(self) -> float | None:
        """Age in years by Patient's Age (PS3.5 6.2, AS), else by birth and study date; None where neither says."""
        number, unit = self.age[:-1], self.age[-1:]
        if number.isdecimal() and unit in _YEARS:
            return int(number) * _YEARS[unit]
        try:
            born, made = (datetime.strptime(day, "%Y%m%d") for day in (self.birth_date, self.study_date))
        except ValueError:
            return None
        return (made - born).days / 365.25 if made >= born else None


_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    r"""One film, ready to show and to prepare.

    ``pixels`` is (H, W) uint16, 0 black to 65535 white, after modality and VOI transforms, bone bright (MONOCHROME1
    already inverted). Read-only. ``field`` is the part that was exposed, (x1, y1, x2, y2) in whole pixels: what a
    shutter or the black border of a collimator hides lies outside; None means all of it. The display shows the whole
    film, the models are given the field. ``orientation``: to which side of the patient rows and columns lead, as DICOM
    says it: "L\F" is the usual frontal view (PS3.3 C.7.6.1.1.1); "" where nothing is said.
    """

    name: str
    sha256: str
    pixels: npt.NDArray[np.uint16]
    source: Source
    view: View | None = None
    warnings: tuple[Notice, ...] = ()
    field: tuple[int, int, int, int] | None = None
    identity: Identity | None = None
    orientation: str = ""

    def __post_init__(self) -> None:
        _require(
            self.pixels.ndim == 2 and self.pixels.dtype == np.uint16,
            f"pixels must be (H, W) uint16, got {self.pixels.shape} {self.pixels.dtype}",
        )
        if self.field:
            x1, y1, x2, y2 = self.field
            inside = 0 <= x1 < x2 <= self.width and 0 <= y1 < y2 <= self.height
            _require(inside, f"field must lie within {self.width} x {self.height} pixels, got {self.field}")
        self.pixels.setflags(write=False)

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True)
class Finding:
    """One box of one label; ``score`` in [0, 1]."""

    label: str
    score: float
    box: Box

    def __post_init__(self) -> None:
        _require(0.0 <= self.score <= 1.0, f"finding score must lie in [0, 1], got {self.score}")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which weights spoke."""

    name: str
    version: str
    sha256: str


def models_key(models: Iterable[ModelRef]) -> str:
    """One digest for a set of weights: equal keys, equal answers; the order of the models does not matter."""
    return hashlib.sha256("\n".join(sorted(ref.sha256 for ref in models)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one second opinion said of a film: its calibrated probability of each of its findings, in [0, 1].

    It is shown beside the detectors' scores and ranks nothing. Its findings may be others than LABELS.
    """

    model: ModelRef
    scores: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        for label, score in self.scores.items():
            _require(0.0 <= score <= 1.0, f"{self.model.name}: score of {label} must lie in [0, 1], got {score}")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is kept about the picture itself."""

    width: int
    height: int
    view: View | None
    source: Source


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall time of the three costly stages, seconds."""

    read: float = 0.0
    prepare: float = 0.0
    detect: float = 0.0


@dataclass(frozen=True, slots=True)
class Screening:
    """One input image and all that the models said of it; independent of any threshold.

    Screened: ``image`` is set, ``scores`` holds all of LABELS (calibrated image-level probability), no ``refusal``.
    Refused: ``refusal`` is set, ``scores`` and ``findings`` are empty. ``sha256`` is of the bytes as received.
    ``models`` are the detectors, whose scores rank; ``opinions`` what second opinions said, one each.
    ``identity`` is what a DICOM file says of its patient; only the store keeps it.
    """

    file: str
    sha256: str
    status: Status
    refusal: Notice | None = None
    warnings: tuple[Notice, ...] = ()
    image: ImageFacts | None = None
    models: tuple[ModelRef, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    seconds: Seconds = Seconds()
    identity: Identity | None = None
    opinions: tuple[Opinion, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        said = [opinion.model.name for opinion in self.opinions]
        _require(len(set(said)) == len(said), f"a model gives one opinion on a film, got {', '.join(said)}")
        if self.status == "refused":
            _require(self.refusal is not None, "a refused screening needs its refusal")
            answers = (*self.scores, *self.findings, *self.opinions)
            _require(not answers, "a refused screening has no scores, no findings and no opinions")
            return
        _require(self.refusal is None and self.image is not None, "a screened image has facts and no refusal")
        _require(set(self.scores) == set(LABELS), f"scores must name {LABELS}, got {tuple(self.scores)}")
        for label, score in self.scores.items():
            _require(0.0 <= score <= 1.0, f"score of {label} must lie in [0, 1], got {score}")


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A named threshold of one label, with what it cost and caught on the validation fold."""

    threshold: float
    sensitivity: Interval | None = None
    specificity: Interval | None = None

    def __post_init__(self) -> None:
        _require(0.0 <= self.threshold <= 1.0, f"threshold must lie in [0, 1], got {self.threshold}")


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the thresholds make of one screening: pure consequence, recomputed whenever a slider moves."""

    flagged: tuple[str, ...]
    urgency: Urgency
    priority: float
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        _require(0.0 <= self.priority <= 1.0, f"priority must lie in [0, 1], got {self.priority}")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A screening with its assessment and its place in the queue, 1 first."""

    screening: Screening
    assessment: Assessment
    rank: int


@dataclass(frozen=True, slots=True)
class FindingReview:
    """What a reader said of one label, or of one box of it.

    Of the label on the film as a whole: neither ``box`` nor ``model_box``. Of a place: ``model_box`` is the model's box
    that was judged, ``box`` where the reader sees it, which may be elsewhere. So a rejected box has no ``box``, and one
    that the reader drew has no ``model_box``. agree and added: it is on the film; disagree: it is not, or not there.
    ``score`` is the number that stood beside it, in [0, 1]: the label's, or the box's; None if none was shown.
    """

    label: str
    status: FindingStatus
    box: Box | None
    model_box: Box | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        _require(self.label in LABELS, f"a finding's label must be one of {', '.join(LABELS)}, got {self.label!r}")
        _require(self.status in FINDING_STATUSES, f"status must be agree, disagree or added, got {self.status!r}")
        _require(self.status != "disagree" or self.box is None, "what is not there has no place of its own")
        _require(self.status != "added" or self.model_box is None, "what a reader added is no box of a model")
        _require(self.status != "agree" or bool(self.box) or not self.model_box, "a box agreed with keeps its place")
        _require(self.score is None or 0.0 <= self.score <= 1.0, f"score must lie in [0, 1], got {self.score}")


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the patient beside the film; None or "" where nobody said.

    ``fever``: 38 degrees Celsius or more, measured. ``spo2``: oxygen saturation at rest on room air, percent.
    ``contact``: close contact with a confirmed case within 14 days. ``pcr``: the swab's result. ``age``: years.
    """

    fever: bool | None = None
    cough: bool | None = None
    spo2: float | None = None
    contact: bool | None = None
    pcr: PcrResult = ""
    age: float | None = None
    sex: Sex = ""

    def __post_init__(self) -> None:
        _require(self.spo2 is None or 40 <= self.spo2 <= 100, f"SpO2 must lie in 40 to 100 percent, got {self.spo2}")
        _require(self.age is None or 0 <= self.age <= 130, f"age must lie in 0 to 130 years, got {self.age}")
        _require(self.pcr in ("", "positive", "negative", "pending"), f"no PCR result is called {self.pcr!r}")
        _require(self.sex in ("", "F", "M", "O"), f"sex must be F, M, O or unsaid, got {self.sex!r}")


@dataclass(frozen=True, slots=True)
class BlindRead:
    """What a reader saw before the models' answers were shown: boxes drawn (all added), labels named, and when.

    Every label with a box is named; named without a box: it is there, no place was given. None named: nothing was seen.
    """

    findings: tuple[FindingReview, ...]
    flagged: tuple[str, ...]
    at: datetime

    def __post_init__(self) -> None:
        _require(self.at.tzinfo is not None, "the time of a blind read needs its time zone")
        _require(set(self.flagged) <= set(LABELS), f"a blind read names labels, got {self.flagged}")
        _require(all(item.status == "added" for item in self.findings), "what was seen blind is all the reader's own")
        _require(all(item.score is None for item in self.findings), "who reads blind has seen no score")
        boxed = {item.label for item in self.findings}
        _require(boxed <= set(self.flagged), "a label with a box is named")


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said of one image, and when (with its time zone); ``decision`` is of the flags as a whole.

    ``version`` counts the saves of this review, 1 the first; 0 was never saved. ``reader`` and ``role`` are as typed in
    by the reader. ``signed_at``: when the review was signed off; anything said later takes it away. ``thresholds``
    stood beside the film, by label, ``preset`` was their name; None and "" where no flag was shown.
    """

    decision: Decision
    comment: str
    reviewed_at: datetime
    findings: tuple[FindingReview, ...] = ()
    impression: str = ""
    context: Context | None = None
    reader: str = ""
    role: str = ""
    blind: BlindRead | None = None
    signed_at: datetime | None = None
    version: int = 0
    thresholds: Mapping[str, float] | None = None
    preset: str = ""

    def __post_init__(self) -> None:
        if self.thresholds is not None:
            object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))
        _require(
            self.decision in ("agree", "disagree", "none"),
            f"decision must be agree, disagree or none, got {self.decision!r}",
        )
        _require(self.reviewed_at.tzinfo is not None, "the time of a review needs its time zone")
        _require(self.signed_at is None or self.signed_at.tzinfo is not None, "the time of signing needs its time zone")
        _require(self.version >= 0, f"versions count from 0, got {self.version}")

    @property
    def said(self) -> bool:
        """Whether it says anything: an undone review does not."""
        spoken = self.comment or self.impression or self.findings or self.context or self.blind or self.signed_at
        return self.decision != "none" or bool(spoken)

    def verdict(self, label: str) -> FindingStatus | None:
        """What was said of a label on the film as a whole."""
        whole = (item.status for item in self.findings if item.label == label and not item.box and not item.model_box)
        return next(whole, None)
