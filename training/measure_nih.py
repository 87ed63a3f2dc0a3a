"""The figures of nih_ssd on films its networks were not trained on.

In: judges, examples, the folds to measure. Out: a Measured. Every interval is a bootstrap over groups (patients).
Hits of the best box need no scale and are counted over all films; AUC, precision and sensitivity at a rate of false
boxes are the mean of the folds' networks, pooled figures stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from cxr_core.records import NIH_LABELS, PRESETS
from training import calibrate, folds, metrics
from training.calibrate import Calibrated
from training.data import Example
from training.failures import failures
from training.folds import Folds
from training.judges import Judges
from training.measure_boxes import Hits, Localised, drawn
from training.measured import Measured
from training.predict import Answers
from training.subgroups import of_patients, subgroups


def measure(judges: Judges, examples: Sequence[Example], held_out: Sequence[int]) -> Measured:
    """All figures on the folds held out."""
    films = [example for example in examples if example.stratum and example.fold in held_out]
    answers = judges.look(films, "NIH")
    groups = [film.group for film in films]
    weights = metrics.resamples(groups)
    networks = np.array([film.fold for film in films])
    table = Folds(networks, weights)
    truth = np.array([[film.targets[label] for label in NIH_LABELS] for film in films], float)
    calibrated = {
        label: calibrate.calibrate(answers.image[:, kind], truth[:, kind], groups, weights, networks)
        for kind, label in enumerate(NIH_LABELS)
    }
    hits, local = Hits(films, answers), Localised(films, answers, table)
    image, by_fold = _image(answers, truth, table, np.array([bool(drawn(film)) for film in films]), calibrated)
    values: dict[str, Any] = {
        "location": hits.figures(weights),
        "boxes": local.figures(),
        "image_auc": image,
        "films_flagged_by_any_of_the_eight_labels": _flagged(films, calibrated, weights),
        "calibration_error": _errors(calibrated),
        "subgroups": _subgroups(films, truth, calibrated, weights),
    }
    if len(table.names) > 1:
        values["by_fold"] = {**hits.by_fold(table), **local.by_fold(), **by_fold}
    thresholds = {label: local.threshold(kind) for kind, label in enumerate(NIH_LABELS)}
    curves = {**_curves(calibrated), "froc": local.curves(), "failures": _failures(films, truth, calibrated)}
    return Measured(calibrate.as_card(values), curves, calibrated, thresholds)


def _image(
    answers: Answers, truth: np.ndarray, table: Folds, boxed: np.ndarray, calibrated: Mapping[str, Calibrated]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of the image scores, and the macro of each fold."""
    kinds = range(len(NIH_LABELS))
    each = np.stack([table.auc(answers.image[:, k], truth[:, k]) for k in kinds], -1)
    unboxed = np.stack([table.auc(answers.image[:, k], truth[:, k], ~boxed) for k in kinds], -1)
    found: dict[str, Any] = {
        "macro": folds.mean(each, len(truth)),
        "macro_on_unboxed_films": folds.mean(unboxed, int((~boxed).sum())),
    }
    if len(table.names) > 1:
        pooled = [
            metrics.draws(partial(metrics.auc, calibrated[label].scale, truth[:, k]), table.weights)
            for k, label in enumerate(NIH_LABELS)
        ]
        found["macro_pooled_on_one_scale"] = folds.mean(np.stack(pooled, -1), len(truth))
    found |= {label: folds.mean(each[..., k], int(truth[:, k].sum())) for k, label in enumerate(NIH_LABELS)}
    return found, {"image_auc_macro": table.spread(metrics.mean_over(each))}


def _flagged(films: Sequence[Example], calibrated: Mapping[str, Calibrated], weights: np.ndarray) -> dict[str, Any]:
    """What eight thresholds at once mean for a worklist: eight small false alarm rates add up to a large one."""
    clear = np.array([film.stratum == "clear" for film in films])
    found: dict[str, Any] = {}
    for preset in PRESETS:
        flagged = np.any([calibrated[label].flagged[preset] for label in NIH_LABELS], axis=0)
        found[preset] = {
            name: metrics.figure_at_once(metrics.share(flagged, chosen), weights, int(chosen.sum()))
            for name, chosen in (("no_finding", clear), ("other_films", ~clear))
        }
    return found


def _errors(calibrated: Mapping[str, Calibrated]) -> dict[str, Any]:
    found: dict[str, Any] = {
        label: {"raw": round(item.raw_error, 4), "calibrated": item.error} for label, item in calibrated.items()
    }
    found["mean"] = {
        key: round(float(np.mean([item.errors()[key] for item in calibrated.values()])), 4)
        for key in ("raw", "calibrated")
    }
    return found


def _subgroups(
    films: Sequence[Example], truth: np.ndarray, calibrated: Mapping[str, Calibrated], weights: np.ndarray
) -> dict[str, Any]:
    members = of_patients(films)
    return {
        label: subgroups(item.scale, truth[:, kind], item.flagged["balanced"], members, weights)
        for kind, (label, item) in enumerate(calibrated.items())
    }


def _failures(films: Sequence[Example], truth: np.ndarray, calibrated: Mapping[str, Calibrated]) -> dict[str, Any]:
    names = [film.name for film in films]
    return {
        label: failures(item.crossed, truth[:, kind], item.flagged["balanced"], names)
        for kind, (label, item) in enumerate(calibrated.items())
    }


def _curves(calibrated: Mapping[str, Calibrated]) -> dict[str, Any]:
    """What calibration leaves to draw, by kind of curve and label."""
    kinds = ("roc", "precision_recall", "reliability", "confusion", "scores", "rates")
    return {kind: {label: getattr(item, kind) for label, item in calibrated.items()} for kind in kinds}
