"""Films that wait, and the models of a site -> screenings: each label by the model that speaks for it.

Second opinions see the same batch after the detectors; what one of them fails on is screened without it. A film that a
detector fails on is refused alone. This module knows nothing of files, threads and the store.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cxr_core.card import InputSpec
from cxr_core.detect import Detection, Detector
from cxr_core.errors import ModelError, ModelFailed, Refusal
from cxr_core.prepare import Placement
from cxr_core.records import (
    COVID,
    LABELS,
    Box,
    Finding,
    Identity,
    ImageFacts,
    ModelRef,
    Notice,
    Opinion,
    Screening,
    Seconds,
)
from cxr_core.shortcut import Alarm

_log = logging.getLogger(__name__)

MOST_BOXES = 10  # of a label, by the contract

Tensor = npt.NDArray[np.float32]
Voice = tuple[Detector, frozenset[str]]
"""A detector, and the findings that it speaks for."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Who is asked about a film: the detectors, and the second opinions beside them; ``alarm`` looks twice, if any."""

    voices: tuple[Voice, ...]
    opinions: tuple[Detector, ...]
    alarm: Alarm | None = None

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Which detectors' weights speak."""
        return tuple(detector.ref for detector, _ in self.voices)


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A film that waits for the models: its facts, and its pixels as each of them wants to see it, (h, w, c)."""

    name: str
    sha256: str
    facts: ImageFacts
    warnings: tuple[Notice, ...]
    views: Mapping[InputSpec, tuple[Tensor, Placement]]
    seconds: Seconds
    identity: Identity | None = None


def refused(name: str, sha256: str, refusal: Refusal, models: tuple[ModelRef, ...]) -> Screening:
    """The screening of an input that is refused."""
    return Screening(name, sha256, "refused", refusal=Notice(refusal.code, refusal.message), models=models)


def answer(films: Sequence[Film], panel: Panel, floor: float) -> list[Screening]:
    """Screenings of the films, boxes scored below ``floor`` left out.

    A film that the models fail on alone is refused: a model that stops must not take the films behind it along. Raises
    ModelError where they fail on several: ask about each alone.
    """
    try:
        return _detect(films, panel, floor)
    except ModelError as exc:
        _log.warning("the models failed on %d films: %s", len(films), exc)
        if len(films) > 1:
            raise
    refusal = ModelFailed(
        "The film was read, but a model could not answer for it. Send it again; if that fails too, "
        "tell whoever looks after this server: its log says why."
    )
    return [replace(refused(film.name, film.sha256, refusal, panel.models), identity=film.identity) for film in films]


def _detect(films: Sequence[Film], panel: Panel, floor: float) -> list[Screening]:
    started = time.perf_counter()
    batches = [_batch(films, detector.card.input) for detector, _ in panel.voices]
    said = [detector.detect(batch, floor) for (detector, _), batch in zip(panel.voices, batches, strict=True)]
    films = _alarmed(films, panel, batches, said)
    opinions = _second(films, panel)
    each = (time.perf_counter() - started) / len(films)
    return [
        replace(_merge(film, answers, panel, floor, each), opinions=others)
        for film, answers, others in zip(films, zip(*said, strict=True), opinions, strict=True)
    ]


def _batch(films: Sequence[Film], spec: InputSpec) -> Tensor:
    """The films as one (N, h, w, c); a film alone, which is what a ward sends, is not copied."""
    views = [film.views[spec][0] for film in films]
    return views[0][None] if len(views) == 1 else np.stack(views)


def _alarmed(
    films: Sequence[Film], panel: Panel, batches: Sequence[Tensor], said: Sequence[tuple[Detection, ...]]
) -> Sequence[Film]:
    """The films, those whose COVID-19 score may follow their origin with the warning of it."""
    for (detector, labels), batch, answers in zip(panel.voices, batches, said, strict=True):
        if panel.alarm and COVID in labels:
            notices = panel.alarm(detector, batch, answers)
            return [
                replace(film, warnings=(*film.warnings, notice)) if notice else film
                for film, notice in zip(films, notices, strict=True)
            ]
    return films


def _second(films: Sequence[Film], panel: Panel) -> list[tuple[Opinion, ...]]:
    said = [_opinions_of(item, films) for item in panel.opinions]
    return [tuple(filter(None, (each[place] for each in said))) for place in range(len(films))]


def _merge(film: Film, answers: Sequence[Detection], panel: Panel, floor: float, seconds: float) -> Screening:
    """Each label by the model that speaks for it; boxes back in pixels of the image, best first."""
    scores: dict[str, float] = {}
    findings: list[Finding] = []
    for (detector, labels), answer in zip(panel.voices, answers, strict=True):
        scores |= {label: _six(score) for label, score in answer.scores.items() if label in labels}
        findings += _findings(answer, film.views[detector.card.input][1], labels, floor)
    return Screening(
        file=film.name,
        sha256=film.sha256,
        status="screened",
        warnings=film.warnings,
        image=film.facts,
        models=panel.models,
        scores={label: scores[label] for label in LABELS},
        findings=tuple(sorted(findings, key=lambda item: -item.score)),
        seconds=replace(film.seconds, detect=seconds),
        identity=film.identity,
    )


def _opinions_of(model: Detector, films: Sequence[Film]) -> list[Opinion | None]:
    """One second opinion on each film; None where it failed on that film alone: it must not cost the film its place."""
    ref, spec = model.ref, model.card.input
    try:
        answers = model.detect(_batch(films, spec))
    except ModelError as exc:
        _log.warning("second opinion %s failed on %d films: %s", ref.name, len(films), exc)
        return [None] if len(films) == 1 else [_opinions_of(model, [film])[0] for film in films]
    return [Opinion(ref, {label: _six(score) for label, score in answer.scores.items()}) for answer in answers]


def _findings(answer: Detection, placement: Placement, labels: frozenset[str], floor: float) -> list[Finding]:
    boxes = placement.to_image(answer.boxes)
    found: dict[str, list[Finding]] = {label: [] for label in labels}
    order = np.argsort(-answer.box_scores, kind="stable")
    for place in order.tolist():
        label, score = answer.labels[place], _six(answer.box_scores[place])
        box = _box(boxes[place])
        if label in labels and score >= floor and box and len(found[label]) < MOST_BOXES:
            found[label].append(Finding(label, score, box))
    return [item for label in sorted(labels) for item in found[label]]


def _box(corners: npt.NDArray[np.float64]) -> Box | None:
    """Corners to a hundredth of a pixel; None for a box that lay in the padding and has no area on the film."""
    x1, y1, x2, y2 = (round(float(value), 2) for value in corners)
    return Box(x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _six(score: float) -> float:
    """Six decimals: finer than any runtime agrees with another, and short in a file."""
    return round(float(score), 6)
