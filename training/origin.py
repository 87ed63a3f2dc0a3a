"""How often the shortcut alarm is raised, on whom, and how well it finds the lungs; written into the detector's card.

In: a model folder with its clear lungs, the data folder. Out: metrics["shortcut_alarm"] of card.json, and card.md.
Films of fold 4 and of the outside set; no limit is chosen here: the alarm has none but the card's sensitive point.

The shipped network has learnt from fold 4 too, but never from a film with other lungs laid over its own; the outside
set is new to it. Second opinions that are known to read the hospital (their cards say so) are asked the same question
about the same films: an alarm that kept silent on them would be worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from cxr_core import shortcut
from cxr_core.card import load_card
from cxr_core.detect import Detection, Detector, load_detector
from cxr_core.prepare import letterbox
from cxr_core.records import COVID
from cxr_core.settings import Settings
from training import clear_lungs, covid, metrics
from training.cache import grey
from training.data import EXTERNAL, VALIDATION, Example
from training.errors import RecipeError
from training.report import CARD, card_text

METRIC = "shortcut_alarm"
CONTROLS = ("radiography4", "covid_cnn")
_BATCH = 8

Film = np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """One film: its score, the score with clear lungs (NaN where it was not asked for), and its lungs' box."""

    film: Example
    score: float
    cleared: float
    box: tuple[float, float, float, float] | None
    """Fractions of the film."""


def write_clear_lungs(data: Path, folder: Path) -> Path:
    """Makes clear_lungs.png of a model folder from SIIM's films without pneumonia, fold 4 left out."""
    films = [
        film
        for film in covid.read(data)
        if film.source == "siim" and film.stratum == "negative" and film.fold != VALIDATION and _boxed(film)
    ]
    if len(films) < clear_lungs.FILMS:
        raise RecipeError(f"clear lungs need {clear_lungs.FILMS} films without pneumonia and with a lungs' box")
    path = folder / shortcut.CLEAR_LUNGS
    path.write_bytes(cv2.imencode(".png", clear_lungs.average(films))[1].tobytes())
    return path


def measure(data: Path, models: Path, name: str = "covid_ssd") -> dict[str, Any]:
    """Measures the alarm of a model folder and writes its card; returns the figures."""
    settings = Settings(models_dir=models, runtime="litert")
    alarm = shortcut.load(settings)
    if alarm is None or name not in alarm.clear:
        raise RecipeError(f"{name} has no {shortcut.CLEAR_LUNGS}; make it first")
    clear, detector = alarm.clear[name], load_detector(models / name, settings)
    films = [film for film in covid.read(data) if film.fold in (VALIDATION, EXTERNAL)]
    looked = look(detector, films, clear)
    limit = shortcut.sensitive(detector.card)
    found: dict[str, Any] = {
        "limit": limit,
        "raised_on_films_above_it": _raised(looked, limit),
        "lungs_box": _framed(looked, _lungs(data)),
        "with_clear_lungs_siim_typical_v_no_pneumonia_auc": _auc(looked),
        "lungs_greyed_out": _without_lungs(detector, films, clear, limit),
    }
    boxes = {item.film.name: item.box for item in looked}
    for other in CONTROLS:
        if (models / other).is_dir():
            asked = load_detector(models / other, settings)
            again = look(asked, films, clear, boxes)
            found[f"the_same_question_to_{other}"] = _raised(again, shortcut.sensitive(asked.card))
    card = load_card(models / name)
    card = replace(card, metrics={**card.metrics, METRIC: found})
    card.save(models / name)
    (models / name / CARD).write_text(card_text(card), encoding="utf-8")
    return found


def look(
    detector: Detector, films: Sequence[Example], clear: Film, boxes: dict[str, Any] | None = None
) -> list[Looked]:
    """Each film as it is and, if it scores at or above the limit, with clear lungs; ``boxes``: found by another."""
    limit = shortcut.sensitive(detector.card)
    found: list[Looked] = []
    for start in tqdm(range(0, len(films), _BATCH), detector.card.name, unit="batch", mininterval=5):
        part = films[start : start + _BATCH]
        greys = [grey(film.encoded(), film.name) for film in part]
        prepared = [letterbox(pixels.astype(np.uint16) * np.uint16(257), detector.card.input) for pixels in greys]
        batch = np.stack([tensor for tensor, _ in prepared])
        said = detector.detect(batch, floor=0.0)
        for place, (film, item) in enumerate(zip(part, said, strict=True)):
            placement = prepared[place][1]
            size = np.array([placement.width, placement.height] * 2, float)
            box = tuple(placement.to_image([b])[0] / size) if (b := shortcut.lungs_of(item)) else None
            box = boxes.get(film.name) if boxes is not None else box
            score, again = item.scores[COVID], float("nan")
            if box is not None and (score >= limit or film.source == "siim"):
                corners = tuple(placement.to_model([np.array(box) * size])[0].tolist())
                covered = shortcut.cleared(batch[place], corners, clear, detector)
                again = detector.detect(covered[None])[0].scores[COVID]
            found.append(Looked(film, score, again, box))
    return found


