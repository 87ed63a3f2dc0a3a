"""What a detection test found, counted: a table a film, and the figures of each finding where the truth is known.

In: Seen records and the model's card. Out: summary.csv, summary.json and summary.md. Intervals are 95% bootstrap
intervals over patients. A film is counted right at the card's balanced operating point, or at 0.5 if it names none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cxr_core.card import ModelCard, thresholds_of
from training import metrics
from training.trial.drawing import WORDS
from training.trial.journal import Mark, Seen

PRESET = "balanced"
OVERLAPS = (0.1, 0.3, 0.5)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def summary(card: ModelCard, seen: Sequence[Seen]) -> dict[str, Any]:
    """Everything countable, as summary.json holds it."""
    read = [item for item in seen if not item.refusal]
    thresholds = thresholds_of((card,), PRESET)
    return {
        "note": WORDS,
        "model": {"name": card.name, "version": card.version, "title": card.title},
        "films": len(seen),
        "read": len(read),
        "refused": {item.file: item.refusal for item in seen if item.refusal},
        "findings": {name: _finding(read, name, value) for name, value in thresholds.items()},
        "boxes": {label.name: _boxes(read, label.name) for label in card.labels},
    }


def _finding(read: Sequence[Seen], name: str, threshold: float) -> dict[str, Any]:
    scores = np.array([item.scores[name] for item in read])
    found: dict[str, Any] = {"threshold": round(threshold, 4), "flagged": int((scores >= threshold).sum())}
    if len(read):
        found["scores"] = {f"p{part}": round(float(np.percentile(scores, part)), 4) for part in (5, 25, 50, 75, 95)}
    known = [item for item in read if name in item.truth]
    if known:
        found["truth_known"] = _against_truth(known, name, threshold)
    return found


def _against_truth(known: Sequence[Seen], name: str, threshold: float) -> dict[str, Any]:
    truth = np.array([item.truth[name] for item in known], bool)
    scores = np.array([item.scores[name] for item in known])
    flagged = scores >= threshold
    weights = metrics.resamples([item.group for item in known])
    found: dict[str, Any] = {
        "films": len(known),
        "with": int(truth.sum()),
        "counts": {
            "tp": int((flagged & truth).sum()),
            "fn": int((~flagged & truth).sum()),
            "fp": int((flagged & ~truth).sum()),
            "tn": int((~flagged & ~truth).sum()),
        },
        "accuracy": _share(flagged == truth, np.ones(len(truth), bool), weights),
    }
    if truth.any():
        found["sensitivity"] = _share(flagged, truth, weights)
    if not truth.all():
        found["specificity"] = _share(~flagged, ~truth, weights)
    return found


def _share(right: np.ndarray, among: np.ndarray, weights: np.ndarray) -> dict[str, float | int]:
    def measure(w: np.ndarray) -> float:
        total = (w * among).sum()
        return float((w * (right & among)).sum() / total) if total else float("nan")

    return metrics.figure(measure, weights, int(among.sum())).as_dict()


def _boxes(read: Sequence[Seen], label: str) -> dict[str, Any]:
    """How many boxes were drawn, and whether the best one hits where there is a true one."""
    found: dict[str, Any] = {"drawn": sum(mark.label == label and mark.shown for item in read for mark in item.boxes)}
    told = [item for item in read if any(mark.label == label for mark in item.true_boxes)]
    if told:
        overlap = np.array([_best_overlap(item, label) for item in told])
        weights = metrics.resamples([item.group for item in told])
        every = np.ones(len(told), bool)
        found["films_with_true_boxes"] = len(told)
        found["best_box_hits"] = {f"iou_{limit}": _share(overlap > limit, every, weights) for limit in OVERLAPS}
    return found


def _best_overlap(item: Seen, label: str) -> float:
    """IoU of the film's best-scored box of a class with the nearest true one; 0 if there is no box."""
    mine = [mark for mark in item.boxes if mark.label == label]
    if not mine:
        return 0.0
    best = max(mine, key=lambda mark: mark.score)
    return max(overlap(best, mark) for mark in item.true_boxes if mark.label == label)


