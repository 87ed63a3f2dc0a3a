"""Examples: what one film teaches, and the checks every data set passes before the first step.

In: rows of the data folder's tables, through a recipe's reader (nih.py, covid.py). Out: Example records. It opens no
image; cache.py does.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import BadBox, EmptyClass, MissingData, UnknownLabel

FOLDS = (0, 1, 2, 3, 4)
VALIDATION = 4
EXTERNAL = -1


@dataclass(frozen=True, slots=True)
class Area:
    """A box of one class: fractions of the picture's width and height."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        corners = (self.x1, self.y1, self.x2, self.y2)
        inside = all(math.isfinite(v) and 0.0 <= v <= 1.0 for v in corners)
        if not inside or self.x2 <= self.x1 or self.y2 <= self.y1:
            raise BadBox(f"a box of {self.label} lies outside its picture or has no area: {corners}")


@dataclass(frozen=True, slots=True)
class Example:
    """One film.

    ``targets``: image-level truth, 1 or 0; a target that is not known is absent. ``areas``: boxes. ``searched``: box
    classes for which every box is known, so that their absence teaches too. ``group``: films that share a patient or
    are copies of one film; a group is never split. ``stratum``: its part of a batch; empty if never trained on.
    """

    name: str
    path: Path
    group: str
    fold: int
    stratum: str
    source: str
    targets: Mapping[str, int]
    areas: tuple[Area, ...] = ()
    searched: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file that has at least ``columns``."""
    if not path.is_file():
        raise MissingData(
            f"{path.name} is not in the data folder {path.parent.name}/; see docs/training.md for its layout"
        )
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise MissingData(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
        for row in reader:
            yield reader.line_num, row


def area(where: str, label: str, corners: Sequence[float]) -> Area:
    """An Area from fractions; drawn up to 2% over the edge it is clipped, further outside it is a BadBox.

    ``where`` names file and line. Annotation tools let a box end a pixel or two beyond the picture.
    """
    if not all(-0.02 <= v <= 1.02 for v in corners):
        raise BadBox(f"{where}: box of {label} lies outside its picture: {tuple(round(v, 4) for v in corners)}")
    try:
        return Area(label, *(min(1.0, max(0.0, v)) for v in corners))
    except BadBox as exc:
        raise BadBox(f"{where}: {exc}") from exc


def number(where: str, text: str) -> float:
    """A finite number of a table; BadBox says where it is not one."""
    try:
        value = float(text)
    except ValueError as exc:
        raise BadBox(f"{where}: {text!r} is not a number") from exc
    return value


def fold_of(where: str, text: str) -> int:
    """A fold, 0 to 4."""
    if text not in {str(fold) for fold in FOLDS}:
        raise UnknownLabel(f"{where}: fold must be one of 0 to 4, got {text!r}")
    return int(text)


def check(examples: Sequence[Example], classes: Iterable[str], targets: Iterable[str], strata: Iterable[str]) -> None:
    """Every class, target value and stratum has something to learn from, and no group stands in two folds."""
    boxed = {item.label for example in examples for item in example.areas}
    known = {(name, value) for example in examples for name, value in example.targets.items()}
    present = {example.stratum for example in examples}
    for what, wanted, there in (
        ("box of class", set(classes), boxed),
        ("image with target", {(name, value) for name in targets for value in (0, 1)}, known),
        ("image of stratum", set(strata), present),
    ):
        for item in sorted(wanted - there, key=str):
            raise EmptyClass(f"the training folds hold no {what} {item}; nothing could be learnt of it")
    folds: dict[str, int] = {}
    for example in examples:
        if folds.setdefault(example.group, example.fold) != example.fold:
            raise UnknownLabel(f"group {example.group} stands in two folds; one patient would train and test")
