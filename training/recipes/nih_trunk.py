"""A trunk for every fold of covid_ssd, never shipped: nih_ssd's films without the patients covid/ holds films of.

Fifteen text-mined labels and the boxes of eight signs and of RSNA's opacities teach it what lungs show; at covid_ssd's
size, because a trunk's scale goes with it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training import covid, nih
from training.data import Example
from training.patients import strangers
from training.recipes import nih_ssd


def read(folder: Path) -> list[Example]:
    """nih/ without the patients of covid/."""
    return strangers(nih.read(folder), covid.read(folder))


RECIPE = replace(
    nih_ssd.RECIPE,
    name="nih_trunk",
    title="Trunk for covid_ssd: NIH without covid's patients",
    task="pretraining of covid_ssd",
    read=read,
    classes=None,
    strata={"boxed": 5, "opacity": 2, "labelled": 5, "clear": 4},
    frozen_blocks=3,
    size=224,
    evaluation="",
)
