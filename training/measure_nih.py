"""The figures of nih_ssd on a fold it was not trained on.

In: examples and the network's answers. Out: a Measured. Every interval is a bootstrap over groups (patients).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cxr_core.records import NIH_LABELS, PRESETS
from training import calibrate, metrics
from training.data import Example
from training.measured import Measured
from training.predict import Answers, Predictor, truths

LIMITS_OF_OVERLAP = (0.1, 0.3, 0.5)
_FALSE_A_FILM = 1 / len(NIH_LABELS)


def measure(predictor: Predictor, examples: Sequence[Example], fold: int) -> Measured:
    """All figures on one fold."""
    films = [example for example in examples if example.fold == fold]
    answers = predictor.look(films, "NIH")
    boxed = np.array([bool(example.facts["boxed"]) for example in films])
    clear = np.array([example.stratum == "clear" for example in films])
    weights = metrics.resamples([example.group for example in films])
    hits = _Hits(films, answers)
    curves: dict[str, Any] = {"roc": {}, "reliability": {}}
    calibrated = {}
    for kind, label in enumerate(NIH_LABELS):
        truth = np.array([example.targets[label] for example in films], float)
        item = calibrate.calibrate(answers.image[:, kind], truth, [film.group for film in films], weights)
        calibrated[label] = item
        curves["roc"][label], curves["reliability"][label] = item.roc, item.reliability
    local = _Localised(films, answers, boxed, clear)
    curves["froc"] = {"all": local.froc_points()}
    values = {
        "location": hits.figures(weights),
        "boxes": local.figures(weights),
        "image_auc": _image(films, answers, weights, ~boxed),
        "films_flagged_by_any_of_the_eight_labels": _flagged(answers, calibrated, clear, weights),
        "calibration_error": {label: item.errors() for label, item in calibrated.items()},
    }
    values["calibration_error"]["mean"] = {
        key: round(float(np.mean([item.errors()[key] for item in calibrated.values()])), 4)
        for key in ("raw", "calibrated")
    }
    thresholds = {label: local.threshold(kind) for kind, label in enumerate(NIH_LABELS)}
    return Measured(calibrate.as_card(values), curves, calibrated, thresholds)


def _flagged(
    answers: Answers, calibrated: Mapping[str, calibrate.Calibrated], clear: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
    """What eight thresholds at once mean for a worklist: eight small false alarm rates add up to a large one."""
    found = {}
    for preset in PRESETS:
        above = [
            calibrated[label].platt(answers.image[:, kind]) >= calibrated[label].points[preset].threshold
            for kind, label in enumerate(NIH_LABELS)
        ]
        flagged = np.any(above, axis=0).astype(float)
        found[preset] = {
            name: metrics.figure(metrics.rate_at(flagged, films, 0.5), weights, int(films.sum()))
            for name, films in (("no_finding", clear), ("other_films", ~clear))
        }
    return found


class _Hits:
    """The best box of each true class: does it overlap the radiologist's."""

    def __init__(self, films: Sequence[Example], answers: Answers) -> None:
        rows = []
        for kind, label in enumerate(NIH_LABELS):
            for index, true in enumerate(truths(films, label)):
                if len(true) and label in films[index].facts["boxed"].split(","):
                    boxes, _ = answers.found[index].of(kind)
                    rows.append((index, kind, metrics.iou(boxes[0], true).max() if len(boxes) else 0.0))
        self._film, self._kind, self._overlap = (np.array(column) for column in zip(*rows, strict=True))

    def figures(self, weights: np.ndarray) -> dict[str, Any]:
        """Top-1 hits: macro of all, macro without Cardiomegaly (a fixed box already hits that one), each class."""
        found: dict[str, Any] = {}
        every = range(len(NIH_LABELS))
        for limit in LIMITS_OF_OVERLAP:
            name = f"top1_iou_{limit}"
            others = [kind for kind in every if NIH_LABELS[kind] != "Cardiomegaly"]
            found[name] = metrics.figure(self._macro(every, limit), weights, len(self._film))
            found[f"{name}_without_cardiomegaly"] = metrics.figure(
                self._macro(others, limit), weights, int(np.isin(self._kind, others).sum())
            )
        for kind, label in enumerate(NIH_LABELS):
            n = int((self._kind == kind).sum())
            found[label] = {
                f"iou_{limit}": metrics.figure(self._macro([kind], limit), weights, n) for limit in LIMITS_OF_OVERLAP
            }
        return found

    def _macro(self, kinds: Sequence[int], limit: float) -> Callable[[np.ndarray], float]:
        """Mean over the classes that a resample holds."""

        def measure(weight: np.ndarray) -> float:
            mine = weight[self._film]
            shares = [
                float((mine * (self._overlap > limit))[self._kind == kind].sum() / mine[self._kind == kind].sum())
                for kind in kinds
                if mine[self._kind == kind].sum() > 0
            ]
            return float(np.mean(shares)) if shares else float("nan")

        return measure


