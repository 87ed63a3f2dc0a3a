"""Joins the stages: input files in, screenings out, in the same order, as early as they can be had.

    read-ahead threads      bytes -> Radiograph -> what each model wants to see; the decoded film is then let go
      or their processes    the same in a longer run (opening.py), so that a film whose decoder dies is lost alone
    the caller's thread     waiting films in one batch -> detections -> Screening

Memory is bounded: films being decoded hold at most ``settings.memory_mb`` together, each as much as its header asks for
(budget.py); one that needs more is decoded alone. The bytes of one film more than there are readers wait beside them.
When reading is slower than the models, batches are small and results come one by one; when the models are slower,
batches fill. What is asked of the models, and a screening made of their answers, stands in answers.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from typing import Any

from cxr_core import gate
from cxr_core.answers import Film, Panel, answer, refused
from cxr_core.budget import Budget
from cxr_core.card import InputSpec, ModelCard, thresholds_of
from cxr_core.detect import Detector, Opinions, Unusable, load_detectors, load_opinions, opinion_cards
from cxr_core.errors import RecordError, Refusal
from cxr_core.explain import Explanation
from cxr_core.explained import explained
from cxr_core.opening import Opened, Opener, Unread
from cxr_core.read import digest
from cxr_core.read.sources import InputFile
from cxr_core.readahead import ReadAhead
from cxr_core.records import (
    LABELS,
    ModelRef,
    Notice,
    Radiograph,
    Screening,
    Seconds,
    Urgency,
    models_key,
)
from cxr_core.settings import Settings, cores
from cxr_core.voices import speakers

FLOOR = 0.05
_MOST_READERS = 4

Known = Callable[[str], Screening | None]
Allowed = Callable[[str], frozenset[str]]


class Screener:
    """The models of one site, ready; may be shared by threads. ``screen`` holds all state of a run.

    Raises ModelNotFound or ModelInvalid if the models cannot answer for every one of LABELS. A further model with
    labels of its own adds its boxes to the findings; it has no say in the nine scores. Second opinions are asked as the
    settings say, until ``switched`` says otherwise; one that cannot be used is named in ``unusable``.
    """

    def __init__(
        self,
        settings: Settings,
        detectors: Sequence[Detector] | None = None,
        opinions: Sequence[Detector] | None = None,
    ) -> None:
        # Detectors that are handed in are asked about pictures of their own kind, which no learnt gate knows.
        self._settings = replace(settings, gate="tags") if detectors is not None and settings.gate == "on" else settings
        self._gate = gate.load(self._settings)
        self._budget = Budget(self._settings.memory_mb)
        found = tuple(detectors) if detectors is not None else load_detectors(settings)
        speaks_for = speakers([detector.card for detector in found])
        # Detectors that are handed in come with their own second opinions, if any.
        self._given = tuple(opinions or ()) if detectors is not None or opinions is not None else None
        self._asked = self._ask(settings.wants_opinion)
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

    def switched(self, switches: Mapping[str, bool]) -> Screener:
        """The same detectors beside the second opinions that are switched on; ``switches`` by model name."""
        if not switches:
            return self
        other = copy(self)
        other._asked = self._ask(lambda name: switches.get(name, self._settings.wants_opinion(name)))
        return other

    def _ask(self, wants: Callable[[str], bool]) -> Opinions:
        if self._given is None:
            return load_opinions(self._settings, wants)
        return Opinions(tuple(item for item in self._given if wants(item.card.name)))

    @property
    def opinions(self) -> tuple[Detector, ...]:
        """The second opinions that are asked."""
        return self._asked.detectors

    @property
    def unchecked(self) -> Notice | None:
        """What people should know where pictures are not checked for what they show."""
        return None if self._gate else gate.UNCHECKED

    @property
    def gate_card(self) -> ModelCard | None:
        """The card of the network that checks pictures, if there is one."""
        return self._gate.card if self._gate else None

    @property
    def silent(self) -> tuple[ModelCard, ...]:
        """Cards of second opinions that are found and not asked."""
        asked = {item.card.name for item in self.opinions} | {item.name for item in self.unusable}
        return tuple(card for card in self._offered() if card.name not in asked)

    def _offered(self) -> tuple[ModelCard, ...]:
        if self._given is not None:
            return tuple(item.card for item in self._given)
        return tuple(card for _, card in opinion_cards(self._settings)[0])

    @property
    def unusable(self) -> tuple[Unusable, ...]:
        """Second opinions that cannot be asked, and why."""
        return self._asked.unusable

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Which detectors' weights speak."""
        return self._models

    @property
    def run_key(self) -> str:
        """One digest for everything that is run: the detectors, the second opinions and the gate."""
        others = [item.card for item in self.opinions] + ([self._gate.card] if self._gate else [])
        return models_key((*self.models, *(card.ref() for card in others)))

    @property
    def models_key(self) -> str:
        """One digest for the detectors: other weights, another key.

        Thresholds and screenings belong to it. A second opinion changes neither, so it is not part of it.
        """
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

    @property
    def explains(self) -> frozenset[str]:
        """The findings for which ``explain`` can say where their scores come from."""
        return frozenset[str]().union(*(labels for detector, labels in self._voices if detector.explains))

    def explain(self, film: Radiograph) -> dict[str, Explanation]:
        """Where the film's scores come from, for each finding that the models can tell; runs them once more."""
        return explained(film, self._voices)

    def thresholds(self, preset: str) -> dict[str, float]:
        """The threshold of each of LABELS at a preset; RecordError for a preset that does not exist."""
        said: dict[str, float] = {}
        for detector, labels in self._voices:
            told = thresholds_of((detector.card,), preset)
            said |= {label: value for label, value in told.items() if label in labels}
        return {label: said[label] for label in LABELS}

    @property
    def readers(self) -> int:
        """Threads that decode films; how many of them do so at once, the memory allowed and the films' sizes tell."""
        return min(_MOST_READERS, cores())

    def screen(
        self,
        inputs: Iterable[InputFile],
        floor: float = FLOOR,
        *,
        known: Known | None = None,
        allowed: Allowed | None = None,
    ) -> Generator[Screening, None, None]:
        """A Screening for each input, in order, refused ones too. Boxes scored below ``floor`` are left out.

        ``known`` is asked with the SHA-256 of each input; the Screening it gives, if any, is passed on under this
        input's name and nothing is read. ``allowed`` is asked likewise which of the gate's codes a person has overruled
        for it. Closing the iterator early stops the reading. Anything but a Refusal
        propagates, after the screenings of the inputs before it.
        """
        if not 0.0 <= floor <= 1.0:
            raise RecordError(f"floor must lie in [0, 1], got {floor}")
        return self._screen(inputs, floor, known or _nothing_known, allowed or _nothing_allowed)

    def _screen(
        self, inputs: Iterable[InputFile], floor: float, known: Known, allowed: Allowed
    ) -> Generator[Screening, None, None]:
        with closing(Opener(self._specs(), self._settings, self.readers, self._budget)) as opener:
            tasks = (self._task(item, known, allowed, opener) for item in inputs)
            with ReadAhead(tasks, threads=self.readers, ahead=self._ahead()) as films:
                for batch in _batches(films, self._settings.batch_size):
                    yield from self._finish(batch, floor)

    def _ahead(self) -> int:
        """Prepared films that may wait: two batches, so that one is being filled while one is in the models."""
        one = sum(4 * spec.height * spec.width * spec.channels for spec in self._specs())
        return max(1, min(2 * self._settings.batch_size, self._settings.memory_mb * 1_000_000 // one))

    def _specs(self) -> tuple[InputSpec, ...]:
        return tuple(dict.fromkeys(item.card.input for item in (*self.detectors, *self.opinions)))

    def _task(self, item: InputFile, known: Known, allowed: Allowed, opener: Opener) -> Callable[[], Screening | Film]:
        """Loads the bytes now, one input after the other; what is costly is left to the task."""
        name = _shown(item.name)
        started = time.perf_counter()
        try:
            data = item.load()
        except Refusal as refusal:
            done = refused(name, "", refusal, self.models)
            return lambda: done
        sha256 = digest(data)
        seen = known(sha256)
        if seen is not None:
            again = replace(seen, file=name)
            return lambda: again
        loading = time.perf_counter() - started
        codes = allowed(sha256)
        return lambda: self._opened(opener(data, name, sha256, codes), name, sha256, loading)

    def _opened(self, said: Opened | Unread, name: str, sha256: str, loading: float) -> Screening | Film:
        if isinstance(said, Unread):
            facts: dict[str, Any] = {"models": self.models, "identity": said.identity, "image": said.facts}
            return Screening(name, sha256, "refused", refusal=said.refusal, **facts)
        seconds = Seconds(loading + said.read_seconds, said.prepare_seconds)
        views = dict(zip(self._specs(), said.views, strict=True))
        return Film(name, sha256, said.facts, said.warnings, views, seconds, said.identity)

    def _finish(self, batch: Sequence[Screening | Film], floor: float) -> Iterator[Screening]:
        """Screenings of a batch in order; those that need no model and stand first do not wait for it."""
        films, panel = [item for item in batch if isinstance(item, Film)], Panel(self._voices, self.opinions)
        answers: Iterator[Screening] | None = None
        for item in batch:
            if isinstance(item, Screening):
                yield item
                continue
            answers = answers or iter(answer(films, panel, floor))
            yield next(answers)


def _batches(films: ReadAhead[Screening | Film], most: int) -> Iterator[list[Screening | Film]]:
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


def _nothing_allowed(_sha256: str) -> frozenset[str]:
    return frozenset()