def _raised(looked: Sequence[Looked], limit: float) -> dict[str, Any]:
    """Of the films above the limit, by source and truth, the share whose score stays above it with clear lungs."""
    kinds: dict[str, Callable[[Example], bool]] = {
        "siim_typical_appearance": lambda film: film.facts["finding"] == "Typical Appearance",
        "siim_no_pneumonia": lambda film: film.source == "siim" and film.stratum == "negative",
        "radiography_covid": lambda film: film.source == "radiography" and film.stratum == "covid",
        "radiography_the_rest": lambda film: film.source == "radiography" and film.stratum != "covid",
        "outside_covid": lambda film: film.source == "ieee8023" and film.targets.get(covid.COVID) == 1,
        "outside_other_pneumonia": lambda film: film.source == "ieee8023" and film.targets.get(covid.COVID) != 1,
    }
    found = {}
    for name, chosen in kinds.items():
        mine = [item for item in looked if chosen(item.film) and item.score >= limit and np.isfinite(item.cleared)]
        if mine:
            weights = metrics.resamples([item.film.group for item in mine])
            stays = np.array([item.cleared >= limit for item in mine])
            measure_ = metrics.share(stays, np.ones(len(mine), bool))
            found[name] = metrics.figure_at_once(measure_, weights, len(mine)).as_dict()
    return found


def _auc(looked: Sequence[Looked]) -> dict[str, Any]:
    """What is left to tell once the lungs are the same on every film: 0.5 is nothing."""
    mine = [item for item in looked if item.film.source == "siim" and covid.COVID in item.film.targets]
    mine = [item for item in mine if np.isfinite(item.cleared)]
    truth = np.array([item.film.targets[covid.COVID] for item in mine], float)
    scores = np.array([item.cleared for item in mine])
    weights = metrics.resamples([item.film.group for item in mine])
    return metrics.figure_at_once(lambda w: metrics.auc(scores, truth, w), weights, len(mine)).as_dict()


def _framed(looked: Sequence[Looked], drawn: dict[str, np.ndarray]) -> dict[str, Any]:
    """How much of the lungs, as people framed them, lies in the box that the detector found."""
    found: dict[str, Any] = {}
    for name, source in (("siim", "siim"), ("outside", "ieee8023")):
        pairs = [(item.box, drawn[item.film.name]) for item in looked
                 if item.film.source == source and item.box is not None and item.film.name in drawn]  # fmt: skip
        if pairs:
            shares = [_inside(np.array(box), true) for box, true in pairs]
            found[f"{name}_share_of_the_lungs_inside_median"] = round(float(np.median(shares)), 3)
            found[f"{name}_share_of_the_lungs_inside_lowest_twentieth"] = round(float(np.quantile(shares, 0.05)), 3)
            found[f"{name}_films"] = len(shares)
    return found


def _without_lungs(detector: Detector, films: Sequence[Example], clear: Film, limit: float) -> dict[str, Any]:
    """Films whose lungs' box is one even grey: how many score above the limit, and on how many the alarm is raised.

    There is no right answer: no lungs, and so no box of them to clear. That this is no chest film is the gate's to say.
    """
    above = raised = asked = 0
    for film in [item for item in films if item.source == "siim" and _boxed(item)][:200]:
        pixels = grey(film.encoded(), film.name)
        (box,) = [area for area in film.areas if area.label == covid.NEGATIVE]
        height, width = pixels.shape
        part = (slice(int(box.y1 * height), int(box.y2 * height)), slice(int(box.x1 * width), int(box.x2 * width)))
        pixels[part] = int(pixels[part].mean())
        tensor, _ = letterbox(pixels.astype(np.uint16) * np.uint16(257), detector.card.input)
        said: Detection = detector.detect(tensor[None], floor=0.0)[0]
        corners = shortcut.lungs_of(said)
        asked += 1
        if said.scores[COVID] >= limit and corners:
            above += 1
            covered = shortcut.cleared(tensor, corners, clear, detector)
            raised += detector.detect(covered[None])[0].scores[COVID] >= limit
    return {"films": asked, "score_above_the_limit": above, "alarm_raised": int(raised)}


def _inside(box: np.ndarray, true: np.ndarray) -> float:
    wide, high = (min(box[2 + k], true[2 + k]) - max(box[k], true[k]) for k in (0, 1))
    area = (true[2] - true[0]) * (true[3] - true[1])
    return float(max(0.0, wide) * max(0.0, high) / area)


def _lungs(data: Path) -> dict[str, np.ndarray]:
    """The lungs' box of every film that has one, or the box around its two lungs; fractions."""
    found = {}
    for name, areas in covid.boxes(data).items():
        mine = [area for area in areas if area.label != covid.POSITIVE]
        if mine:
            corners = np.array([(a.x1, a.y1, a.x2, a.y2) for a in mine])
            found[name] = np.concatenate([corners[:, :2].min(0), corners[:, 2:].max(0)])
    return found


def _boxed(film: Example) -> bool:
    return any(area.label == covid.NEGATIVE for area in film.areas)
