"""Finds model folders and keeps one copy of each model a process.

In: settings. Out: Detectors, by folder name. A model folder is one with card.json, or a foreign export:
``saved_model/`` and a label map. Other folders are passed over. One folder that cannot be used stops the loading: a
detector that is silently missing would leave its findings out of the triage.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from cxr_core.card import CARD_FILE, ModelCard, Runtime, load_card
from cxr_core.detect import raw
from cxr_core.detect.detector import Detector
from cxr_core.detect.foreign import LABEL_MAP, SAVED_MODEL, foreign_card
from cxr_core.detect.runtimes import choose, open_runtime
from cxr_core.errors import ModelInvalid, ModelNotFound
from cxr_core.settings import Settings


@dataclass(slots=True)
class _Shelf:
    """What is loaded, behind one lock: a second caller waits for the first one's copy instead of making its own."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    cards: dict[Path, ModelCard] = field(default_factory=dict)
    runtimes: dict[tuple[Path, Runtime], raw.Runtime] = field(default_factory=dict)


_shelf = _Shelf()


def load_detectors(settings: Settings) -> tuple[Detector, ...]:
    """Every model of ``settings.models_dir``, loaded once a process and runtime.

    Raises ModelNotFound where there is none, ModelInvalid for one that cannot be used.
    """
    folders = model_folders(settings.models_dir)
    with _shelf.lock:
        detectors = tuple(_detector(folder, settings) for folder in folders)
    names = [detector.card.name for detector in detectors]
    if len(set(names)) != len(names):
        raise ModelInvalid(f"two model folders hold the same model: {', '.join(sorted(names))}; remove one of them")
    return detectors


def load_detector(folder: Path, settings: Settings) -> Detector:
    """The model of one folder, the same copy that ``load_detectors`` gives."""
    with _shelf.lock:
        return _detector(folder, settings)


def load_cards(settings: Settings) -> tuple[ModelCard, ...]:
    """The cards alone, without loading a network; same order and same errors as ``load_detectors``."""
    folders = model_folders(settings.models_dir)
    with _shelf.lock:
        return tuple(_card(folder) for folder in folders)


def model_folders(models_dir: Path) -> tuple[Path, ...]:
    """The model folders of ``models_dir``, by name; ModelNotFound where there is none."""
    inside = sorted(models_dir.iterdir()) if models_dir.is_dir() else []
    found = tuple(folder for folder in inside if folder.is_dir() and _is_model(folder))
    if not found:
        raise ModelNotFound(
            f"no model in {models_dir.name or models_dir}: expected a folder with {CARD_FILE}, or with {SAVED_MODEL} "
            f"and {LABEL_MAP}; set CXR_MODELS_DIR to the folder that holds the model folders"
        )
    return found


def clear() -> None:
    """Forget every loaded model (for tests, and after weights were exchanged on disk)."""
    with _shelf.lock:
        _shelf.cards.clear()
        _shelf.runtimes.clear()


def _is_model(folder: Path) -> bool:
    return (folder / CARD_FILE).is_file() or (folder / SAVED_MODEL / "saved_model.pb").is_file()


def _detector(folder: Path, settings: Settings) -> Detector:
    card = _card(folder)
    key = choose(card, settings)
    place = (folder.resolve(), key)
    if place not in _shelf.runtimes:
        _shelf.runtimes[place] = open_runtime(folder, card, key, settings)
    return Detector(card, _shelf.runtimes[place], settings.batch_size)


def _card(folder: Path) -> ModelCard:
    place = folder.resolve()
    if place not in _shelf.cards:
        known = (folder / CARD_FILE).is_file()
        _shelf.cards[place] = load_card(folder) if known else foreign_card(folder, _label_map(folder))
    return _shelf.cards[place]


def _label_map(folder: Path) -> Path:
    """The label map of a foreign export: of the usual name, else the only .pbtxt beside or inside the SavedModel."""
    usual = folder / LABEL_MAP
    others = [*sorted(folder.glob("*.pbtxt")), *sorted((folder / SAVED_MODEL / "assets").glob("*.pbtxt"))]
    if usual.is_file():
        return usual
    if len(others) != 1:
        found = ", ".join(path.name for path in others) or "none"
        raise ModelInvalid(f"{folder.name} has a {SAVED_MODEL} but no {LABEL_MAP} (found {found}): put it beside it")
    return others[0]
