"""The COVID-19 Radiography Database as two and as four classes, with NIH's films where the four need them.

In: a data folder with covid/ and, for four classes, nih/. Out: Example records. SIIM and ieee8023 are only measured:
their stratum is empty, so no batch can hold them. A group that stands in both folders is one group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from training import covid, nih
from training.data import Example

NORMAL, VIRAL, OPACITY, COVID = "Normal", "Viral Pneumonia", "Lung Opacity", "COVID-19"
FOUR = (NORMAL, VIRAL, OPACITY, COVID)
SOURCE = "radiography"


def read_two(folder: Path) -> list[Example]:
    """COVID-19 against Normal, Viral Pneumonia only to be measured."""
    return [_two(item) for item in covid.read(folder)]


def _two(item: Example) -> Example:
    mine = item.source == SOURCE and item.stratum in ("covid", "normal")
    return replace(item, stratum=item.stratum if mine else "", areas=(), targets=_known(item.targets, (covid.COVID,)))


def read_four(folder: Path) -> list[Example]:
    """The four classes: radiography's three; Lung Opacity and some of Normal from NIH; others to be measured only."""
    return [_of_covid(item) for item in covid.read(folder)] + [
        made for made in map(_of_nih, nih.read(folder)) if made.stratum
    ]


def _of_covid(item: Example) -> Example:
    if item.source == SOURCE:
        return replace(item, areas=(), targets=_one_of(item.facts["finding"]))
    known = {COVID: item.targets[covid.COVID]} if covid.COVID in item.targets else {}
    return replace(item, stratum="", areas=(), targets=known)


def _of_nih(item: Example) -> Example:
    """Lung Opacity where RSNA's radiologists drew one, Normal where NIH's report names nothing and RSNA agrees.

    Normal films of the same hospital, so that the hospital alone does not give Lung Opacity away.
    """
    opaque = any(area.label == nih.OPACITY for area in item.areas) and item.targets.get(nih.OPACITY) == 1
    clear = item.stratum == "clear" and item.targets.get(nih.OPACITY, 0) == 0
    stratum, finding = ("opacity", OPACITY) if opaque else ("clear", NORMAL) if clear else ("", "")
    targets = _one_of(finding) if finding else {}
    facts = {**item.facts, "finding": finding}
    return replace(item, group=f"n{item.group}", stratum=stratum, areas=(), targets=targets, facts=facts)


def _one_of(finding: str) -> dict[str, int]:
    return {name: int(name == finding) for name in FOUR}


def _known(targets: Mapping[str, int], names: tuple[str, ...]) -> dict[str, int]:
    return {name: targets[name] for name in names if name in targets}
