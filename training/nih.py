"""NIH ChestX-ray14 in the shared layout -> examples: eight boxed signs, RSNA's opacity boxes as a ninth.

In: a data folder with nih/images.csv, boxes.csv, rsna_opacity_boxes.csv and images/. Out: Example records. A
text-mined label without a box is not a negative of that class: such a class is not "searched" on that film.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_core.records import NIH_LABELS
from training.data import Area, Classes, Example, area, fold_of, number, rows
from training.errors import UnknownLabel

OPACITY = "Opacity"
NO_FINDING = "No Finding"
BOX_CLASSES = (*NIH_LABELS, OPACITY)
EXTRA_TARGETS = ("Consolidation", "Edema", "Emphysema", "Fibrosis", "Hernia", "Pleural_Thickening", NO_FINDING)
TARGETS = (*NIH_LABELS, OPACITY, *EXTRA_TARGETS)
_SPELLING = {"Infiltration": "Infiltrate"}
FULL = 1024.0  # boxes are in pixels of NIH's square originals
_RSNA_ALIKE = ("Infiltrate", "Pneumonia")  # signs whose RSNA opacity box is taken where the text label agrees


def _drawn(names: frozenset[str]) -> tuple[dict[str, int], str]:
    """Every box is known, so a sign without a box is absent."""
    targets = {sign: int(sign in names) for sign in NIH_LABELS}
    return targets | {NO_FINDING: int(not names)}, "boxed" if names else "clear"


def _reviewed(said: Mapping[str, int], boxed: bool) -> tuple[dict[str, int], str]:
    """What a reader did not speak of stays unknown."""
    targets = {sign: value for sign, value in said.items() if sign in NIH_LABELS}
    if not targets:
        return {}, ""
    return targets | ({NO_FINDING: 0} if any(targets.values()) else {}), "boxed" if boxed else "labelled"


CLASSES = Classes(
    table="nih/images.csv",
    names=NIH_LABELS,
    spellings={name.lower(): known for name, known in _SPELLING.items()},
    findings={name: name for name in NIH_LABELS},
    drawn=_drawn,
    reviewed=_reviewed,
)


@dataclass(frozen=True, slots=True)
class Taught:
    """What one film teaches; see Example."""

    targets: Mapping[str, int]
    areas: tuple[Area, ...]
    searched: frozenset[str]
    stratum: str
    drawn: str


def read(folder: Path) -> list[Example]:
    """Every film of nih/; raises a DataError that names file and line."""
    root = folder / "nih"
    boxes = _boxes(root / "boxes.csv", fixed="")
    opacities = _boxes(root / "rsna_opacity_boxes.csv", fixed=OPACITY)
    columns = ("image", "finding_labels", "view", "sex", "age", "group", "fold", "rsna_class")
    found = []
    for line, row in rows(root / "images.csv", columns):
        found.append(_example(root, f"nih/images.csv line {line}", row, boxes, opacities))
    strangers = (set(boxes) | set(opacities)) - {example.name for example in found}
    if strangers:
        raise UnknownLabel(f"boxes are given for {min(strangers)}, which nih/images.csv does not list")
    return found


def _boxes(path: Path, fixed: str) -> dict[str, list[Area]]:
    columns = ("image", "x", "y", "w", "h") if fixed else ("image", "label", "x", "y", "w", "h")
    found: dict[str, list[Area]] = {}
    for line, row in rows(path, columns):
        where = f"nih/{path.name} line {line}"
        label = fixed or row["label"]
        if label not in BOX_CLASSES:
            raise UnknownLabel(f"{where}: {label!r} is none of {', '.join(NIH_LABELS)}")
        x, y, w, h = (number(where, row[key]) / FULL for key in "xywh")
        found.setdefault(row["image"], []).append(area(where, label, (x, y, x + w, y + h)))
    return found


def taught(where: str, labels: str, own: Sequence[Area], opacities: Sequence[Area] = (), rsna: str = "") -> Taught:
    """From text-mined labels ('|' between), NIH's boxes, RSNA's opacity boxes and RSNA's class, "" if unknown."""
    signs = {_SPELLING.get(item, item) for item in labels.split("|")}
    unknown = signs - set(TARGETS)
    if unknown:
        raise UnknownLabel(f"{where}: finding {min(unknown)!r} is not one of NIH's labels")
    drawn = {item.label for item in own}
    alike = [
        Area(sign, a.x1, a.y1, a.x2, a.y2)
        for sign in _RSNA_ALIKE
        if sign in signs and sign not in drawn
        for a in opacities
    ]
    areas = (*own, *alike, *opacities)
    targets = {sign: int(sign in signs or sign in drawn) for sign in TARGETS if sign != OPACITY}
    if rsna:
        targets[OPACITY] = int(rsna == "Lung Opacity")
    absent = {sign for sign in NIH_LABELS if not targets[sign]} | ({OPACITY} if rsna else set())
    stratum = "boxed" if own else "opacity" if areas else "clear" if NO_FINDING in signs else "labelled"
    searched = frozenset(absent | {item.label for item in areas})
    return Taught(targets, areas, searched, stratum, ",".join(sorted(drawn)))


def _example(
    root: Path, where: str, row: dict[str, str], boxes: dict[str, list[Area]], opacities: dict[str, list[Area]]
) -> Example:
    name = row["image"]
    film = taught(where, row["finding_labels"], boxes.get(name, []), opacities.get(name, []), row["rsna_class"])
    return Example(
        name=name,
        path=root / "images" / f"{name}.jpg",
        group=row["group"],
        fold=fold_of(where, row["fold"]),
        stratum=film.stratum,
        source="nih",
        targets=film.targets,
        areas=film.areas,
        searched=film.searched,
        facts={"boxed": film.drawn, "view": row["view"], "sex": row["sex"], "age": row["age"]},
    )
