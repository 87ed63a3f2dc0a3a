"""The figures of the classifiers: inside the collection they learnt from, and where that collection's hospitals end.

In: what the network says of films, examples, the fold held out. Out: a Measured. Every interval is a bootstrap over
groups (patients). Calibration and operating points come from the fold held out; SIIM and ieee8023 are only measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cxr_core.records import COVID as FINDING
from training import calibrate, covid, metrics, radiography
from training.calibrate import Calibrated
from training.data import Example
from training.failures import failures
from training.folds import Folds
from training.measure_covid import accurate
from training.measured import Measured
from training.subgroups import of_sources, subgroups

Look = Callable[[Sequence[Example], str], np.ndarray]
"""Films and what they are -> raw image scores (N, C)."""

PUBLISHED_FILMS, PUBLISHED_COVID = 400, 100
_WITHOUT_PNEUMONIA = ("No Finding",)


def measure_two(look: Look, examples: Sequence[Example], kept: frozenset[str], fold: int) -> Measured:
    """COVID-19 against films without pneumonia; ``kept``: names of the run's own validation films."""
    name = covid.COVID
    own = _scored(look, [item for item in examples if item.name in kept], "own validation", name)
    held = _scored(look, [item for item in examples if item.stratum and item.fold == fold], "held-out fold", name)
    viral = _scored(look, [item for item in _of(examples, radiography.SOURCE, fold) if not item.stratum], "viral", name)
    beyond = _beyond(look, examples, fold, name, 0)
    item = held.calibrated()
    values = {
        "own_validation": {"auc": own.auc(), "accuracy_at_one_half": own.accuracy(own.said())},
        "radiography_held_out_fold": {
            "covid_v_films_without_pneumonia_auc": held.auc(),
            "covid_v_films_without_pneumonia_accuracy_at_one_half": held.accuracy(held.said()),
            "covid_v_films_without_pneumonia_accuracy": held.accuracy(held.right()),
            "covid_v_viral_pneumonia_auc": held.only(held.truth > 0).with_(viral).auc(),
        },
        **_beyond_figures(beyond),
        "calibration_error_on_radiography": {"raw": round(item.raw_error, 4), "calibrated": item.error},
        "subgroups": {FINDING: _by_source([held, *beyond.values()], item)},
    }
    return Measured(calibrate.as_card(values), _curves(item, held), {covid.POSITIVE: item}, {})


def measure_four(look: Look, examples: Sequence[Example], kept: frozenset[str], fold: int) -> Measured:
    """Four classes, and COVID-19 against the rest."""
    del kept
    films = [item for item in examples if item.stratum and item.fold == fold]
    answers = look(films, "held-out fold")
    each = {name: _Scored(films, answers[:, k], name) for k, name in enumerate(radiography.FOUR)}
    calibrated = {name: item.calibrated() for name, item in each.items()}
    database = np.array([item.source == radiography.SOURCE for item in films])
    mine = each[radiography.COVID].only(database)
    beyond = _beyond(look, examples, fold, radiography.COVID, radiography.FOUR.index(radiography.COVID))
    item = calibrated[radiography.COVID]
    # yes-or-no scores of four classes are comparable only as probabilities, each film's calibrated on other patients
    p = np.stack([found.crossed for found in calibrated.values()], -1)
    values = {
        "published_protocol": _classes(films, answers, p, drawn(films)),
        "held_out_fold": {
            **_classes(films, answers, p, np.arange(len(films))),
            "films_by_true_and_told_class": told(films, p),
        },
        "radiography": {
            "covid_v_rest_auc": mine.auc(),
            "covid_v_rest_accuracy": mine.accuracy(mine.right()),
            "covid_v_rest_accuracy_of_the_highest_probability": mine.accuracy(_highest(films, p)[database]),
            "covid_v_viral_pneumonia_auc": mine.only(_either(mine, radiography.VIRAL)).auc(),
            "covid_v_films_without_pneumonia_auc": mine.only(_either(mine, radiography.NORMAL)).auc(),
        },
        "within_nih": {"lung_opacity_v_no_finding_auc": each[radiography.OPACITY].only(~database).auc()},
        **_beyond_figures(beyond),
        "calibration_error": {_key(name): found.errors() for name, found in calibrated.items()},
        "subgroups": {FINDING: _by_source([each[radiography.COVID], *beyond.values()], item)},
    }
    return Measured(calibrate.as_card(values), _curves(item, each[radiography.COVID]), calibrated, {})