class _Localised:
    """Boxes against all films: average precision, and sensitivity at a rate of false boxes."""

    def __init__(self, films: Sequence[Example], answers: Answers, boxed: np.ndarray, clear: np.ndarray) -> None:
        self._boxed, self._searched = boxed, boxed | clear
        self._at = {
            limit: [
                metrics.match(
                    *zip(*(found.of(kind) for found in answers.found), strict=True),
                    [_only_drawn(true, film, label) for true, film in zip(truths(films, label), films, strict=True)],
                    limit,
                )
                for kind, label in enumerate(NIH_LABELS)
            ]
            for limit in (0.3, 0.5)
        }
        self._all = _together(self._at[0.3])

    def figures(self, weights: np.ndarray) -> dict[str, Any]:
        """Mean average precision on boxed films; sensitivity at one false box a film on boxed and clear ones."""
        found: dict[str, Any] = {}
        for limit, name in ((0.5, "map_iou_0.5"), (0.3, "map_iou_0.3")):
            each = self._at[limit]
            found[name] = metrics.figure(
                lambda w, each=each: metrics.mean_known(  # type: ignore[misc]
                    [metrics.average_precision(item, w * self._boxed) for item in each]
                ),
                weights,
                int(self._boxed.sum()),
            )
        found["sensitivity_at_1_false_box"] = metrics.figure(
            lambda w: metrics.sensitivity_at(self._all, w * self._searched, 1.0), weights, int(self._searched.sum())
        )
        return found

    def froc_points(self) -> list[list[float]]:
        """False boxes a film and sensitivity, up to eight."""
        false, true = metrics.froc(self._all, self._searched.astype(float))
        inside = false <= 8
        return calibrate.thin(np.column_stack([false[inside], true[inside]]))

    def threshold(self, kind: int) -> float:
        """The label's box threshold: an eighth of a false box a film, so that all eight give one."""
        return calibrate.box_threshold(self._at[0.3][kind], self._searched.astype(float), _FALSE_A_FILM)


def _only_drawn(true: np.ndarray, film: Example, label: str) -> np.ndarray:
    """NIH's own boxes; RSNA's opacities teach, but are not NIH's reference."""
    return true if label in film.facts["boxed"].split(",") else true[:0]


def _together(each: Sequence[metrics.Detections]) -> metrics.Detections:
    columns = (np.concatenate([getattr(item, name) for item in each]) for name in ("film", "score", "hit"))
    film, score, hit = columns
    order = np.argsort(-score, kind="stable")
    return metrics.Detections(film[order], score[order], hit[order], np.sum([item.boxes for item in each], axis=0))


def _image(films: Sequence[Example], answers: Answers, weights: np.ndarray, unboxed: np.ndarray) -> dict[str, Any]:
    truth = np.array([[example.targets[label] for label in NIH_LABELS] for example in films], float)

    def macro(keep: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda w: metrics.mean_known(
            [metrics.auc(answers.image[:, k], truth[:, k], w * keep) for k in range(len(NIH_LABELS))]
        )

    every = np.ones(len(films))
    found: dict[str, Any] = {
        "macro": metrics.figure(macro(every), weights, len(films)),
        "macro_on_unboxed_films": metrics.figure(macro(unboxed.astype(float)), weights, int(unboxed.sum())),
    }
    for kind, label in enumerate(NIH_LABELS):
        found[label] = metrics.figure(
            lambda w, k=kind: metrics.auc(answers.image[:, k], truth[:, k], w),  # type: ignore[misc]
            weights,
            int(truth[:, kind].sum()),
        )
    return found
