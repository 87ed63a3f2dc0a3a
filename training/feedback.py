"""Reviews that the app exported, with their films -> examples for the next training.

In: reviews.jsonl (reviews.py), the folder of the films. Out: Example records. A box agreed with or added is a box;
a label disagreed with is absent from the film; a label not spoken of stays unknown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from training import cache
from training.data import ALWAYS, Area, Classes, Example, area, patient_of
from training.errors import BadBox, EmptyClass, MissingData
from training.reviews import Reviewed, parse

SOURCE = "review"


@dataclass(frozen=True, slots=True)
class Feedback:
    """Where reviews stand, and the folder their films are found in (the reviews' own, unless given)."""

    path: Path
    films: Path | None = None

    def facts(self) -> dict[str, str]:
        """What a run writes down."""
        return {"file": self.path.name, "sha256": hashlib.sha256(self.path.read_bytes()).hexdigest()}


def examples(feedback: Feedback, classes: Classes, known: Sequence[Example]) -> list[Example]:
    """The reviewed films that speak of this system's findings, as examples.

    A film that stands among ``known`` too, or is of a patient of theirs, keeps that group and fold, so that a review
    never carries a patient of the fold held out into training. Other films are in no fold: always trained on.
    """
    reviews = parse(feedback.path)
    films = _Films(feedback.films or feedback.path.parent)
    homes = _Homes(known)
    made = [_example(item, films.of(item), classes, homes) for item in reviews if _speaks(item, classes)]
    if not made:
        wanted = ", ".join(classes.findings)
        raise EmptyClass(f"{feedback.path.name}: none of {len(reviews)} reviews says anything of {wanted}")
    return made


def _speaks(item: Reviewed, classes: Classes) -> bool:
    return any(said.label in classes.findings for said in item.said)


def _example(item: Reviewed, path: Path, classes: Classes, homes: _Homes) -> Example:
    data = path.read_bytes()
    height, width = cache.grey(data, item.file).shape
    if (width, height) != (item.width, item.height):
        raise BadBox(f"{item.where}: image says {item.width} x {item.height} pixels, the film has {width} x {height}")
    truth = {label: value for label, value in item.truth().items() if label in classes.findings}
    areas = tuple(_areas(item, classes))
    boxed = {area.label for area in areas}
    targets, stratum = classes.reviewed(truth, bool(areas))
    group, fold = homes.of(item, len(data))
    return Example(
        name=f"{SOURCE}/{item.sha256[:16]}",
        path=path,
        group=group,
        fold=fold,
        stratum=stratum,
        source=SOURCE,
        targets=targets,
        areas=areas,
        searched=frozenset(
            name for label, value in truth.items() for name in (classes.findings[label],) if not value or name in boxed
        ),
        facts={"role": item.role},
    )


def _areas(item: Reviewed, classes: Classes) -> Iterator[Area]:
    sides = (item.width, item.height, item.width, item.height)
    for index, said in enumerate(item.said):
        if said.corners is not None:
            corners = [value / side for value, side in zip(said.corners, sides, strict=True)]
            found = area(f"{item.where} findings[{index}].box", classes.findings.get(said.label, said.label), corners)
            if said.status != "disagree" and said.label in classes.findings:
                yield found


class _Films:
    """Finds films below a folder: at the path told, else by their bytes; the app names its films by their digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }
        self._by_digest: dict[str, Path] | None = None

    def of(self, item: Reviewed) -> Path:
        """The film's file; MissingData if it is not there or has other bytes."""
        for name, path in self._files.items():
            if (name == item.file or item.sha256 in (path.name, path.stem)) and _sha256(path) == item.sha256:
                return path
        if self._by_digest is None:
            self._by_digest = {_sha256(path): path for path in self._files.values()}
        if item.sha256 not in self._by_digest:
            raise MissingData(
                f"{item.where}: no film with these bytes (sha256 {item.sha256[:12]}) below {self._folder.name}; "
                "name the films' folder with --films"
            )
        return self._by_digest[item.sha256]


class _Homes:
    """Group and fold of films and patients that are known already."""

    def __init__(self, known: Sequence[Example]) -> None:
        self._by_length: dict[int, list[Example]] = {}
        for example in known:
            if not example.path.is_file():  # the cache names it
                continue
            length = example.span[1] if example.span else example.path.stat().st_size
            self._by_length.setdefault(length, []).append(example)
        self._by_patient = {patient_of(example.name): example for example in known}

    def of(self, item: Reviewed, length: int) -> tuple[str, int]:
        """(group, fold) of the same film or the same patient, else a group of its own in no fold."""
        for example in self._by_length.get(length, []):
            if hashlib.sha256(example.encoded()).hexdigest() == item.sha256:
                return example.group, example.fold
        relative = self._by_patient.get(patient_of(item.file))
        return (relative.group, relative.fold) if relative else (f"{SOURCE}:{item.sha256[:16]}", ALWAYS)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
