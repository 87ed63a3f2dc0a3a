"""Hand-made detectors: a real Detector around a network small enough to know its every answer by heart."""

import threading
from dataclasses import dataclass, field

import numpy as np

from cxr_core.card import Decoding, InputSpec, LabelCard, ModelCard, WeightsFile
from cxr_core.detect import Detector
from cxr_core.detect.raw import RawOutput
from cxr_core.phantom import as_png
from cxr_core.read.sources import InputFile
from cxr_core.records import COVID, NIH_LABELS, OperatingPoint

SPEC = InputSpec(32, 64)
BOX = (0.25, 0.25, 0.75, 0.5)  # ymin, xmin, ymax, xmax: rows 8 to 24, columns 16 to 32 of the model's input


@dataclass
class BrightnessNetwork:
    """Every image score is the film's brightest grey, 0 to 1; every class has one box, ``box``, with that score."""

    classes: int
    name: str = "fake"
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


def card(name: str, findings, *, version: str = "1", urgency="soon", threshold: float = 0.6, spec=SPEC) -> ModelCard:
    points = {"balanced": OperatingPoint(threshold), "sensitive": OperatingPoint(threshold / 2)}
    labels = tuple(
        LabelCard(number, finding.lower(), finding, urgency, operating_points=points)
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


def film(grey: int, *, height: int = 100, width: int = 120) -> bytes:
    """A PNG with a block of ``grey`` on a darker slope; a grey below 80 would be stretched by the reader."""
    pixels = np.tile(np.linspace(0, grey / 2, width), (height, 1))
    pixels[height // 4 : -height // 4, width // 4 : -width // 4] = grey
    return as_png((np.round(pixels) * 257).astype(np.uint16), bits=8)


def given(name: str, data: bytes) -> InputFile:
    return InputFile(name, lambda: data)
