"""The models of one site, ready: who is asked, who speaks for which finding, and what that makes of a screening.

In: settings, or detectors that are handed in. Out: facts of the models, by name, and where a score comes from. It opens
no file of a film and screens none; pipeline.py does, with what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Self

from cxr_core import gate, shortcut
from cxr_core.answers import Panel
from cxr_core.card import InputSpec, ModelCard, thresholds_of
from cxr_core.detect import Detector, Opinions, Unusable, load_detectors, load_opinions, opinion_cards
from cxr_core.explain import Explanation
from cxr_core.explained import explained
from cxr_core.records import LABELS, ModelRef, Notice, Radiograph, Urgency, models_key
from cxr_core.settings import Settings
from cxr_core.voices import speakers


class Models:
    """What ``pipeline.Screener`` is built on; may be shared by threads.

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
        if self._gate:  # from here on nobody may come past it, not in a process that finds its folder gone either
            self._settings = replace(self._settings, gate="required")
        self._alarm = shortcut.load(settings) if detectors is None else None
        found = tuple(detectors) if detectors is not None else load_detectors(settings)
        speaks_for = speakers([detector.card for detector in found])
        # Detectors that are handed in come with their own second opinions, if any.
        self._given = tuple(opinions or ()) if detectors is not None or opinions is not None else None
        self._asked = self._ask(settings.wants_opinion)
        self._voices = tuple((detector, labels) for detector, labels in zip(found, speaks_for, strict=True) if labels)
        self._models = tuple(detector.ref for detector, _ in self._voices)
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

    def switched(self, switches: Mapping[str, bool]) -> Self:
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
        """One digest for everything that is run: the detectors, the second opinions, the gate and the alarm."""
        others = [item.ref for item in self.opinions] + ([self._gate.card.ref()] if self._gate else [])
        return models_key((*self.models, *others, *((self._alarm.ref,) if self._alarm else ())))

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
    def panel(self) -> Panel:
        """Who is asked about a film."""
        return Panel(self._voices, self.opinions, self._alarm)

    @property
    def specs(self) -> tuple[InputSpec, ...]:
        """What the models want to see of a film, each once, however many of them want the same."""
        return tuple(dict.fromkeys(item.card.input for item in (*self.detectors, *self.opinions)))

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
