"""Runs a detection test: read, prepare and detect as the app does, draw, remember, count.

In: a model folder and films. Out: pictures/, results.jsonl, summary.csv, summary.json and summary.md in the folder
given. The same command after a stop looks only at films that are not done. One film that cannot be read is refused by
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cxr_core.card import ModelCard, thresholds_of
from cxr_core.detect import Detection, Detector
from cxr_core.errors import Refusal
from cxr_core.prepare import Placement, prepare
from cxr_core.read import digest, read
from cxr_core.records import Radiograph
from cxr_core.settings import Settings
from training.data import Example
from training.errors import TrainingError
from training.trial import tally
from training.trial.drawing import Drawn, annotated
from training.trial.films import Item, Known
from training.trial.journal import Journal, Mark, Seen

PICTURES = "pictures"
_BATCH = 8
_FLOOR = 3e-4  # as in evaluate: low enough to keep a box of nearly every class, so that the best one can be judged


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    item: Item
    sha256: str
    film: Radiograph


class Trial:
    """One model over films, into one folder."""

    def __init__(self, detector: Detector, system: Known | None, out: Path, settings: Settings) -> None:
        self._detector, self._system, self._out, self._settings = detector, system, out, settings
        self._thresholds = thresholds_of((detector.card,), tally.PRESET)

    def run(self, items: Sequence[Item]) -> dict[str, object]:
        """Looks at every film that is not done yet; returns the summary."""
        (self._out / PICTURES).mkdir(parents=True, exist_ok=True)
        done: dict[str, Seen] = {}
        card = self._detector.card
        with Journal(self._out, card.ref().sha256) as journal, tqdm(total=len(items), unit="film") as bar:
            for seen, fresh in self._each(items, journal):
                if fresh:
                    journal.add(seen)
                done[seen.file] = seen
                bar.update()
        seen_all = [done[item.name] for item in items]
        told = tally.summary(card, seen_all)
        _write(self._out / "summary.csv", tally.table(card, seen_all))
        _write(self._out / "summary.json", tally.as_json(told))
        _write(self._out / "summary.md", tally.page(told))
        return told

    def _each(self, items: Iterable[Item], journal: Journal) -> Iterator[tuple[Seen, bool]]:
        """(what was seen, is it new) of every film; those that need the model go in batches."""
        waiting: list[_Film] = []
        for item in items:
            opened = self._open(item, journal)
            if isinstance(opened, Seen):
                yield opened, journal.known(opened.file, opened.sha256) is None
                continue
            waiting.append(opened)
            if len(waiting) == _BATCH:
                yield from ((seen, True) for seen in self._look(waiting))
                waiting = []
        yield from ((seen, True) for seen in self._look(waiting))

    def _open(self, item: Item, journal: Journal) -> Seen | _Film:
        try:
            data = item.load()
            sha256 = digest(data)
            known = journal.known(item.name, sha256)
            return known or _Film(item, sha256, read(data, item.name, self._settings))
        except (Refusal, TrainingError) as exc:
            return Seen(item.name, "", refusal=str(exc))

    def _look(self, films: Sequence[_Film]) -> list[Seen]:
        if not films:
            return []
        batch, placements = prepare([film.film for film in films], self._detector.card.input)
        answers = self._detector.detect(batch, _FLOOR)
        return [self._seen(*found) for found in zip(films, answers, placements, strict=True)]

    def _seen(self, film: _Film, answer: Detection, placement: Placement) -> Seen:
        size = np.array([film.film.width, film.film.height] * 2, float)
        boxes = tuple(self._marks(answer, lambda corners: placement.to_image(corners) / size))
        known, targets = film.item.known, self._system.targets if self._system else {}
        truth = {name: known.targets[key] for name, key in targets.items() if known and key in known.targets}
        true_boxes = tuple(_true(known, self._detector.card)) if known else ()
        picture = f"{PICTURES}/{Path(film.item.name).stem}_{film.sha256[:8]}.jpg"
        drawn = [self._drawn(mark, size, f"{self._name(mark.label)} {mark.score:.2f}") for mark in boxes if mark.shown]
        truths = [self._drawn(mark, size, "") for mark in true_boxes]
        _write(self._out / picture, annotated(film.film.pixels, drawn, truths))
        scores = {name: round(float(value), 6) for name, value in answer.scores.items()}
        group = known.group if known else film.item.name
        return Seen(film.item.name, film.sha256, "", scores, boxes, truth, true_boxes, group, picture)

    def _marks(self, answer: Detection, place: Callable[[np.ndarray], np.ndarray]) -> Iterator[Mark]:
        """Every box; drawn are a flagged finding's best box, and what reaches the card's box threshold."""
        labels = {label.finding or label.name: label for label in self._detector.card.labels}
        begun: set[str] = set()
        for corners, finding, score in zip(place(answer.boxes), answer.labels, answer.box_scores, strict=True):
            flagged = answer.scores[finding] >= self._thresholds[finding]
            best = finding not in begun
            begun.add(finding)
            label = labels[finding]
            yield _mark(label.name, score, corners, flagged and (best or score >= label.box_threshold))
        for region in answer.anatomy:
            (corners,) = place(np.array([region.box]))
            yield _mark(region.name, region.score, corners, region.score >= labels[region.name].box_threshold)

    def _name(self, label: str) -> str:
        """A finding's name as people know it; a class that is no finding frames the lungs."""
        found = next(item for item in self._detector.card.labels if item.name == label)
        return found.finding or "lungs"

    def _drawn(self, mark: Mark, size: np.ndarray, text: str) -> Drawn:
        x1, y1, x2, y2 = np.array(mark.corners) * size
        kind = [item.name for item in self._detector.card.labels].index(mark.label)
        return Drawn((x1, y1, x2, y2), text, kind)


def _mark(label: str, score: float, corners: np.ndarray, shown: bool) -> Mark:
    x1, y1, x2, y2 = (round(float(value), 5) for value in corners)
    return Mark(label, round(float(score), 6), (x1, y1, x2, y2), bool(shown))


def _true(known: Example, card: ModelCard) -> Iterator[Mark]:
    names = {label.name for label in card.labels}
    for item in known.areas:
        if item.label in names:
            yield Mark(item.label, 1.0, (item.x1, item.y1, item.x2, item.y2))


def _write(path: Path, data: bytes | str) -> None:
    """Whole or not at all: a picture cut short by a stop would pass for done."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data.encode() if isinstance(data, str) else data)
    part.replace(path)
