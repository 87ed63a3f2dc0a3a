"""A trunk for every fold of nih_ssd, never shipped: covid_ssd's films without the patients NIH's films are of.

Ninety-eight films of the radiography database are copies of NIH's. Without them no patient of any NIH fold is seen, so
all five networks may start from this one run, and it may take five times as long.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training import covid, nih
from training.data import Example
from training.patients import strangers
from training.recipes import covid_ssd


def read(folder: Path) -> list[Example]:
    """covid/ without the patients of nih/."""
    return strangers(covid.read(folder), nih.read(folder))


RECIPE = replace(
    covid_ssd.RECIPE,
    name="covid_trunk",
    title="Trunk for nih_ssd: SIIM and radiography without NIH's patients",
    task="pretraining of nih_ssd",
    read=read,
    classes=None,
    evaluation="",
)
