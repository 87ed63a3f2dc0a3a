"""The figures of covid_ssd: inside SIIM and radiography, with the lungs covered, and outside.

In: judges, examples, the folds to measure. Out: a Measured. Every interval is a bootstrap over groups (patients); AUC
and precision are the mean of the folds' networks, pooled figures stand beside them. ieee8023 is only measured: no
threshold, calibration or choice of weights looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training import calibrate, detections, folds, metrics
from training.calibrate import Calibrated
from training.covid import COVID, NEGATIVE, POSITIVE
from training.data import Example
from training.errors import EmptyClass
from training.failures import failures
from training.folds import Folds
from training.judges import Judges
from training.lungs import black_lungs, lungs_alone
from training.measure_outside import SCORE, auc, outside, positives, radiography
from training.measured import Measured
from training.predict import Answers, truths
from training.subgroups import of_sources, subgroups

_RATES = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 2, 3, 4, 6])
_TAIL = 3.0  # false boxes a film beyond which no interval looks
_FINDING = "COVID-19"


def measure(judges: Judges, examples: Sequence[Example], held_out: Sequence[int]) -> Measured:
    """All figures on the folds held out, and outside."""
    siim = [item for item in examples if item.fold in held_out and item.source == "siim"]
    if not {0, 1} <= {item.targets.get(COVID) for item in siim}:
        raise EmptyClass(
            "covid_ssd is measured on SIIM's films of both classes, and the folds hold none; "
            "for other films see `python -m training test`"
        )
    answers = judges.look(siim, "SIIM")
    sure = np.array([COVID in item.targets for item in siim])
    definite = [item for item, known in zip(siim, sure, strict=True) if known]
    scores, truth, groups = answers.image[sure, SCORE], positives(definite), [item.group for item in definite]
    table = _table(definite)
    item = calibrate.calibrate(scores, truth, groups, table.weights, table.networks)
    local = Opacities(siim, answers)
    inside, by_fold = _siim(siim, answers, (scores, truth, groups), item, table)
    rest, more, flags = radiography(judges, examples, held_out, (scores, truth, table.networks))
    values: dict[str, Any] = {
        "outside_ieee8023": outside(judges, examples, item),
        "siim": inside,
        "boxes_on_siim": local.figures(),
        "shortcut_controls_on_siim": _controls(judges, definite, scores, truth, table),
        "radiography": rest,
        "calibration_error_on_siim": {"raw": round(item.raw_error, 4), "calibrated": item.error},
        "subgroups": {_FINDING: {**_by_source(definite, truth, item, table), **flags}},
    }
    if len(table.names) > 1:
        values["by_fold"] = {**by_fold, **local.by_fold(), **more}
    curves = {
        **{
            kind: {_FINDING: getattr(item, kind)}
            for kind in ("roc", "precision_recall", "reliability", "confusion", "scores", "rates")
        },
        "froc": {_FINDING: local.curve()},
        "failures": {
            _FINDING: failures(item.crossed, truth, item.flagged["balanced"], [film.name for film in definite])
        },
    }
    thresholds = {POSITIVE: local.threshold(), NEGATIVE: 0.3}
    return Measured(calibrate.as_card(values), curves, {POSITIVE: item}, thresholds)


def _table(films: Sequence[Example]) -> Folds:
    return Folds(np.array([item.fold for item in films]), metrics.resamples([item.group for item in films]))


def _siim(
    siim: Sequence[Example],
    answers: Answers,
    known: tuple[np.ndarray, np.ndarray, list[str]],
    item: Calibrated,
    table: Folds,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Typical against Negative (``known``: scores, truth, groups) and against the doubtful; and by fold."""
    scores, truth, groups = known
    each = table.auc(scores, truth)
    right = accurate(scores, truth, groups, table)
    found: dict[str, Any] = {
        "typical_v_no_pneumonia_auc": folds.mean(each, len(truth)),
        "typical_v_no_pneumonia_accuracy": metrics.figure_at_once(
            metrics.share(right, np.ones(len(right), bool)), table.weights, len(right)
        ),
    }
    if len(table.names) > 1:
        found["typical_v_no_pneumonia_auc_pooled_on_one_scale"] = metrics.figure_at_once(
            lambda w: metrics.auc(item.scale, truth, w), table.weights, len(truth)
        )
    unsure = [index for index, film in enumerate(siim) if film.facts["finding"] != "Negative for Pneumonia"]
    typical = np.array([siim[index].facts["finding"] == "Typical Appearance" for index in unsure], float)
    others = _table([siim[index] for index in unsure])
    found["typical_v_indeterminate_and_atypical_auc"] = auc(others, answers.image[unsure, SCORE], typical)
    accuracy = {f"fold {name}": round(float(right[table.networks == name].mean()), 4) for name in table.names}
    return found, {"siim_auc": table.spread(each), "siim_accuracy": accuracy}


