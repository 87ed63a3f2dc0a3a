"""A data folder, whatever its layout -> what a detector's recipe trains on.

In: a recipe and a folder: the shared layout, TFRecords, NIH's own box list, or Pascal VOC XML, told by what is there.
Out: Material. Data that know boxes alone cannot fill every target and stratum of a recipe made for more; the recipe is
then narrowed to what they hold, and the notes say how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training import boxlist, data, feedback, voc
from training.data import Classes, Example
from training.errors import MissingData, RecipeError
from training.feedback import Feedback
from training.recipe import Recipe, System

OWN_SOURCES = frozenset(("siim", "radiography", "ieee8023", "nih"))
"""Sources of the shared layout: their folds and strata are given, and a class without an example is an error."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How data may lie in a folder. ``looked``: what it is recognised by, for the message where nothing is."""

    name: str
    looked: Callable[[Classes], str]
    there: Callable[[Path, Classes], bool]
    read: Callable[[Path, Recipe, Classes], list[Example]]


@dataclass(frozen=True, slots=True)
class Material:
    """``examples`` with the ``recipe`` that fits them; ``notes`` say what was derived or left out."""

    examples: list[Example]
    recipe: Recipe
    layout: str
    notes: tuple[str, ...] = ()
    feedback: Feedback | None = None

    def facts(self) -> dict[str, Any]:
        """What a run writes down about its data."""
        told = {"layout": self.layout, "notes": list(self.notes), "annotations_sha256": data.digest(self.examples)}
        return told | ({"feedback": self.feedback.facts()} if self.feedback else {})


def _records(folder: Path, _recipe: Recipe, classes: Classes) -> list[Example]:
    from training.records.read import read  # noqa: PLC0415 TensorFlow takes seconds to start

    return read(folder, classes)


def _any_record(folder: Path, _classes: Classes) -> bool:
    from training.records.names import files  # noqa: PLC0415

    return bool(files(folder))


LAYOUTS: Sequence[Layout] = (
    Layout(
        "shared layout",
        lambda classes: classes.table,
        lambda folder, classes: (folder / classes.table).is_file(),
        lambda folder, recipe, _: recipe.read(folder),
    ),
    Layout("TFRecords", lambda _: "*.tfrecord with label_map.pbtxt", _any_record, _records),
    Layout(
        "NIH's box list",
        lambda _: "BBox_List_2017.csv",
        lambda folder, _: boxlist.list_of(folder) is not None,
        lambda folder, _, classes: boxlist.read(folder, classes),
    ),
    Layout(
        "Pascal VOC XML",
        lambda _: "*.xml beside pictures",
        lambda folder, _: bool(voc.xml_files(folder)),
        lambda folder, _, classes: voc.read(folder, classes),
    ),
)


def recognise(folder: Path, classes: Classes) -> Layout | None:
    """The layout of a folder, the first that fits; None if none does."""
    return next((layout for layout in LAYOUTS if layout.there(folder, classes)), None)


def material(recipe: Recipe, folder: Path, reviews: Feedback | None = None) -> Material:
    """Reads a folder, and reviewed films beside it; MissingData lists what was looked for if it holds none of it."""
    classes = recipe.classes
    if classes is None:
        if reviews:
            raise RecipeError(f"{recipe.name} cannot learn from reviews; choose another recipe")
        return Material(recipe.read(folder), recipe, "shared layout")
    layout = recognise(folder, classes)
    if layout is None:
        wanted = "; ".join(item.looked(classes) for item in LAYOUTS)
        what = "holds none of what can be trained on" if folder.is_dir() else "is no folder"
        raise MissingData(f"{folder.name or folder} {what}; looked for {wanted}; see docs/training.md")
    given = layout.read(folder, recipe, classes)
    added = feedback.examples(reviews, classes, given) if reviews else []
    examples, fitted = [*given, *added], recipe
    notes: list[str] = []
    if not any(item.source in OWN_SOURCES for item in given):
        fitted = narrowed(recipe, examples)
        notes += _notes(recipe, fitted, given)
    if added:
        notes.append(f"{len(added)} reviewed films join {', '.join(sorted({item.stratum for item in added}))}")
    return Material(examples, fitted, layout.name, tuple(notes), reviews)


def examples_of(system: System, folder: Path) -> list[Example]:
    """The examples alone, for any system."""
    return material(system, folder).examples if isinstance(system, Recipe) else system.read(folder)


def narrowed(recipe: Recipe, examples: Sequence[Example]) -> Recipe:
    """The recipe without the extra classes, targets and strata that the examples do not hold.

    What leaves the network stays: for a label without an example, ``data.check`` refuses the data.
    """
    used = [item for item in examples if item.stratum]
    boxed = {area.label for item in used for area in item.areas}
    values = {(name, value) for item in used for name, value in item.targets.items()}
    labels, attended = len(recipe.labels), recipe.attended
    more_boxes = [name for name in recipe.box_classes[labels:] if name in boxed]
    more_targets = [name for name in recipe.targets[attended:] if {(name, 0), (name, 1)} <= values]
    return replace(
        recipe,
        box_classes=(*recipe.box_classes[:labels], *more_boxes),
        targets=(*recipe.targets[:attended], *more_targets),
        strata=_shared_out(recipe.strata, {item.stratum for item in used}),
    )


def _shared_out(strata: Mapping[str, int], present: set[str]) -> dict[str, int]:
    """The batch's places among the strata there are, in the recipe's proportions; the recipe's own if none is there."""
    kept = {name: count for name, count in strata.items() if name in present}
    if not kept:
        return dict(strata)
    total, whole = sum(strata.values()), sum(kept.values())
    exact = {name: total * count / whole for name, count in kept.items()}
    shares = {name: int(value) for name, value in exact.items()}
    ahead = sorted(exact, key=lambda name: shares[name] - exact[name])
    for name in ahead[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def _notes(recipe: Recipe, fitted: Recipe, examples: Sequence[Example]) -> list[str]:
    unused = sum(not item.stratum for item in examples)
    lost = [*recipe.box_classes, *recipe.targets]
    gone = sorted(set(lost) - {*fitted.box_classes, *fitted.targets})
    said = ["folds are derived from each film's patient or file name, as the data give none"]
    if gone:
        said.append(f"nothing is taught of {', '.join(gone)}: the data do not tell")
    if dict(fitted.strata) != dict(recipe.strata):
        shares = ", ".join(f"{count} {name}" for name, count in fitted.strata.items())
        said.append(f"a batch holds {shares}")
    if unused:
        said.append(f"{unused} films without a box teach nothing and are left out")
    return said
