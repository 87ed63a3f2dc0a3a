"""Joins the stages: input files in, screenings out, in the same order, as early as they can be had.

    read-ahead threads      bytes -> Radiograph -> what each model wants to see; the decoded film is then let go
    the caller's thread     waiting films in one batch -> detections -> Screening

Memory is bounded: at most ``settings.memory_mb`` for films being decoded, were all as large as the settings allow.
When reading is slower than the models, batches are small and results come one by one; when the models are slower,
batches fill.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from cxr_core.card import InputSpec, ModelCard, thresholds_of
from cxr_core.detect import Detection, Detector, load_detectors
from cxr_core.errors import ModelError, ModelFailed, ModelNotFound, RecordError, Refusal
from cxr_core.prepare import Placement, prepare
from cxr_core.read import digest, read
from cxr_core.read.sources import InputFile
from cxr_core.readahead import ReadAhead
from cxr_core.records import (
    COVID,
    LABELS,
    NIH_LABELS,
    Box,
    Finding,
    ImageFacts,
    ModelRef,
    Notice,
    Radiograph,
    Screening,
    Seconds,
    Urgency,
    models_key,
)
from cxr_core.settings import Settings, cores
from cxr_core.store import Entry, Store

_log = logging.getLogger(__name__)

FLOOR = 0.05
MOST_BOXES = 10  # of a label, by the contract

_HOME = {COVID: "covid_ssd"} | dict.fromkeys(NIH_LABELS, "nih_ssd")
_MOST_READERS = 4

Known = Callable[[str], Screening | None]
Tensor = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """A film that waits for the models: its facts, and its pixels as each of them wants to see it, (h, w, c)."""

    name: str
    sha256: str
    facts: ImageFacts
    warnings: tuple[Notice, ...]
    views: Mapping[InputSpec, tuple[Tensor, Placement]]
    seconds: Seconds


class Screener:
    """The models of one site, ready; may be shared by threads. ``screen`` holds all state of a run.

    Raises ModelNotFound or ModelInvalid if the models cannot answer for every one of LABELS. A further model with
    labels of its own adds its boxes to the findings; it has no say in the nine scores.
    """

    def __init__(self, settings: Settings, detectors: Sequence[Detector] | None = None) -> None:
        self._settings = settings
        found = tuple(detectors) if detectors is not None else load_detectors(settings)
        speaks_for = _speakers(found)
        self._voices = tuple((detector, labels) for detector, labels in zip(found, speaks_for, strict=True) if labels)
        self._models = tuple(detector.card.ref() for detector, _ in self._voices)
        self._unused = tuple(detector.card for detector, labels in zip(found, speaks_for, strict=True) if not labels)

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Every model that is run."""
        return tuple(detector for detector, _ in self._voices)

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """Their cards, in the order of ``models``."""
        return tuple(detector.card for detector in self.detectors)

    @property
    def unused(self) -> tuple[ModelCard, ...]:
        """Cards of models that are found and not run: others speak for every one of their labels."""
        return self._unused

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Which weights speak."""
        return self._models

    @property
    def models_key(self) -> str:
        """One digest for all of them: other weights, another key."""
        return models_key(self.models)

    @property
    def urgencies(self) -> dict[str, Urgency]:
        """The lane of each of LABELS when it is flagged."""
        said = {
            label.finding: label.urgency
            for detector, labels in self._voices
            for label in detector.card.finding_labels
            if label.finding in labels
        }
        return {label: said[label] for label in LABELS}

    def thresholds(self, preset: str) -> dict[str, float]:
        """The threshold of each of LABELS at a preset; RecordError for a preset that does not exist."""
        said: dict[str, float] = {}
        for detector, labels in self._voices:
            told = thresholds_of((detector.card,), preset)
            said |= {label: value for label, value in told.items() if label in labels}
        return {label: said[label] for label in LABELS}

    @property
    def readers(self) -> int:
        """Threads that decode films: as many as may each decode one of the largest size within the memory allowed."""
        return max(1, min(_MOST_READERS, cores(), self._settings.memory_mb // self._settings.largest_film_mb))

    def screen(
        self, inputs: Iterable[InputFile], floor: float = FLOOR, *, known: Known | None = None
    ) -> Generator[Screening, None, None]:
        """A Screening for each input, in order, refused ones too. Boxes scored below ``floor`` are left out.

        ``known`` is asked with the SHA-256 of each input; the Screening it gives, if any, is passed on under this
        input's name and nothing is read. Closing the iterator early stops the reading. Anything but a Refusal
        propagates, after the screenings of the inputs before it.
        """
        if not 0.0 <= floor <= 1.0:
            raise RecordError(f"floor must lie in [0, 1], got {floor}")
        return self._screen(inputs, floor, known or _nothing_known)

    def _screen(self, inputs: Iterable[InputFile], floor: float, known: Known) -> Generator[Screening, None, None]:
        tasks = (self._task(item, known) for item in inputs)
        with ReadAhead(tasks, threads=self.readers, ahead=self._ahead()) as films:
            for batch in _batches(films, self._settings.batch_size):
                yield from self._finish(batch, floor)

    def _ahead(self) -> int:
        """Prepared films that may wait: two batches, so that one is being filled while one is in the models."""
        one = sum(4 * spec.height * spec.width * spec.channels for spec in self._specs())
        return max(1, min(2 * self._settings.batch_size, self._settings.memory_mb * 1_000_000 // one))

    def _specs(self) -> tuple[InputSpec, ...]:
        return tuple(dict.fromkeys(card.input for card in self.cards))

    def _task(self, item: InputFile, known: Known) -> Callable[[], Screening | _Film]:
        """Loads the bytes now, one input after the other; what is costly is left to the task."""
        name = _shown(item.name)
        started = time.perf_counter()
        try:
            data = item.load()
        except Refusal as refusal:
            done = self._refused(name, "", refusal)
            return lambda: done
        sha256 = digest(data)
        seen = known(sha256)
        if seen is not None:
            again = replace(seen, file=name)
            return lambda: again
        loading = time.perf_counter() - started
        return lambda: self._open(name, sha256, data, loading)

    def _open(self, name: str, sha256: str, data: bytes, loading: float) -> Screening | _Film:
        started = time.perf_counter()
        try:
            film = read(data, name, self._settings)
        except Refusal as refusal:
            return self._refused(name, sha256, refusal)
        opened = time.perf_counter()
        views = {spec: _view(film, spec) for spec in self._specs()}
        facts = ImageFacts(film.width, film.height, film.view, film.source)
        seconds = Seconds(loading + opened - started, time.perf_counter() - opened)
        return _Film(name, sha256, facts, film.warnings, views, seconds)

    def _refused(self, name: str, sha256: str, refusal: Refusal) -> Screening:
        notice = Notice(refusal.code, refusal.message)
        return Screening(name, sha256, "refused", refusal=notice, models=self.models)

    def _finish(self, batch: Sequence[Screening | _Film], floor: float) -> Iterator[Screening]:
        """Screenings of a batch in order; those that need no model and stand first do not wait for it."""
        films = [item for item in batch if isinstance(item, _Film)]
        answers: Iterator[Screening] | None = None
        for item in batch:
            if isinstance(item, Screening):
                yield item
                continue
            answers = answers or iter(self._answer(films, floor))
            yield next(answers)

    def _answer(self, films: Sequence[_Film], floor: float) -> list[Screening]:
        """Screenings of the films; where the models fail on all at once, of each film alone, so that one spoils none.

        What fails alone is refused: a model that stops must not take the films behind it along.
        """
        try:
            return self._detect(films, floor)
        except ModelError as exc:
            _log.warning("the models failed on %d films: %s", len(films), exc)
        if len(films) > 1:
            return [self._answer([film], floor)[0] for film in films]
        refusal = ModelFailed(
            "The film was read, but a model could not answer for it. Send it again; if that fails too, "
            "tell whoever looks after this server: its log says why."
        )
        return [self._refused(film.name, film.sha256, refusal) for film in films]

    def _detect(self, films: Sequence[_Film], floor: float) -> list[Screening]:
        started = time.perf_counter()
        said = [
            detector.detect(np.stack([film.views[detector.card.input][0] for film in films]), floor)
            for detector, _ in self._voices
        ]
        each = (time.perf_counter() - started) / len(films)
        return [
            self._merge(film, answers, floor, each)
            for film, answers in zip(films, zip(*said, strict=True), strict=True)
        ]

    def _merge(self, film: _Film, answers: Sequence[Detection], floor: float, seconds: float) -> Screening:
        """Each label by the model that speaks for it; boxes back in pixels of the image, best first."""
        scores: dict[str, float] = {}
        findings: list[Finding] = []
        for (detector, labels), answer in zip(self._voices, answers, strict=True):
            scores |= {label: _six(score) for label, score in answer.scores.items() if label in labels}
            findings += _findings(answer, film.views[detector.card.input][1], labels, floor)
        return Screening(
            file=film.name,
            sha256=film.sha256,
            status="screened",
            warnings=film.warnings,
            image=film.facts,
            models=self.models,
            scores={label: scores[label] for label in LABELS},
            findings=tuple(sorted(findings, key=lambda item: -item.score)),
            seconds=replace(film.seconds, detect=seconds),
        )


@dataclass(frozen=True, slots=True)
class Arrival:
    """An input that has been taken in: its entry in the worklist, and whether it stood there already."""

    entry: Entry
    known: bool


def take_in(
    inputs: Iterable[InputFile],
    screener: Screener,
    store: Store,
    *,
    synthetic: bool = False,
    received_at: datetime | None = None,
) -> Generator[Arrival, None, None]:
    """Screen inputs into the worklist: keep each film's bytes, then its screening; yields as soon as each is kept.

    An image that these models have screened before is recognised by its hash and not screened again; one that was
    refused is read again, since the reader may have learnt since. ``received_at`` is when a person sent them, if that
    is not now. StoreError ends the iteration; what was yielded is kept.
    """
    received_at = received_at or datetime.now(UTC)

    def screened(sha256: str) -> Entry | None:
        entry = store.find(sha256, screener.models_key) if sha256 else None
        return entry if entry and entry.screening.status == "screened" else None

    def known(sha256: str) -> Screening | None:
        entry = screened(sha256)
        return entry.screening if entry else None

    kept = (InputFile(item.name, _keeping(item, store)) for item in inputs)
    with closing(screener.screen(kept, known=known)) as screenings:
        for screening in screenings:
            entry = screened(screening.sha256)
            yield Arrival(entry or store.save(screening, received_at, synthetic=synthetic), entry is not None)


def _keeping(item: InputFile, store: Store) -> Callable[[], bytes]:
    def load() -> bytes:
        data = item.load()
        store.add_film(data)
        return data

    return load


def _speakers(detectors: Sequence[Detector]) -> tuple[frozenset[str], ...]:
    """For each detector the findings it speaks for: a label of LABELS belongs to its home model, else to the first."""
    claims: dict[str, int] = {}
    for place, detector in enumerate(detectors):
        for label in (str(item.finding) for item in detector.card.finding_labels):
            if label not in claims or detector.card.name == _HOME.get(label):
                claims[label] = place
    missing = [label for label in LABELS if label not in claims]
    if missing:
        wanted = sorted({_HOME[label] for label in missing})
        raise ModelNotFound(
            f"no model answers for {', '.join(missing)}; found {', '.join(d.card.name for d in detectors) or 'none'}. "
            f"Put {' and '.join(wanted)} into the folder that CXR_MODELS_DIR names."
        )
    return tuple(
        frozenset(label for label, owner in claims.items() if owner == place) for place in range(len(detectors))
    )


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


def _view(film: Radiograph, spec: InputSpec) -> tuple[Tensor, Placement]:
    tensors, placements = prepare((film,), spec)
    return tensors[0], placements[0]


def _batches(films: ReadAhead[Screening | _Film], most: int) -> Iterator[list[Screening | _Film]]:
    """Whatever is ready goes together, at most ``most``; a slow reader is not waited for."""
    for first in films:
        batch = [first]
        while len(batch) < most and films.ready():
            batch.append(next(films))
        yield batch


def _shown(name: str) -> str:
    """A name that every file and database can hold: bytes that are no Unicode as escapes, no NUL."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _nothing_known(_sha256: str) -> None:
    return None
