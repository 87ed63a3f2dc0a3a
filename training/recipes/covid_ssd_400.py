"""The published size: 400 COVID-19 and 400 other films of the radiography database, one box of the lungs each.

The published system boxed the lung region by hand and let its class be the film's. The database has no boxes, so the
shipped covid_ssd frames the lungs, as it learnt on SIIM's lung boxes. With boxes of your own, drawn in labelImg, give
their folder as --data instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cxr_core.detect import Detector
from training import covid, lungboxes
from training.data import Example
from training.errors import EmptyClass
from training.recipes import covid_ssd

COUNT, SEED = 400, 1
_CLASSES = (("covid", covid.POSITIVE, "typical", 1), ("normal", covid.NEGATIVE, "negative", 0))


def read(folder: Path, count: int = COUNT, detector: Detector | None = None) -> list[Example]:
    """All films of covid/; ``count`` of each class are drawn and trained on, all others only measured.

    ``detector`` frames the lungs; the shipped one unless given.
    """
    detector = detector or lungboxes.shipped()
    films = covid.read(folder)
    taught: dict[str, Example] = {}
    for stratum, label, role, value in _CLASSES:
        chosen = draw([item for item in films if item.source == "radiography" and item.stratum == stratum], count)
        for item, box in zip(chosen, lungboxes.frame(chosen, label, detector), strict=True):
            taught[item.name] = replace(
                item,
                stratum=role,
                targets={covid.COVID: value, covid.OPACITY: value},
                areas=(box,),
                searched=frozenset(covid.BOX_CLASSES),
            )
    return [taught.get(item.name) or replace(item, stratum="") for item in films]


def draw(films: Sequence[Example], count: int) -> list[Example]:
    """``count`` films at random, the same for the same seed whatever their order; EmptyClass if there are fewer."""
    if len(films) < count:
        raise EmptyClass(f"{count} films of each class are drawn, but one class has only {len(films)}")
    return sorted(films, key=lambda item: hashlib.sha256(f"{SEED}:{item.name}".encode()).hexdigest())[:count]


RECIPE = replace(
    covid_ssd.RECIPE,
    name="covid_ssd_400",
    title="The published size: 400 + 400 films, one lung box each",
    read=read,
    strata={"typical": 8, "negative": 8},
    minutes=20.0,
    data={
        "source": "COVID-19 Radiography Database, 256 px: 400 COVID-19 and 400 Normal films drawn by a seed; only "
        "measured: SIIM, the database's other films, covid-chestxray-dataset (ieee8023)",
        "eligibility": "frontal films; patients and copies grouped before splitting; a fifth of the 800 is held out",
        "reference standard": "the database's own diagnosis; boxes: the lungs as the shipped covid_ssd frames them, "
        "under the film's class",
    },
    limits=(
        "Its boxes are the lung region, drawn by another network: they say where the lungs are, never where the "
        "disease is. The database has no boxes; the published system's were drawn by hand.",
        "Its two classes come from different hospitals: it may recognise the hospital. The figures of SIIM, where "
        "both classes come from one challenge set, say what is left of it elsewhere.",
        "800 films are few. It stands beside the published system for comparison; covid_ssd is the detector to use.",
    ),
)
