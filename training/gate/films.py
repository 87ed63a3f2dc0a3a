"""The films the gate learns from: every real frontal film of the data folder, with its lungs where they are boxed.

In: the data folder. Out: Film records and their pixels, 256 px, from the caches the detectors' trainings use. The
outside set (ieee8023) is never in a training fold: its fold is -1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxr_core.phantom import SIGNS, phantom
from training import cache, covid, nih
from training.data import EXTERNAL, VALIDATION
from training.gate import counter
from training.gate.views import LUNGS, Picture, letterboxed

NIH_SIZE, COVID_SIZE = 384, 256
_PHANTOMS, _EACH, _SEED = 80, 120, 500_000

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Film:
    """One real film: where its pixels lie, where its lungs lie (fractions), and what it may be used for."""

    name: str
    source: str
    fold: int
    group: str
    row: int
    lungs: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """All films; ``pixels`` by source family, memory-mapped; ``digest`` of every source file."""

    films: tuple[Film, ...]
    nih: np.ndarray
    covid: np.ndarray
    digest: str

    def picture(self, film: Film) -> Picture:
        """The film's pixels, square, letterboxed."""
        return np.asarray((self.nih if film.source == "nih" else self.covid)[film.row])

    def of_folds(self, *folds: int) -> list[Film]:
        """The films of some folds; -1 is the outside set."""
        return [film for film in self.films if film.fold in folds]


def library(folder: Path, caches: Path) -> Library:
    """Reads the tables and opens the caches."""
    chest, other = nih.read(folder), covid.read(folder)
    first = cache.films(chest, NIH_SIZE, caches)
    second = cache.films(other, COVID_SIZE, caches)
    films = [Film(x.name, x.source, x.fold, x.group, row, LUNGS) for row, x in enumerate(chest)]
    for row, x in enumerate(other):
        lungs = next(((a.x1, a.y1, a.x2, a.y2) for a in x.areas if a.label == covid.NEGATIVE), LUNGS)
        films.append(Film(x.name, x.source, x.fold, x.group, row, lungs))
    return Library(tuple(films), first.pixels, second.pixels, first.digest + second.digest)


def training_folds(held_out: int | None = VALIDATION) -> tuple[int, ...]:
    """The folds that may be trained on."""
    return tuple(fold for fold in range(5) if fold not in (held_out, EXTERNAL))


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What no camera made: phantoms, (M, S, S) uint8, and counter-examples by kind."""

    phantoms: Pictures
    counter: Mapping[str, Pictures]


def drawn(caches: Path, size: int) -> Drawn:
    """Phantoms and counter-examples, painted once."""
    path = caches / f"gate-drawn-{size}-{_EACH}-{_PHANTOMS}.npz"
    if not path.is_file():
        caches.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, phantoms=phantoms(), **counter.pool(counter.KINDS, _EACH, size, _SEED))  # type: ignore[arg-type]  # numpy's stub
        part.replace(path)
    with np.load(path) as stored:
        return Drawn(stored["phantoms"], {name: stored[name] for name in counter.KINDS})


def phantoms(count: int = _PHANTOMS, seed: int = _SEED) -> Pictures:
    """Generated films as this product's samples draw them, which must pass the gate though no patient is on them."""
    found = []
    for number in range(count):
        signs = [SIGNS[number % len(SIGNS)]] if number % 3 else []
        picture = phantom(seed + number, height=256 if number % 4 else 320, width=256, signs=signs)
        found.append(letterboxed((picture >> 8).astype(np.uint8), COVID_SIZE))
    return np.stack(found)
