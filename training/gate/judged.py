"""Materials to measure the gate on, and what the whole gate (cxr_core.gate, entries apart) makes of each picture.

In: films, painters, the model folder. Out: counts of verdicts and codes by kind of picture. Every picture is new: none
of these draws was ever trained on, and the films are of groups that were held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cxr_core.gate import judge
from cxr_core.gate.network import Network
from cxr_core.records import Radiograph
from cxr_core.settings import Settings
from training.gate import counter, views
from training.gate.films import Film, Library, phantoms
from training.gate.paint import Rng
from training.gate.views import Picture

SEED = 900_000
_SETTINGS = Settings()

Pictures = Iterable[Picture]


@dataclass(slots=True)
class Tally:
    """How often each verdict and each code was given."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def share(self, *names: str) -> float:
        """Share of pictures with one of these verdicts or codes (of one sort)."""
        return sum(self.kinds[name] + self.codes[name] for name in names) / max(1, self.count)


def tally(pictures: Pictures, network: Network, name: str = "") -> Tally:
    """What the gate makes of the pictures."""
    found = Tally()
    for picture in tqdm(pictures, desc=name, unit="picture", leave=False):
        verdict = judge(radiograph(picture), _SETTINGS, network)
        found.count += 1
        found.kinds[verdict.kind] += 1
        found.codes.update(notice.code for notice in verdict.film.warnings)
    return found


def together(tallies: Iterable[Tally]) -> Tally:
    """Several tallies as one."""
    found = Tally()
    for item in tallies:
        found.count += item.count
        found.kinds.update(item.kinds)
        found.codes.update(item.codes)
    return found


def radiograph(picture: Picture) -> Radiograph:
    """8-bit greys as the reader would give them."""
    return Radiograph("", "", picture.astype(np.uint16) * np.uint16(257), "png")


def films(library: Library, of: Iterable[Film]) -> Iterator[Picture]:
    """The films as they are."""
    return (library.picture(film) for film in of)


Distortion = Callable[[Picture, Rng, Film, Library], Picture]


def _flipped(quarters: int, *, mirrored: bool = False, inverted: bool = False) -> Distortion:
    return lambda picture, _rng, _film, _library: views.flip(picture, quarters, mirrored=mirrored, inverted=inverted)


DISTORTIONS: dict[str, Distortion] = {
    "turned_90": _flipped(1),
    "turned_180": _flipped(2),
    "turned_270": _flipped(3),
    "mirrored": _flipped(0, mirrored=True),
    "inverted": _flipped(0, inverted=True),
    "inverted_and_turned_180": _flipped(2, inverted=True),
    "lungs_cut_off": lambda picture, rng, film, _library: views.cut(picture, rng, 256, film.lungs)[0],
    "spoilt_greys": lambda picture, rng, _film, _library: views.spoilt(picture, rng, 256)[0],
    "pieces_of_films": lambda picture, rng, film, library: views.piece(picture, rng, 256, library.picture(film))[0],
}


def distorted(name: str, library: Library, of: Iterable[Film]) -> Iterator[Picture]:
    """The films, each distorted with a generator of its own."""
    for number, film in enumerate(of):
        rng = np.random.default_rng([SEED, number, *name.encode()])
        yield DISTORTIONS[name](library.picture(film), rng, film, library)


def painted(name: str, count: int, size: int) -> Iterator[Picture]:
    """New paintings of one kind, trained on or held out."""
    paint = {**counter.KINDS, **counter.HELD_OUT}[name]
    for number in range(count):
        rng = np.random.default_rng([SEED, number, *name.encode()])
        plane = np.clip(paint(rng, size) * 255, 0, 255).astype(np.uint8)
        yield views.finish(plane, rng)


def generated(count: int) -> Pictures:
    """New phantoms."""
    return list(phantoms(count, SEED))


def files(folder: Path) -> Iterator[Picture]:
    """Every picture in a folder that OpenCV reads, in grey, a transparent ground on white."""
    for path in sorted(folder.rglob("*")):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if picture is None or min(picture.shape[:2]) < 64:
            continue
        if picture.ndim == 3 and picture.shape[2] == 4:
            share = picture[..., 3:].astype(np.float32) / 255
            picture = (picture[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
        yield np.asarray(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