def accurate(scores: np.ndarray, truth: np.ndarray, groups: list[str], table: Folds) -> np.ndarray:
    """(M,) whether a film is judged right by the threshold that is best on the other folds' networks and films.

    With one network the threshold is that of the other groups of its fold.
    """
    part = table.networks
    p = scores
    if len(table.names) > 1:
        p = calibrate.from_sisters((scores, truth, part), scores, part)[0]
    else:
        part = metrics.parts_of(groups)
    right = np.zeros(len(scores), bool)
    for number in np.unique(part):
        inside = part == number
        table_ = metrics.roc(p[~inside], truth[~inside])
        positive = truth[~inside].mean()
        best = table_[int(np.argmax(table_[:, 1] * positive + (1 - table_[:, 0]) * (1 - positive))), 2]
        right[inside] = (p[inside] >= best) == (truth[inside] > 0)
    return right


def _controls(
    judges: Judges, films: Sequence[Example], full: np.ndarray, truth: np.ndarray, table: Folds
) -> dict[str, Any]:
    """A network that reads lungs knows nothing once they are black, and loses nothing once all else is."""
    without = judges.look(films, "lungs blacked out", black_lungs).image[:, SCORE]
    only = judges.look(films, "lungs alone", lungs_alone).image[:, SCORE]
    found = {
        "lungs_blacked_out_auc": auc(table, without, truth),
        "lungs_only_auc": auc(table, only, truth),
        "lungs_only_minus_full_auc": folds.mean(table.auc(only, truth) - table.auc(full, truth), len(films)),
    }
    blind = judges.beside.get("blacked")
    if blind is not None:
        mine = [index for index, film in enumerate(films) if film.fold == blind.fold]
    if blind is not None and mine:
        answers = blind.look([films[index] for index in mine], "lungs blacked out", black_lungs)
        found["retrained_with_the_lungs_blacked_out_auc"] = auc(
            _table([films[index] for index in mine]), answers.image[:, SCORE], truth[mine]
        )
    return found


def _by_source(films: Sequence[Example], truth: np.ndarray, item: Calibrated, table: Folds) -> dict[str, Any]:
    return subgroups(item.scale, truth, item.flagged["balanced"], of_sources(films), table.weights)


class Opacities:
    """Opacity boxes over all of SIIM's films, clear ones included; the lungs' box where it is the only object."""

    def __init__(self, siim: Sequence[Example], answers: Answers) -> None:
        self._table = _table(siim)
        opacities = answers.boxes_of(SCORE)
        self._at = {limit: detections.match(*opacities, truths(siim, POSITIVE), limit) for limit in (0.5, 0.3)}
        self._precision = {limit: self._table.precision(item) for limit, item in self._at.items()}
        lungs = [item.of(0)[0] for item in answers.found]
        true = truths(siim, NEGATIVE)
        self._lungs = np.array(
            [len(b) > 0 and detections.iou(b[0], t).max() > 0.5 for b, t in zip(lungs, true, strict=True)]
        )

    def figures(self) -> dict[str, Any]:
        """Average precision, sensitivity at one false box a film, the lungs' hit rate."""
        boxes, films = int(self._at[0.5].boxes.sum()), len(self._lungs)
        found: dict[str, Any] = {
            f"opacity_ap_iou_{limit}": folds.mean_precision(each, boxes) for limit, each in self._precision.items()
        }
        found["opacity_sensitivity_at_1_false_box_iou_0.3"] = folds.mean(
            self._table.sensitivity(self._at[0.3].best(_TAIL), 1.0), films
        )
        if len(self._table.names) > 1:
            pooled = metrics.draws(
                lambda w: detections.average_precision(self._at[0.5], w), self._table.weights, rows=20
            )
            found["opacity_ap_iou_0.5_pooled"] = metrics.centred(pooled, boxes)
        found["lungs_top1_iou_0.5"] = metrics.figure_at_once(
            metrics.share(self._lungs, np.ones(films, bool)), self._table.weights, films
        )
        return found

    def by_fold(self) -> dict[str, Any]:
        """Each fold's own."""
        return {"opacity_ap_iou_0.5": self._table.spread(self._precision[0.5])}

    def curve(self) -> list[list[float]]:
        """False boxes a film and sensitivity, the mean of the networks."""
        return detections.froc_curve(self._table.split(self._at[0.3]), _RATES)

    def threshold(self) -> float:
        """The score from which boxes give one false one in two films."""
        return calibrate.box_threshold(self._at[0.3], np.ones(len(self._lungs)), 0.5)
