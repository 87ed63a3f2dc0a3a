"""SIIM, the radiography database and ieee8023 in the shared layout -> examples of COVID-19 and its opacities.

In: a data folder with covid/images.csv, boxes.csv and the pictures. Out: Example records. ieee8023 is the outside set:
its stratum is empty, so no batch can hold it. 'covid' is radiographic appearance in SIIM, not a test result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxr_core.records import COVID as FINDING
from training.data import EXTERNAL, Area, Classes, Example, area, fold_of, number, rows
from training.errors import UnknownLabel

NEGATIVE, POSITIVE = "covid_19_negative", "covid_19_positive"
BOX_CLASSES = (NEGATIVE, POSITIVE)
COVID, OPACITY = "covid", "opacity"
TARGETS = (COVID, OPACITY)

_COVID = {"positive": 1, "negative": 0, "uncertain": None}
_STRATA = {
    ("siim", "Typical Appearance"): "typical",
    ("siim", "Negative for Pneumonia"): "negative",
    ("siim", "Indeterminate Appearance"): "uncertain",
    ("siim", "Atypical Appearance"): "uncertain",
    ("radiography", "COVID-19"): "covid",
    ("radiography", "Normal"): "normal",
    ("radiography", "Viral Pneumonia"): "viral",
}
_KINDS = {"opacity": POSITIVE, "lungs": NEGATIVE}
_OTHER_KINDS = ("left_lung", "right_lung")


def _drawn(names: frozenset[str]) -> tuple[dict[str, int], str]:
    """A film with a positive box is positive, one with a negative box alone is negative, one without says nothing."""
    if not names:
        return {}, ""
    positive = int(POSITIVE in names)
    return {COVID: positive, OPACITY: positive}, "typical" if positive else "negative"


def _reviewed(said: Mapping[str, int], boxed: bool) -> tuple[dict[str, int], str]:
    """A film without the appearance may still be opaque: that stays unknown."""
    if FINDING not in said:
        return {}, ""
    if said[FINDING] or boxed:
        return {COVID: 1, OPACITY: 1}, "typical"
    return {COVID: 0}, "negative"


CLASSES = Classes(
    table="covid/images.csv",
    names=BOX_CLASSES,
    spellings={"covid-19": POSITIVE, "covid": POSITIVE, "positive": POSITIVE, "negative": NEGATIVE},
    findings={FINDING: POSITIVE},
    drawn=_drawn,
    reviewed=_reviewed,
)


def read(folder: Path) -> list[Example]:
    """Every film of covid/; raises a DataError that names file and line."""
    root = folder / "covid"
    drawn = boxes(folder)
    found = []
    for line, row in rows(root / "images.csv", ("file", "source", "finding", "covid", "group", "role", "fold")):
        found.append(_example(root, f"covid/images.csv line {line}", row, drawn))
    strangers = set(drawn) - {example.name for example in found}
    if strangers:
        raise UnknownLabel(f"boxes are given for {min(strangers)}, which covid/images.csv does not list")
    return found


def boxes(folder: Path) -> dict[str, list[Area]]:
    """Every box of covid/boxes.csv by film, those that teach nothing (one lung alone, the outside set's) too."""
    path = folder / "covid" / "boxes.csv"
    found: dict[str, list[Area]] = {}
    for line, row in rows(path, ("file", "kind", "x1", "y1", "x2", "y2")):
        where = f"covid/{path.name} line {line}"
        if row["kind"] not in _KINDS and row["kind"] not in _OTHER_KINDS:
            raise UnknownLabel(f"{where}: kind {row['kind']!r} is none of opacity, lungs, left_lung, right_lung")
        corners = [number(where, row[key]) for key in ("x1", "y1", "x2", "y2")]
        item = area(where, _KINDS.get(row["kind"], row["kind"]), corners)
        found.setdefault(row["file"], []).append(item)
    return found


def _example(root: Path, where: str, row: dict[str, str], drawn: dict[str, list[Area]]) -> Example:
    source, finding, role = row["source"], row["finding"], row["role"]
    stratum = _STRATA.get((source, finding), "")
    if role not in ("train", "external") or (role == "train" and not stratum):
        raise UnknownLabel(f"{where}: {source} / {finding} / {role} is no material this recipe knows")
    if row["covid"] not in _COVID:
        raise UnknownLabel(f"{where}: covid must be positive, negative or uncertain, got {row['covid']!r}")
    covid = _COVID[row["covid"]]
    targets = {} if covid is None else {COVID: covid}
    areas = tuple(item for item in drawn.get(row["file"], []) if item.label in BOX_CLASSES)
    searched: set[str] = set()
    if source == "siim":
        targets[OPACITY] = int(finding != "Negative for Pneumonia")
        searched = {POSITIVE} | {item.label for item in areas}
    elif stratum == "normal":
        targets[OPACITY] = 0
        searched = {POSITIVE}
    return Example(
        name=row["file"],
        path=root / row["file"],
        group=row["group"],
        fold=fold_of(where, row["fold"]) if role == "train" else EXTERNAL,
        stratum=stratum if role == "train" else "",
        source=source,
        targets=targets,
        areas=areas if source == "siim" else (),
        searched=frozenset(searched),
        facts={"finding": finding},
    )
