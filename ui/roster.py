"""Which models the models folder holds, from their cards alone: by role, and what cannot be used.

In: settings. Out: cards by role. No network is loaded for it. That a second opinion's weights are damaged is known once
a screening has tried to load them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxr_core.card import ModelCard
from cxr_core.detect import Unusable, load_cards, opinion_cards, why_not
from cxr_core.gate import card_of
from cxr_core.settings import Settings
from cxr_core.voices import speakers


@dataclass(frozen=True, slots=True)
class Roster:
    """Detectors that speak, detectors that others speak for, second opinions, those that cannot be used; the gate."""

    detectors: tuple[ModelCard, ...]
    unused: tuple[ModelCard, ...] = ()
    opinions: tuple[ModelCard, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    gate: ModelCard | None = None

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """Every card, the detectors first, the gate last."""
        return (*self.detectors, *self.opinions, *self.unused, *((self.gate,) if self.gate else ()))


def roster(settings: Settings) -> Roster:
    """Read the cards; ModelError if the detectors are not there or cannot be used."""
    cards = load_cards(settings)
    heard = list(zip(cards, speakers(cards), strict=True))
    second, unusable = opinion_cards(settings)
    failed = tuple(Unusable(card.name, why_not(folder)) for folder, card in second if why_not(folder))
    return Roster(
        detectors=tuple(card for card, labels in heard if labels),
        unused=tuple(card for card, labels in heard if not labels),
        opinions=tuple(card for _, card in second),
        unusable=(*unusable, *failed),
        gate=card_of(settings),
    )
