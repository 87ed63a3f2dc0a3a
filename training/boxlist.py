"""NIH ChestX-ray14 as its authors published it -> examples: ``BBox_List_2017.csv`` beside the pictures.

In: a folder with that list, pictures of its names anywhere below, and ``Data_Entry_2017.csv`` if it is at hand. Out:
Example records. With the entries a film has its text-mined labels and its patient; without them the listed boxes are
taken to be all there are. Boxes are in pixels of the 1,024 px originals, whatever size the pictures have here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from training.data import Area, Classes, Example, area, derived_fold, from_boxes, lines, number, rows
from training.errors import BadFile, MissingData
from training.nih import FULL, taught
from training.voc import pictures

SOURCE = "nih original"
_LIST, _ENTRIES = "BBox_List_2017*.csv", "Data_Entry_2017*.csv"
_HEADER = ("image index", "finding label", "bbox [x", "y", "w", "h]")
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")


def list_of(folder: Path) -> Path | None:
    """The list of boxes in a folder, or None."""
    return next(iter(sorted(folder.glob(_LIST))), None)


def read(folder: Path, classes: Classes) -> list[Example]:
    """Every listed film, and every other film of the entries whose picture is here; DataError names the line."""
    path = list_of(folder)
    if path is None:
        raise MissingData(f"{_LIST} is not in the folder {folder.name}")
    boxes = _boxes(path, classes)
    there = {stem: found[0] for stem, found in pictures(folder).items()}
    lost = sorted(name for name in boxes if Path(name).stem not in there)
    if lost:
        raise MissingData(f"{len(lost)} images that {path.name} names are not there, first {lost[0]}")
    entries = next(iter(sorted(folder.glob(_ENTRIES))), None)
    if entries is None:
        return [from_boxes(name, there[Path(name).stem], areas, classes, SOURCE) for name, areas in boxes.items()]
    return _with_labels(entries, boxes, there)


def _boxes(path: Path, classes: Classes) -> dict[str, list[Area]]:
    """Boxes by image. The header's brackets hold commas, so the columns are told by their place."""
    found: dict[str, list[Area]] = {}
    table = lines(path)
    header = tuple(cell.strip().lower() for cell in next(table, (1, []))[1][:6])
    if header != _HEADER:
        raise BadFile(f"{path.name}: expected the header 'Image Index,Finding Label,Bbox [x,y,w,h]', got {header}")
    for line, row in table:
        where = f"{path.name} line {line}"
        if len(row) < 6:
            raise BadFile(f"{where}: expected image, label, x, y, w, h, got {len(row)} columns")
        label = classes.known(where, row[1])
        x, y, w, h = (number(where, cell) / FULL for cell in row[2:6])
        found.setdefault(row[0].strip(), []).append(area(where, label, (x, y, x + w, y + h)))
    return found


def _with_labels(entries: Path, boxes: Mapping[str, list[Area]], there: Mapping[str, Path]) -> list[Example]:
    found = []
    for line, row in rows(entries, _COLUMNS):
        name = row["Image Index"]
        picture = there.get(Path(name).stem)
        if picture is None:  # most sites keep a part of the 112,120 films
            continue
        film = taught(f"{entries.name} line {line}", row["Finding Labels"], boxes.get(name, []))
        facts = {"boxed": film.drawn, "view": row["View Position"], "sex": _sex(row), "age": row.get("Patient Age", "")}
        patient = row["Patient ID"]
        found.append(
            Example(
                name=name,
                path=picture,
                group=patient,
                fold=derived_fold(patient),
                stratum=film.stratum,
                source=SOURCE,
                targets=film.targets,
                areas=film.areas,
                searched=film.searched,
                facts=facts,
            )
        )
    strangers = set(boxes) - {example.name for example in found}
    if strangers:
        raise MissingData(f"{entries.name} does not list {min(strangers)}, for which boxes are given")
    return found


def _sex(row: Mapping[str, str]) -> str:
    return row.get("Patient Gender") or row.get("Patient Sex") or ""
