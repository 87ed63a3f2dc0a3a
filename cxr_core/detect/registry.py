"""Finds model folders and keeps one copy of each model a process.

In: settings. Out: Detectors, by folder name. A model folder is one with card.json, or a foreign export:
``saved_model/`` and a label map. Other folders are passed over. One detector's folder that cannot be used stops the
loading: a detector that is silently missing would leave its findings out of the triage. A second opinion ranks
nothing, so one that cannot be used is left out and named, with its reason.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cxr_core.card import CARD_FILE, ModelCard, Role, Runtime, load_card
from cxr_core.detect import raw
from cxr_core.detect.detector import Detector
from cxr_core.detect.foreign import LABEL_MAP, SAVED_MODEL, foreign_card
from cxr_core.detect.runtimes import choose, open_runtime
from cxr_core.errors import ModelError, ModelInvalid, ModelNotFound
from cxr_core.settings import Settings


@dataclass(slots=True)
class _Shelf:
    """What is loaded, behind one lock: a second caller waits for the first one's copy instead of making its own."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    cards: dict[Path, ModelCard] = field(default_factory=dict)
    runtimes: dict[tuple[Path, Runtime], raw.Runtime] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)


_shelf = _Shelf()


@dataclass(frozen=True, slots=True)
class Unusable:
    """A second opinion that cannot be asked, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Opinions:
    """Second opinions: those that are ready, and those that cannot be used."""

    detectors: tuple[Detector, ...] = ()
    unusable: tuple[Unusable, ...] = ()


def load_detectors(settings: Settings) -> tuple[Detector, ...]:
    """Every detector of ``settings.models_dir``, loaded once a process and runtime; second opinions are passed over.

    Raises ModelNotFound where there is none, ModelInvalid for one that cannot be used.
    """
    folders = _of_detectors(settings)
    with _shelf.lock:
        detectors = tuple(_detector(folder, settings) for folder in folders)
    names = [detector.card.name for detector in detectors]
    if len(set(names)) != len(names):
        raise ModelInvalid(f"two model folders hold the same model: {', '.join(sorted(names))}; remove one of them")
    return detectors


def load_opinions(settings: Settings, wants: Callable[[str], bool]) -> Opinions:
    """The second opinions whose name ``wants`` admits, loaded once a process and runtime; none of them is an error."""
    found: list[Detector] = []
    cards, unusable = opinion_cards(settings)
    folders = {card.name: folder for folder, card in cards}
    for name in filter(wants, folders):
        try:
            found.append(load_detector(folders[name], settings))
            _shelf.failed.pop(folders[name].resolve(), None)
        except ModelError as exc:
            _shelf.failed[folders[name].resolve()] = str(exc)
            unusable = (*unusable, Unusable(name, str(exc)))
    return Opinions(tuple(found), unusable)


def why_not(folder: Path) -> str:
    """Why the second opinion of this folder could not be loaded when this process last tried; empty if it could."""
    return _shelf.failed.get(folder.resolve(), "")


def load_detector(folder: Path, settings: Settings) -> Detector:
    """The model of one folder, of either role, the same copy that ``load_detectors`` and ``load_opinions`` give."""
    with _shelf.lock:
        return _detector(folder, settings)


def load_cards(settings: Settings) -> tuple[ModelCard, ...]:
    """The detectors' cards, without loading a network; same order and same errors as ``load_detectors``."""
    folders = _of_detectors(settings)
    with _shelf.lock:
        return tuple(_card(folder) for folder in folders)


def opinion_cards(settings: Settings) -> tuple[tuple[tuple[Path, ModelCard], ...], tuple[Unusable, ...]]:
    """Folder and card of each second opinion, without loading a network, and those that cannot be used.

    A name in ``settings.second_opinions`` that no folder holds is one of these.
    """
    folders = [folder for folder in model_folders(settings.models_dir) if _is_opinion(folder)]
    cards: list[tuple[Path, ModelCard]] = []
    unusable: list[Unusable] = []
    taken = {card.name for card in load_cards(settings)}
    for folder in folders:
        try:
            card = folder_card(folder)
        except ModelInvalid as exc:
            unusable.append(Unusable(folder.name, str(exc)))
            continue
        reason = _unfit(card, taken)
        if reason:
            unusable.append(Unusable(card.name, reason))
            continue
        taken.add(card.name)
        cards.append((folder, card))
    return tuple(cards), (*unusable, *_not_there(settings, (*(card.name for _, card in cards), *_names(unusable))))


def _names(unusable: Iterable[Unusable]) -> Iterable[str]:
    return (item.name for item in unusable)


def _not_there(settings: Settings, found: Iterable[str]) -> tuple[Unusable, ...]:
    missing = [name for name in settings.named_opinions if name not in set(found)]
    place = settings.models_dir.name
    return tuple(
        Unusable(name, f"CXR_SECOND_OPINIONS asks for it, and no folder in {place} holds a second opinion of that name")
        for name in missing
    )


def _unfit(card: ModelCard, taken: Iterable[str]) -> str:
    """Why a sound card cannot be a second opinion here; empty if it can."""
    if card.name in taken:
        return f"another model folder holds a model of the name {card.name}; remove or rename one of them"
    return "" if card.finding_labels else "its card names no finding that it could answer for"


def _of_detectors(settings: Settings) -> tuple[Path, ...]:
    return tuple(folder for folder in model_folders(settings.models_dir) if not _is_opinion(folder))


def _is_opinion(folder: Path) -> bool:
    return _says(folder, "second_opinion")


def _says(folder: Path, role: Role) -> bool:
    """Whether a folder says that it has this role; looked for in the text, so that a broken card says it too."""
    try:
        text = (folder / CARD_FILE).read_bytes()
    except OSError:
        return False
    return re.search(rb'"role"\s*:\s*"' + role.encode() + b'"', text) is not None


def folder_card(folder: Path) -> ModelCard:
    """The card of a model folder, of either role, made from the label map where the folder has none; ModelInvalid."""
    with _shelf.lock:
        return _card(folder)


def model_folders(models_dir: Path) -> tuple[Path, ...]:
    """The model folders of ``models_dir``, by name, less a gate's; ModelNotFound where there is none."""
    inside = sorted(models_dir.iterdir()) if models_dir.is_dir() else []
    found = tuple(folder for folder in inside if folder.is_dir() and _is_model(folder) and not _says(folder, "gate"))
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
        _shelf.failed.clear()


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
