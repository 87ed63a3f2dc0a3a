"""Examples: what one film teaches, and the checks every data set passes before the first step.

In: rows of tables, annotations or records, through a reader (sources.py lists them). Out: Example records. It decodes
no picture; cache.py does.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.errors import BadBox, BadFile, EmptyClass, MissingData, UnknownLabel

FOLDS = (0, 1, 2, 3, 4)
VALIDATION = 4
EXTERNAL = -1  # measured only
ALWAYS = -2  # in no fold: trained on whichever is held out

_NIH_NAME = re.compile(r"^(\d{8})_\d{3}")


@dataclass(frozen=True, slots=True)
class Area:
    """A box of one class: fractions of the picture's width and height, as single precision holds them.

    So a box survives TFRecords, whose floats are 32 bits wide.
    """

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
    ``span``: (offset, length) of the picture's bytes in ``path``; None if the file is the picture.
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
    span: tuple[int, int] | None = None

    def encoded(self) -> bytes:
        """The picture's bytes as they came; MissingData if they are not there."""
        offset, length = self.span or (0, -1)
        try:
            with self.path.open("rb") as stream:
                stream.seek(offset)
                data = stream.read(length)
        except OSError as exc:
            raise MissingData(f"{self.name} cannot be opened ({type(exc).__name__})") from exc
        if len(data) < length:
            raise MissingData(f"{self.path.name} ends within the picture {self.name}; copy it again")
        return data


@dataclass(frozen=True, slots=True)
class Classes:
    """How a detector's classes are told in files that know boxes alone: VOC XML, box lists, foreign records, reviews.

    ``table``: the shared layout's table of films, by which it is recognised. ``names``: classes in the label map's
    order, from 1. ``spellings``: other spellings, in lower case. ``findings``: the class that stands for a finding of
    the app. ``drawn``: names of the classes drawn on a film whose every box is known -> its targets and stratum ("" if
    it teaches nothing). ``reviewed``: what a reader said of findings, 1 or 0, and whether boxes are known -> the same.
    """

    table: str
    names: tuple[str, ...]
    spellings: Mapping[str, str]
    findings: Mapping[str, str]
    drawn: Callable[[frozenset[str]], tuple[dict[str, int], str]]
    reviewed: Callable[[Mapping[str, int], bool], tuple[dict[str, int], str]]

    def known(self, where: str, label: str) -> str:
        """The class meant by ``label``; UnknownLabel says where an unknown one stands."""
        plain = label.strip().lower()
        found = {name.lower(): name for name in self.names} | dict(self.spellings)
        if plain not in found:
            raise UnknownLabel(f"{where}: {label!r} is none of {', '.join(self.names)}")
        return found[plain]


def nih_number(name: str) -> str:
    """NIH's number of a patient, which stands in the names of its films (``00013118_008.png``); else nothing."""
    found = _NIH_NAME.match(Path(name).name)
    return found[1] if found else ""


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file that has at least ``columns``."""
    if not path.is_file():
        raise MissingData(
            f"{path.name} is not in the data folder {path.parent.name}/; see docs/training.md for its layout"
        )
    table = lines(path)
    _, header = next(table, (1, []))
    missing = set(columns) - set(header)
    if missing:
        raise MissingData(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
    for line, cells in table:
        if len(cells) < len(header):
            raise BadFile(f"{path.name} line {line}: expected {len(header)} cells as in the header, got {len(cells)}")
        yield line, dict(zip(header, cells, strict=False))


def lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of a CSV file without its empty lines; BadFile where it is no text or no CSV."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        try:
            for row in reader:
                if any(row):
                    yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as exc:
            raise BadFile(f"{path.name} line {reader.line_num + 1} is no CSV that can be read: {exc}") from exc


def area(where: str, label: str, corners: Sequence[float]) -> Area:
    """An Area from fractions; drawn up to 2% over the edge it is clipped, further outside it is a BadBox.

    ``where`` names file and line. Annotation tools let a box end a pixel or two beyond the picture.
    """
    if not all(-0.02 <= v <= 1.02 for v in corners):
        raise BadBox(f"{where}: box of {label} lies outside its picture: {tuple(round(v, 4) for v in corners)}")
    try:
        return Area(label, *(float(np.float32(min(1.0, max(0.0, v)))) for v in corners))
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


def patient_of(name: str) -> str:
    """Whose film a file name says it is: NIH's names begin with the patient, other names are a patient each."""
    stem = Path(name).stem
    found = _NIH_NAME.match(stem)
    return found[1] if found else stem


def from_boxes(name: str, path: Path, areas: Sequence[Area], classes: Classes, source: str) -> Example:
    """A film of a source that knows boxes alone, every one of them: group and fold follow from its name."""
    targets, stratum = classes.drawn(frozenset(item.label for item in areas))
    patient = patient_of(name)
    return Example(
        name=name,
        path=path,
        group=patient,
        fold=derived_fold(patient) if stratum else EXTERNAL,
        stratum=stratum,
        source=source,
        targets=targets,
        areas=tuple(areas),
        searched=frozenset(classes.names) if stratum else frozenset(),
    )


def derived_fold(patient: str) -> int:
    """A fold for data that come without: the same for every film of the patient, today and tomorrow."""
    return int(hashlib.sha256(f"fold:{patient}".encode()).hexdigest(), 16) % len(FOLDS)


def digest(examples: Iterable[Example]) -> str:
    """Changes with anything the examples say: labels, boxes, folds, groups. The pictures have a digest of their own."""
    whole = hashlib.sha256()
    for item in examples:
        targets, facts = sorted(item.targets.items()), sorted(item.facts.items())
        said = (item.name, item.group, item.fold, item.stratum, item.source, targets, facts, sorted(item.searched))
        whole.update(repr((said, [(a.label, a.x1, a.y1, a.x2, a.y2) for a in item.areas])).encode())
    return whole.hexdigest()


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
