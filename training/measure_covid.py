"""The figures of covid_ssd: inside SIIM and radiography, with the lungs covered, and outside.

In: examples and the network's answers. Out: a Measured. Every interval is a bootstrap over groups (patients). ieee8023
is only measured: no threshold, calibration or choice of weights looks at it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training import calibrate, metrics
from training.covid import COVID, NEGATIVE, POSITIVE
from training.data import Example
from training.measured import Measured
from training.predict import Answers, Predictor, truths

_POSITIVE = 1  # the label map's second class
_NOT_PNEUMONIA = ("No Finding",)


def measure(predictor: Predictor, examples: Sequence[Example], fold: int) -> Measured:
    """All figures on one fold, and outside."""
    siim = [item for item in examples if item.fold == fold and item.source == "siim"]
    radiography = [item for item in examples if item.fold == fold and item.source == "radiography"]
    outside = [item for item in examples if item.source == "ieee8023"]
    definite = [item for item in siim if COVID in item.targets]
    answers = predictor.look(siim, "SIIM")
    sure = np.array([COVID in item.targets for item in siim])
    scores, truth, groups = answers.image[sure, _POSITIVE], _covid(definite), [item.group for item in definite]
    weights = metrics.resamples(groups)
    item = calibrate.calibrate(scores, truth, groups, weights)
    boxes, threshold, froc = _boxes(siim, answers)
    values = {
        "siim": {
            "typical_v_negative_auc": _auc(scores, truth, weights),
            "typical_v_negative_accuracy": _accuracy(scores, truth, groups, weights),
            "typical_v_indeterminate_and_atypical_auc": _against_uncertain(siim, answers),
        },
        "boxes_on_siim": boxes,
        "shortcut_controls_on_siim": _controls(predictor, definite, scores, truth, weights),
        "radiography": _source(predictor, radiography, "covid_v_normal_and_viral_auc"),
        "outside_ieee8023": _outside(predictor, outside),
        "calibration_error_on_siim": item.errors(),
    }
    curves = {
        "roc": {"COVID-19": item.roc},
        "reliability": {"COVID-19": item.reliability},
        "froc": {"COVID-19": froc},
    }
    return Measured(calibrate.as_card(values), curves, {POSITIVE: item}, {POSITIVE: threshold, NEGATIVE: 0.3})


def _covid(films: Sequence[Example]) -> np.ndarray:
    return np.array([item.targets[COVID] for item in films], float)


def _auc(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> metrics.Figure:
    return metrics.figure(lambda w: metrics.auc(scores, truth, w), weights, len(scores))


def _accuracy(scores: np.ndarray, truth: np.ndarray, groups: list[str], weights: np.ndarray) -> metrics.Figure:
    """Share right; each film judged by the threshold that is best on the other groups."""
    part = np.array([zlib.crc32(group.encode()) % 5 for group in groups])
    right = np.zeros(len(scores))
    for number in range(5):
        inside = part == number
        table = metrics.roc(scores[~inside], truth[~inside])
        positive = truth[~inside].mean()
        best = table[int(np.argmax(table[:, 1] * positive + (1 - table[:, 0]) * (1 - positive))), 2]
        right[inside] = (scores[inside] >= best) == (truth[inside] > 0)
    return metrics.figure(lambda w: float((w * right).sum() / w.sum()), weights, len(scores))


def _against_uncertain(siim: Sequence[Example], answers: Answers) -> metrics.Figure:
    keep = [index for index, item in enumerate(siim) if item.facts["finding"] != "Negative for Pneumonia"]
    truth = np.array([siim[index].facts["finding"] == "Typical Appearance" for index in keep], float)
    weights = metrics.resamples([siim[index].group for index in keep])
    return _auc(answers.image[keep, _POSITIVE], truth, weights)


def _boxes(siim: Sequence[Example], answers: Answers) -> tuple[dict[str, Any], float, list[list[float]]]:
    """Opacity boxes over all of SIIM's films, negatives included; the lungs' box where it is the only object."""
    weights = metrics.resamples([item.group for item in siim])
    found: dict[str, Any] = {}
    opacities = [item.of(_POSITIVE) for item in answers.found]
    at = {limit: metrics.match(*zip(*opacities, strict=True), truths(siim, POSITIVE), limit) for limit in (0.3, 0.5)}
    for limit, item in at.items():
        found[f"opacity_ap_iou_{limit}"] = metrics.figure(_ap(item), weights, int(item.boxes.sum()))
    found["opacity_sensitivity_at_1_false_box_iou_0.3"] = metrics.figure(
        lambda w: metrics.sensitivity_at(at[0.3], w, 1.0), weights, len(siim)
    )
    lungs = [item.of(0)[0] for item in answers.found]
    hits = np.array(
        [len(b) > 0 and metrics.iou(b[0], t).max() > 0.5 for b, t in zip(lungs, truths(siim, NEGATIVE), strict=True)],
        float,
    )
    found["lungs_top1_iou_0.5"] = metrics.figure(lambda w: float((w * hits).sum() / w.sum()), weights, len(siim))
    false, true = metrics.froc(at[0.3], np.ones(len(siim)))
    inside = false <= 8
    points = calibrate.thin(np.column_stack([false[inside], true[inside]]))
    return found, calibrate.box_threshold(at[0.3], np.ones(len(siim)), 0.5), points


def _ap(item: metrics.Detections) -> Callable[[np.ndarray], float]:
    return lambda w: metrics.average_precision(item, w)


def _controls(
    predictor: Predictor, films: Sequence[Example], full: np.ndarray, truth: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
    """A network that reads lungs knows nothing once they are black, and loses nothing once all else is."""
    without = predictor.look(films, "lungs blacked out", black_lungs).image[:, _POSITIVE]
    only = predictor.look(films, "lungs alone", lungs_alone).image[:, _POSITIVE]
    return {
        "lungs_blacked_out_auc": _auc(without, truth, weights),
        "lungs_only_auc": _auc(only, truth, weights),
        "lungs_only_minus_full_auc": metrics.figure(
            lambda w: metrics.auc(only, truth, w) - metrics.auc(full, truth, w), weights, len(films)
        ),
    }


def _lungs(pixels: np.ndarray, film: Example) -> tuple[slice, slice]:
    box = next(area for area in film.areas if area.label == NEGATIVE)
    height, width = pixels.shape
    return (
        slice(int(box.y1 * height), int(np.ceil(box.y2 * height))),
        slice(int(box.x1 * width), int(np.ceil(box.x2 * width))),
    )


def black_lungs(pixels: np.ndarray, film: Example) -> np.ndarray:
    """The film with the lungs' box black."""
    out = pixels.copy()
    out[_lungs(pixels, film)] = 0
    return out


def lungs_alone(pixels: np.ndarray, film: Example) -> np.ndarray:
    """The film with all but the lungs' box black."""
    out = np.zeros_like(pixels)
    place = _lungs(pixels, film)
    out[place] = pixels[place]
    return out


def _source(predictor: Predictor, films: Sequence[Example], name: str) -> dict[str, Any]:
    scores = predictor.look(films, films[0].source).image[:, _POSITIVE] if films else np.zeros(0)
    return {name: _auc(scores, _covid(films), metrics.resamples([item.group for item in films]))}


def _outside(predictor: Predictor, films: Sequence[Example]) -> dict[str, Any]:
    pneumonia = [item for item in films if item.facts["finding"] not in _NOT_PNEUMONIA]
    clear = [item for item in films if item.targets[COVID] or item.facts["finding"] in _NOT_PNEUMONIA]
    return {
        **_source(predictor, pneumonia, "covid_v_other_pneumonia_auc"),
        **_source(predictor, clear, "covid_v_no_finding_auc"),
    }