def overlap(one: Mark, other: Mark) -> float:
    """Intersection over union of two boxes."""
    (a1, b1, a2, b2), (c1, d1, c2, d2) = one.corners, other.corners
    shared = max(0.0, min(a2, c2) - max(a1, c1)) * max(0.0, min(b2, d2) - max(b1, d1))
    return shared / ((a2 - a1) * (b2 - b1) + (c2 - c1) * (d2 - d1) - shared)


def table(card: ModelCard, seen: Sequence[Seen]) -> str:
    """summary.csv: a row a film."""
    thresholds = thresholds_of((card,), PRESET)
    names = list(thresholds)
    truths = [name for name in names if any(name in item.truth for item in seen)]
    stream = io.StringIO()
    writer = csv.writer(stream)
    columns = [*(f"score {name}" for name in names), *(f"truth {name}" for name in truths)]
    writer.writerow(["file", "refused", "flagged", *columns, "boxes", "picture"])
    for item in seen:
        flagged = [name for name in names if item.scores.get(name, 0.0) >= thresholds[name]]
        writer.writerow(
            [
                _text(item.file),
                _text(item.refusal),
                "|".join(flagged),
                *(f"{item.scores[name]:.4f}" if name in item.scores else "" for name in names),
                *(item.truth.get(name, "") for name in truths),
                sum(mark.shown for mark in item.boxes),
                _text(item.picture),
            ]
        )
    return stream.getvalue()


def _text(value: str) -> str:
    """A file may be called like a formula; a spreadsheet must not run it."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def page(told: Mapping[str, Any]) -> str:
    """summary.md."""
    model = told["model"]
    counts = f"{told['films']} films, {told['read']} read, {len(told['refused'])} refused"
    parts = [
        f"# Detection test: {model['name']} {model['version']}",
        WORDS,
        f"{counts}. Flagged at the {PRESET} point. In brackets: 95% bootstrap interval by patient.",
        "\n".join(_finding_rows(told["findings"])),
        "\n".join(_box_rows(told["boxes"])),
    ]
    return "\n\n".join(parts) + "\n"


def _finding_rows(findings: Mapping[str, Any]) -> list[str]:
    measures = ("accuracy", "sensitivity", "specificity")
    rows = [f"| finding | threshold | flagged | median score | {' | '.join(measures)} | n |", "|---|" + "---|" * 7]
    for name, item in findings.items():
        known, middle = item.get("truth_known", {}), item.get("scores", {}).get("p50", "")
        figures = " | ".join(_interval(known.get(key)) for key in measures)
        films = known.get("films", "")
        rows.append(f"| {name} | {item['threshold']} | {item['flagged']} | {middle} | {figures} | {films} |")
    return rows


def _box_rows(boxes: Mapping[str, Any]) -> list[str]:
    hits = " | ".join(f"best box hits, IoU > {limit}" for limit in OVERLAPS)
    rows = [f"| box class | drawn | films with a true box | {hits} |", "|---|---|" + "---|" * (1 + len(OVERLAPS))]
    for name, item in boxes.items():
        figures = " | ".join(_interval(item.get("best_box_hits", {}).get(f"iou_{limit}")) for limit in OVERLAPS)
        rows.append(f"| {name} | {item['drawn']} | {item.get('films_with_true_boxes', '')} | {figures} |")
    return rows


def _interval(item: Mapping[str, Any] | None) -> str:
    return f"{item['value']:.3f} ({item['low']:.3f} to {item['high']:.3f})" if item else ""


def as_json(told: Mapping[str, Any]) -> str:
    """summary.json."""
    return json.dumps(told, indent=1, allow_nan=False) + "\n"
