"""Pascal VOC XML, as labelImg writes it, beside pictures -> examples.

In: a folder with one XML file a picture, pictures beside them or anywhere below the folder. Out: Example records. Every
box of a picture is taken to be drawn, so a class without a box is absent; a picture without XML is not annotated.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from training import cache
from training.data import Area, Classes, Example, area, from_boxes, number
from training.errors import BadBox, BadFile, MissingData

SOURCE = "voc"
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm"))
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def xml_files(folder: Path) -> list[Path]:
    """The XML files below a folder, sorted."""
    return sorted(folder.rglob("*.xml"))


def pictures(folder: Path) -> dict[str, list[Path]]:
    """Every picture below a folder, by its name without ending."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and path.is_file():
            found.setdefault(path.stem, []).append(path)
    return found


def read(folder: Path, classes: Classes) -> list[Example]:
    """Every annotated picture below ``folder``; raises a DataError that names file and object."""
    there = pictures(folder)
    found: dict[Path, Example] = {}
    for path in xml_files(folder):
        where = path.relative_to(folder).as_posix()
        tree = _parse(where, path)
        picture = _picture(where, path, tree, there)
        if picture in found:
            raise BadFile(f"{where}: {picture.name} is annotated twice; keep one of the two XML files")
        name = picture.relative_to(folder).as_posix()
        found[picture] = from_boxes(name, picture, _areas(where, tree, picture, classes), classes, SOURCE)
    return list(found.values())


def _parse(where: str, path: Path) -> ElementTree.Element:
    try:
        tree = ElementTree.fromstring(path.read_bytes())  # noqa: S314 Expat refuses entity bombs since 2.4.1
    except ElementTree.ParseError as exc:
        raise BadFile(f"{where} is no XML that can be read: {exc}") from exc
    if tree.tag != "annotation":
        raise BadFile(f"{where}: expected <annotation> as Pascal VOC has it, got <{tree.tag}>")
    return tree


def _picture(where: str, path: Path, tree: ElementTree.Element, there: Mapping[str, list[Path]]) -> Path:
    """The picture an XML file is of: of the name it gives, else of its own name; beside it first, then anywhere."""
    told = (tree.findtext("filename") or "").replace("\\", "/").rsplit("/", 1)[-1].strip()
    for stem in dict.fromkeys((Path(told).stem, path.stem)):
        found = [item for item in there.get(stem, []) if item.parent == path.parent] or there.get(stem, [])
        exact = [item for item in found if item.name == told]
        found = exact if len(found) > 1 and exact else found
        if len(found) > 1:
            raise BadFile(f"{where}: {len(found)} pictures are called {stem}; put the one meant beside the XML file")
        if found:
            return found[0]
    raise MissingData(f"{where}: its picture {told or path.stem} is not in the folder")


def _areas(where: str, tree: ElementTree.Element, picture: Path, classes: Classes) -> list[Area]:
    width, height = size_of(picture)
    told = tuple(number(f"{where} size", tree.findtext(f"size/{side}") or "0") for side in ("width", "height"))
    if all(told) and told != (width, height):  # some tools write zeros
        raise BadBox(f"{where}: drawn on {told[0]:g} x {told[1]:g} pixels, but {picture.name} has {width} x {height}")
    found = []
    for index, item in enumerate(tree.iter("object"), 1):
        place = f"{where} object {index}"
        label = classes.known(place, item.findtext("name") or "")
        edges = [number(place, item.findtext(f"bndbox/{edge}") or "nothing") for edge in _EDGES]
        sides = (width, height, width, height)
        found.append(area(place, label, [edge / side for edge, side in zip(edges, sides, strict=True)]))
    return found


def size_of(picture: Path) -> tuple[int, int]:
    """(width, height); MissingData if it is no picture. Reads the header alone where the format allows."""
    try:
        with Image.open(picture) as image:
            return image.width, image.height
    except (OSError, Image.DecompressionBombError):  # DICOM, or damaged: whoever decodes it knows
        height, width = cache.grey(picture.read_bytes(), picture.name).shape
        return width, height