class _Scored:
    """Films, their raw scores of one class (M,), and its truth."""

    def __init__(self, films: Sequence[Example], scores: np.ndarray, name: str) -> None:
        self.films, self.scores, self.name = list(films), scores, name
        self.truth = np.array([item.targets[name] for item in films], float)
        self.groups = [item.group for item in films]
        self.weights = metrics.resamples(self.groups)

    def only(self, keep: np.ndarray) -> _Scored:
        """Some of the films."""
        return _Scored([self.films[index] for index in np.flatnonzero(keep)], self.scores[keep], self.name)

    def with_(self, other: _Scored) -> _Scored:
        """These films and the other ones."""
        return _Scored([*self.films, *other.films], np.concatenate([self.scores, other.scores]), self.name)

    def auc(self) -> metrics.Figure:
        """Area under the ROC."""
        return metrics.figure_at_once(lambda w: metrics.auc(self.scores, self.truth, w), self.weights, len(self.films))

    def said(self) -> np.ndarray:
        """(M,) whether a raw score of one half or more is right, as the published networks are read."""
        return np.asarray((self.scores >= 0.5) == (self.truth > 0))

    def right(self) -> np.ndarray:
        """(M,) whether the film is judged right by the threshold that is best on other patients."""
        return accurate(self.scores, self.truth, self.groups, Folds(np.zeros(len(self.films), int), self.weights))

    def accuracy(self, right: np.ndarray) -> metrics.Figure:
        """Share of films judged right."""
        every = np.ones(len(self.films), bool)
        return metrics.figure_at_once(metrics.share(right, every), self.weights, len(self.films))

    def calibrated(self) -> Calibrated:
        """Platt, operating points and curves on these films."""
        return calibrate.calibrate(self.scores, self.truth, self.groups, self.weights)


def _scored(look: Look, films: Sequence[Example], what: str, name: str, kind: int = 0) -> _Scored:
    return _Scored(films, look(films, what)[:, kind] if films else np.zeros(0), name)


def _of(examples: Sequence[Example], source: str, fold: int) -> list[Example]:
    return [item for item in examples if item.source == source and item.fold == fold]


def _either(mine: _Scored, finding: str) -> np.ndarray:
    return np.array([film.facts["finding"] in (finding, radiography.COVID) for film in mine.films])


def _beyond(look: Look, examples: Sequence[Example], fold: int, name: str, kind: int) -> dict[str, _Scored]:
    """Films of other sources whose class is sure: the held-out fold of SIIM, all of ieee8023."""
    siim = [item for item in _of(examples, "siim", fold) if name in item.targets]
    outside = [item for item in examples if item.source == "ieee8023" and name in item.targets]
    return {
        "siim": _scored(look, siim, "SIIM", name, kind),
        "ieee8023": _scored(look, outside, "outside", name, kind),
    }


def _beyond_figures(beyond: Mapping[str, _Scored]) -> dict[str, Any]:
    siim, outside = beyond["siim"], beyond["ieee8023"]
    clear = np.array([film.facts["finding"] in _WITHOUT_PNEUMONIA for film in outside.films], bool)
    sick = outside.truth > 0
    return {
        "siim": {
            "typical_v_no_pneumonia_auc": siim.auc(),
            "typical_v_no_pneumonia_accuracy_at_one_half": siim.accuracy(siim.said()),
        },
        "outside_ieee8023": {
            "covid_v_other_pneumonia_auc": outside.only(~clear).auc(),
            "covid_v_no_finding_auc": outside.only(sick | clear).auc(),
            "accuracy_at_one_half": outside.accuracy(outside.said()),
        },
    }


def _by_source(parts: Sequence[_Scored], item: Calibrated) -> dict[str, Any]:
    """The same threshold on every source."""
    films = [film for part in parts for film in part.films]
    p = item.platt(np.concatenate([part.scores for part in parts]))
    truth = np.concatenate([part.truth for part in parts])
    flagged = p >= item.points["balanced"].threshold
    return subgroups(p, truth, flagged, of_sources(films), metrics.resamples([film.group for film in films]))


