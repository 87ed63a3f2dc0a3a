"""Model folders to detections: ``load_detectors(settings)`` and ``Detector.detect``.

In: a folder of models and prepared films. Out: calibrated image scores and boxes in model pixels. This stage knows no
file format of films and no image coordinates; prepare makes its input and carries its boxes back.
"""

from cxr_core.detect.detector import Detection, Detector, Evidence, Region
from cxr_core.detect.registry import (
    Opinions,
    Unusable,
    clear,
    folder_card,
    load_cards,
    load_detector,
    load_detectors,
    load_opinions,
    model_folders,
    opinion_cards,
    why_not,
)
from cxr_core.detect.runtimes import runs_on

__all__ = [
    "Detection", "Detector", "Evidence", "Opinions", "Region", "Unusable", "clear", "folder_card", "load_cards",
    "load_detector", "load_detectors", "load_opinions", "model_folders", "opinion_cards", "runs_on",
    "why_not",
]  # fmt: skip
