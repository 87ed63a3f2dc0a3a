"""Who speaks for which finding, and what several models say of it together. Pure functions over cards and screenings.

Detectors: each of LABELS belongs to one of them, and its score alone ranks. Second opinions are asked beside them and
rank nothing. Where one of them answers for a label too, the *ensemble* is shown: the mean of the calibrated
probabilities on the logit scale, back through a sigmoid (logarithmic opinion pool with equal weights, Genest & Zidek
1986). On that scale a model that is nearly sure counts as such, where a mean of probabilities would drown it. This
module knows no runtime, no threshold and no page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cxr_core.card import ModelCard
from cxr_core.errors import ModelNotFound
from cxr_core.records import COVID, LABELS, NIH_LABELS, Screening

DISAGREE = 0.5
"""Distance of two probabilities from which models are said to disagree: one calls the finding likely, another not."""

_HOME = {COVID: "covid_ssd"} | dict.fromkeys(NIH_LABELS, "nih_ssd")
_LEAST = 1e-6  # scores are kept to six decimals: a 0 or a 1 stands for anything nearer than this


def speakers(cards: Sequence[ModelCard]) -> tuple[frozenset[str], ...]:
    """For each detector the findings it speaks for: a label of LABELS belongs to its home model, else to the first.

    ModelNotFound where nobody answers for one of LABELS.
    """
    claims: dict[str, int] = {}
    for place, card in enumerate(cards):
        for label in (str(item.finding) for item in card.finding_labels):
            if label not in claims or card.name == _HOME.get(label):
                claims[label] = place
    missing = [label for label in LABELS if label not in claims]
    if missing:
        wanted = sorted({_HOME[label] for label in missing})
        raise ModelNotFound(
            f"no model answers for {', '.join(missing)}; found {', '.join(card.name for card in cards) or 'none'}. "
            f"Put {' and '.join(wanted)} into the folder that CXR_MODELS_DIR names."
        )
    return tuple(frozenset(label for label, owner in claims.items() if owner == place) for place in range(len(cards)))


def ensemble(screening: Screening) -> dict[str, float]:
    """What detector and second opinions say together of each of LABELS for which there is a second opinion."""
    said = {label: together(screening, label) for label in LABELS}
    return {label: pooled(values) for label, values in said.items() if len(values) > 1}


def together(screening: Screening, label: str) -> list[float]:
    """The probabilities of one label: the detector's first, then each second opinion's; empty where refused."""
    if label not in screening.scores:
        return []
    opinions = (opinion.scores for opinion in screening.opinions)
    return [screening.scores[label], *(scores[label] for scores in opinions if label in scores)]


def pooled(probabilities: Sequence[float]) -> float:
    """Mean of probabilities on the logit scale, in [0, 1]; the order does not matter, one alone is itself."""
    if not probabilities:
        raise ValueError("there is nothing to pool: give at least one probability")
    low, high = min(probabilities), max(probabilities)
    inside = (min(1.0 - _LEAST, max(_LEAST, p)) for p in probabilities)
    mean = math.fsum(math.log(p / (1.0 - p)) for p in inside) / len(probabilities)
    return min(high, max(low, 1.0 / (1.0 + math.exp(-mean))))


def disagree(probabilities: Sequence[float]) -> bool:
    """Whether models are so far apart that a person should look twice."""
    return len(probabilities) > 1 and max(probabilities) - min(probabilities) >= DISAGREE