def _curves(item: Calibrated, held: _Scored) -> dict[str, Any]:
    names = [film.name for film in held.films]
    return {
        **{
            kind: {FINDING: getattr(item, kind)}
            for kind in ("roc", "precision_recall", "reliability", "confusion", "scores", "rates")
        },
        "failures": {FINDING: failures(item.crossed, held.truth, item.flagged["balanced"], names)},
    }


def drawn(films: Sequence[Example], seed: int = 1) -> np.ndarray:
    """Rows of the published protocol: 100 COVID-19 films and 300 others, of each class alike as far as it goes."""
    rng = np.random.default_rng(seed)
    rows = {name: rng.permutation([k for k, film in enumerate(films) if _published(film, name)]) for name in _RARE}
    chosen = list(rows.pop(radiography.COVID)[:PUBLISHED_COVID])
    left = PUBLISHED_FILMS - PUBLISHED_COVID
    for done, name in enumerate(rows):
        taken = rows[name][: left // (len(rows) - done)]
        left -= len(taken)
        chosen += list(taken)
    return np.sort(np.array(chosen, int))


_RARE = (radiography.COVID, radiography.OPACITY, radiography.VIRAL, radiography.NORMAL)
"""The rarest of the three others first, so that the commoner ones fill up."""


def _published(film: Example, name: str) -> bool:
    """The published collection's classes: films of NIH without a finding are ours."""
    return film.facts["finding"] == name and (film.source == radiography.SOURCE or name == radiography.OPACITY)


def _highest(films: Sequence[Example], p: np.ndarray) -> np.ndarray:
    """(M,) whether COVID-19 has the highest probability exactly where it should."""
    sick = np.array([film.targets[radiography.COVID] for film in films], bool)
    return np.asarray((p.argmax(1) == radiography.FOUR.index(radiography.COVID)) == sick)


def _truths(films: Sequence[Example]) -> np.ndarray:
    return np.array([radiography.FOUR.index(film.facts["finding"]) for film in films])


def _classes(
    films: Sequence[Example], answers: np.ndarray, p: np.ndarray, rows: np.ndarray
) -> dict[str, metrics.Figure]:
    """Accuracy of the highest probability and of the highest raw score; one-against-rest AUC; COVID-19 alone."""
    truth, scores = _truths(films)[rows], answers[rows]
    weights = metrics.resamples([films[row].group for row in rows])
    right, every = p[rows].argmax(1) == truth, np.ones(len(rows), bool)

    def auc(kind: int, w: np.ndarray) -> Any:
        return metrics.auc(scores[:, kind], (truth == kind).astype(float), w)

    def macro(w: np.ndarray) -> np.ndarray:
        return metrics.mean_over(np.stack([auc(kind, w) for kind in range(len(radiography.FOUR))], -1))

    number = radiography.FOUR.index(radiography.COVID)
    return {
        "accuracy": metrics.figure_at_once(metrics.share(right, every), weights, len(rows)),
        "accuracy_of_raw_scores": metrics.figure_at_once(
            metrics.share(scores.argmax(1) == truth, every), weights, len(rows)
        ),
        "auc_macro": metrics.figure_at_once(macro, weights, len(rows)),
        "covid_auc": metrics.figure_at_once(lambda w: auc(number, w), weights, len(rows)),
        "covid_recognised": metrics.figure_at_once(
            metrics.share(right, truth == number), weights, int((truth == number).sum())
        ),
    }


def told(films: Sequence[Example], p: np.ndarray) -> dict[str, dict[str, int]]:
    """Films by true class and the class with the highest probability."""
    truth, said = _truths(films), p.argmax(1)
    return {
        _key(name): {
            f"told_{_key(other)}": int(((truth == row) & (said == column)).sum())
            for column, other in enumerate(radiography.FOUR)
        }
        for row, name in enumerate(radiography.FOUR)
    }


def _key(name: str) -> str:
    """A class in the words of a card; Normal is the name of a class, never a verdict on a film."""
    return "without_pneumonia" if name == radiography.NORMAL else name
