"""Hand-made detectors: a real Detector around a network small enough to know its every answer by heart."""

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from cxr_core.card import Decoding, InputSpec, LabelCard, ModelCard, Platt, WeightsFile
from cxr_core.detect import Detector
from cxr_core.detect.raw import RawOutput
from cxr_core.errors import ModelError, StoreError
from cxr_core.phantom import as_png
from cxr_core.read.sources import InputFile
from cxr_core.records import COVID, NIH_LABELS, OperatingPoint, Review
from cxr_core.store import Store

SPEC = InputSpec(32, 64)
BOX = (0.25, 0.25, 0.75, 0.5)  # ymin, xmin, ymax, xmax: rows 8 to 24, columns 16 to 32 of the model's input


@dataclass
class BrightnessNetwork:
    """Every image score is the film's brightest grey, 0 to 1; every class has one box, ``box``, with that score."""

    classes: int
    name: str = "fake"
    has_maps: bool = False
    box: tuple[float, float, float, float] = BOX
    batches: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def run(self, batch):
        self.batches.append(len(batch))
        self.threads.add(threading.current_thread().name)
        brightest = batch.max(axis=(1, 2, 3)) / np.float32(255)
        scores = np.repeat(brightest[:, None], self.classes, axis=1)
        boxes = np.broadcast_to(np.float32(self.box), (len(batch), 1, 1, 4))
        return RawOutput(scores, boxes, scores[:, None, :])


@dataclass
class CrowdedNetwork:
    """Twenty boxes a class that do not overlap, scored 0.99, 0.98, ..."""

    classes: int
    name: str = "fake"
    has_maps: bool = False

    def run(self, batch):
        left = np.arange(20, dtype=np.float32) / 20
        zero = np.zeros_like(left)
        boxes = np.stack([zero, left, zero + 1, left + 0.05], axis=1)[None, :, None, :]
        scores = np.broadcast_to((0.99 - np.arange(20) / 100)[None, :, None], (len(batch), 20, self.classes))
        return RawOutput(
            np.full((len(batch), self.classes), 0.5, np.float32),
            np.broadcast_to(boxes, (len(batch), 20, 1, 4)).astype(np.float32),
            scores.astype(np.float32),
        )


@dataclass
class PatchNetwork:
    """Cells of 8 x 8 pixels; the film's logit is their mean greys' sum, each 0 to 1, minus 3: its maps are known.

    ``asked`` says of each run whether maps were asked for.
    """

    classes: int
    name: str = "fake"
    has_maps: bool = True
    asked: list[bool] = field(default_factory=list)

    def run(self, batch, *, maps=False):
        self.asked.append(maps)
        count, height, width, _ = batch.shape
        cells = batch.reshape(count, height // 8, 8, width // 8, 8).mean((2, 4)) / np.float32(255)
        scores = 1 / (1 + np.exp(3 - cells.sum((1, 2))))
        scores = np.repeat(scores[:, None], self.classes, axis=1).astype(np.float32)
        boxes = np.broadcast_to(np.float32(BOX), (count, 1, 1, 4))
        each = np.repeat(cells[..., None], self.classes, axis=-1).astype(np.float32)
        return RawOutput(scores, boxes, scores[:, None, :], each if maps else None)


def card(
    name: str, findings, *, version="1", urgency="soon", threshold: float = 0.6, spec=SPEC, calibration=None
) -> ModelCard:
    points = {"balanced": OperatingPoint(threshold), "sensitive": OperatingPoint(threshold / 2)}
    labels = tuple(
        LabelCard(number, finding.lower(), finding, urgency, calibration or Platt(), operating_points=points)
        for number, finding in enumerate(findings, 1)
    )
    return ModelCard(
        name=name, version=version, title=name, task="detection", created="2026-01-01", input=spec, labels=labels,
        decoding=Decoding(max_per_label=20), files={"litert": WeightsFile("model.tflite", version.zfill(64))},
    )  # fmt: skip


def covid(network=None, **facts) -> Detector:
    return Detector(card("covid_ssd", [COVID], urgency="urgent", **facts), network or BrightnessNetwork(1))


def nih(network=None, **facts) -> Detector:
    return Detector(card("nih_ssd", NIH_LABELS, **facts), network or BrightnessNetwork(8))


@dataclass
class Judge:
    """A network without boxes: every image score is ``score``; where that is None, the film's brightest grey, 0 to 1.

    It fails on films whose brightest grey is above ``fails_above``.
    """

    classes: int
    score: float | None = None
    fails_above: float = 1.0
    name: str = "fake"
    has_maps: bool = False
    batches: list[int] = field(default_factory=list)

    def run(self, batch):
        self.batches.append(len(batch))
        brightest = batch.max(axis=(1, 2, 3)) / np.float32(255)
        if (brightest > self.fails_above).any():
            raise ModelError("the second opinion fails")
        said = brightest if self.score is None else np.full(len(batch), self.score)
        scores = np.repeat(said[:, None], self.classes, axis=1).astype(np.float32)
        boxes = np.zeros((len(batch), 0, 1, 4), np.float32)
        return RawOutput(scores, boxes, np.zeros((len(batch), 0, self.classes), np.float32))


def second(name="covid_cnn", findings=(COVID,), network=None, **facts) -> Detector:
    """A second opinion."""
    made = card(name, findings, **facts)
    return Detector(replace(made, role="second_opinion", task="classification"), network or Judge(len(findings)))


def film(grey: int, *, height: int = 100, width: int = 120) -> bytes:
    """A PNG with a block of ``grey`` on a darker slope; a grey below 80 would be stretched by the reader."""
    pixels = np.tile(np.linspace(0, grey / 2, width), (height, 1))
    pixels[height // 4 : -height // 4, width // 4 : -width // 4] = grey
    return as_png((np.round(pixels) * 257).astype(np.uint16), bits=8)


def given(name: str, data: bytes) -> InputFile:
    return InputFile(name, lambda: data)


def say(store, key: str, decision: str, comment: str = "", at: datetime | None = None, **more) -> Review:
    """A reader's word on the latest result of an image, over whatever was said of it before."""
    entry = store.entry(key)
    before = entry.review.version if entry and entry.review else 0
    return store.save_review(key, Review(decision, comment, at or datetime.now(UTC), **more), expected=before)


class WatchedStore:
    """A store that tells what the worklist reads anew, once ``gate`` is open; ``away``: it does not answer."""

    def __init__(self, store: Store, *, away: bool = False) -> None:
        self._store = store
        self.away = away
        self.anew: list[str] = []
        self.gate = threading.Event()
        self.asked = threading.Event()
        self.gate.set()

    def worklist(self, models_key, known=None):
        return self._told("columns", known, lambda: self._store.worklist(models_key, known))

    def names(self, columns, known=None):
        return self._told("names", known, lambda: self._store.names(columns, known))

    def _told(self, what, known, work):
        self.asked.set()
        assert self.gate.wait(60)
        if self.away:
            raise StoreError("the database does not answer")
        if known is None:
            self.anew.append(what)
        return work()

    def __getattr__(self, name):
        return getattr(self._store, name)
