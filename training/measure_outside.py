"""covid_ssd beyond SIIM: the radiography database's own classes, and hospitals nobody trained or tuned on.

In: judges, examples. Out: figures by name. Thresholds come from SIIM; nothing here chooses anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training import calibrate, folds, metrics
from training.calibrate import Calibrated
from training.covid import COVID
from training.data import Example
from training.folds import Folds
from training.judges import Judges
from training.subgroups import of_sources, subgroups

SCORE = 1  # the label map's second class, covid_19_positive
_WITHOUT_PNEUMONIA = ("No Finding",)
_PRESET = "balanced"
_NAN = float("nan")


def positives(films: Sequence[Example]) -> np.ndarray:
    """Truth (M,) of films whose class is sure."""
    return np.array([item.targets[COVID] for item in films], float)


def auc(table: Folds, scores: np.ndarray, truth: np.ndarray, keep: np.ndarray | None = None) -> metrics.Figure:
    """The mean of the networks' AUC on films ``keep`` (M,), or all."""
    n = len(truth) if keep is None else int(keep.sum())
    return folds.mean(table.auc(scores, truth, keep), n) if len(truth) else metrics.Figure(_NAN, _NAN, _NAN, 0)


def radiography(
    judges: Judges,
    examples: Sequence[Example],
    held_out: Sequence[int],
    siim: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Figures, each fold's own, and the subgroup at SIIM's balanced threshold; all empty without such films.

    ``siim``: raw scores, truth and networks of the films that calibrate.
    """
    films = [item for item in examples if item.fold in held_out and item.source == "radiography"]
    if not films:
        return {}, {}, {}
    scores = judges.look(films, "radiography").image[:, SCORE]
    truth = positives(films)
    table = Folds(np.array([item.fold for item in films]), metrics.resamples([item.group for item in films]))
    viral = np.array([item.facts["finding"] == "Viral Pneumonia" for item in films])
    sick = truth > 0
    figures = {
        "covid_v_rest_auc": auc(table, scores, truth),
        "covid_v_viral_pneumonia_auc": auc(table, scores, truth, sick | viral),
        "covid_v_films_without_pneumonia_auc": auc(table, scores, truth, ~viral),
    }
    scale = scores
    if len(table.names) > 1:
        scale = calibrate.one_scale(scores, truth, table.networks)
        figures["covid_v_rest_auc_pooled_on_one_scale"] = metrics.figure_at_once(
            lambda w: metrics.auc(scale, truth, w), table.weights, len(truth)
        )
    _, flagged = calibrate.from_sisters(siim, scores, table.networks)
    members = {**of_sources(films), "source radiography, COVID-19 or viral pneumonia": sick | viral}
    parts = subgroups(scale, truth, flagged[_PRESET], members, table.weights)
    return figures, {"radiography_auc": table.spread(table.auc(scores, truth))}, parts


def outside(judges: Judges, examples: Sequence[Example], item: Calibrated) -> dict[str, Any]:
    """ieee8023: the mean of all networks, and the shipped one where it is another; thresholds from SIIM."""
    films = [film for film in examples if film.source == "ieee8023"]
    if not films:
        return {}
    truth = positives(films)
    without = np.array([film.facts["finding"] in _WITHOUT_PNEUMONIA for film in films])
    sets = {"covid_v_other_pneumonia": ~without, "covid_v_no_finding": without | (truth > 0)}
    weights = metrics.resamples([film.group for film in films])
    every = [answers.image[:, SCORE] for answers in judges.all_look(films, "outside")]
    found: dict[str, Any] = {}
    for name, keep in sets.items():
        each = [metrics.draws(_auc(scores, truth, keep), weights) for scores in every]
        found[f"{name}_auc"] = folds.mean(np.stack(each, -1), int(keep.sum()))
    shipped = judges.beside.get("shipped")
    if shipped is not None:
        scores = shipped.look(films, "outside").image[:, SCORE]
        for name, keep in sets.items():
            found[f"{name}_auc_of_the_shipped_network"] = metrics.figure_at_once(
                _auc(scores, truth, keep), weights, int(keep.sum())
            )
    threshold = item.points[_PRESET].threshold
    flags = [item.platt(scores) >= threshold for scores in every]
    groups = {"covid_19": truth > 0, "other_pneumonia": ~without & (truth == 0), "no_finding": without}
    for name, chosen in groups.items():
        each = [metrics.draws(metrics.share(flagged, chosen), weights) for flagged in flags]
        found[f"{name}_flagged_at_the_balanced_point"] = folds.mean(np.stack(each, -1), int(chosen.sum()))
    return found


def _auc(scores: np.ndarray, truth: np.ndarray, keep: np.ndarray) -> Any:
    return lambda w: metrics.auc(scores[keep], truth[keep], w[..., keep])
