"""The films of a detection test, and what is known of them.

In: a folder, whatever its layout, and a model's card. Out: Item records, sorted by name. A folder of a known layout
gives truths with its films; any other folder gives films alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_core.card import ModelCard
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings
from training import covid, nih
from training.data import Classes, Example
from training.errors import MissingData
from training.recipe import Recipe, load
from training.sources import LAYOUTS, recognise

Read = Callable[[Path], list[Example]]


@dataclass(frozen=True, slots=True)
class Known:
    """A system whose classes a model may have; ``read``: its shared layout, ``targets``: what each finding is there."""

    classes: Classes
    read: Read
    targets: Mapping[str, str]
    recipe: str


SYSTEMS: Sequence[Known] = (
    Known(covid.CLASSES, covid.read, dict.fromkeys(covid.CLASSES.findings, covid.COVID), "covid_ssd"),
    Known(nih.CLASSES, nih.read, {name: name for name in nih.CLASSES.findings}, "nih_ssd"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One film: how to load its bytes, and what is known of it, if anything is."""

    name: str
    load: Callable[[], bytes]
    known: Example | None = None


def system_of(card: ModelCard) -> Known | None:
    """The system whose classes are the model's own; None for a stranger, of whose classes no truth is known."""
    names = {label.name for label in card.labels}
    return next((item for item in SYSTEMS if set(item.classes.names) <= names), None)


def items(folder: Path, system: Known | None, most: int, fold: int | None, settings: Settings) -> list[Item]:
    """At most ``most`` films, drawn by their names' digests where there are more; MissingData where there is none."""
    examples = _examples(folder, system) if system else []
    if fold is not None and not examples:
        raise MissingData(f"no folds are known in {folder.name}; leave --fold out")
    found = [
        Item(item.name, item.encoded, item)
        for item in examples
        if fold is None or (item.fold == fold and (item.stratum or item.targets))
    ]
    if not examples:
        paths = from_paths([folder], settings) if folder.is_dir() else ()
        found = [Item(Path(item.name).relative_to(folder).as_posix(), item.load) for item in paths]
    if not found:
        raise MissingData(f"there is no film in {folder.name or folder}" + (f" of fold {fold}" if fold else ""))
    drawn = sorted(found, key=lambda item: hashlib.sha256(item.name.encode()).digest())[:most]
    return sorted(drawn, key=lambda item: item.name)


def _examples(folder: Path, system: Known) -> list[Example]:
    """The films with truths at or below a folder; [] where the layout is none that is known."""
    whole = folder.resolve()
    for root in (whole, *list(whole.parents)[:2]):
        if (root / system.classes.table).is_file():
            inside = [item for item in system.read(root) if item.path.resolve().is_relative_to(whole)]
            return [item for item in inside if item.path.is_file()]
    layout = recognise(whole, system.classes)
    recipe = load(system.recipe)
    if layout is None or layout is LAYOUTS[0] or not isinstance(recipe, Recipe):
        return []
    return layout.read(whole, recipe, system.classes)
