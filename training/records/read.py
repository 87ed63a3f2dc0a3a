"""TFRecord files -> examples, whose pictures stay where they are: inside the files.

In: a folder of record files and ``label_map.pbtxt``. Out: Example records, in the order they were written from. A
record without our own keys is taken as the Object Detection API means it: every box is known, so a class without is
absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from google.protobuf.message import DecodeError

from cxr_core.detect.foreign import parse_label_map
from training.data import ALWAYS, EXTERNAL, FOLDS, Area, Classes, Example, area, from_boxes
from training.errors import BadFile, MissingData, UnknownLabel
from training.records import names

SOURCE = "records"
T = TypeVar("T")
_HEAD, _FRAME = 12, 16  # a record: length (8) and its checksum (4), the data, their checksum (4)


@dataclass(frozen=True, slots=True)
class _Record:
    """One parsed record: where it was found, its features by name, and its bytes with their offset in the file."""

    where: str
    path: Path
    features: Mapping[str, Any]
    data: bytes
    start: int

    def texts(self, name: str) -> list[str]:
        """Text values."""
        return [value.decode("utf-8", "replace") for value in self.raw(name)]

    def raw(self, name: str) -> list[bytes]:
        """Byte strings."""
        return list(self.features[name].bytes_list.value) if name in self.features else []

    def wholes(self, name: str) -> list[int]:
        """Whole numbers."""
        return list(self.features[name].int64_list.value) if name in self.features else []

    def floats(self, name: str) -> list[float]:
        """Numbers of single precision."""
        return list(self.features[name].float_list.value) if name in self.features else []

    def span(self) -> tuple[int, int]:
        """Where the picture's bytes lie in the file."""
        encoded = self.raw(names.ENCODED)
        if len(encoded) != 1 or not encoded[0]:
            raise MissingData(f"{self.where} holds no picture ({names.ENCODED})")
        return self.start + self.data.index(encoded[0]), len(encoded[0])


def read(folder: Path, classes: Classes) -> list[Example]:
    """Every record's film; raises a DataError that names file and record."""
    found: dict[str, tuple[int, Example]] = {}
    ids = _label_map(folder if folder.is_dir() else folder.parent, classes)
    for path in names.files(folder):
        for item in _records(path):
            example = _example(item, ids, classes)
            if example.name in found:
                raise BadFile(f"{item.where}: {example.name} stands in two records; keep one of the two files")
            found[example.name] = (next(iter(item.wholes(names.INDEX)), len(found)), example)
    if not found:
        raise MissingData(f"the records of {folder.name} are empty")
    return [example for _, example in sorted(found.values(), key=lambda pair: pair[0])]


def _label_map(folder: Path, classes: Classes) -> dict[int, str]:
    path = folder / names.LABEL_MAP
    if not path.is_file():
        raise MissingData(f"{names.LABEL_MAP} is not beside the records in {folder.name}")
    try:
        items = parse_label_map(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as exc:
        raise BadFile(f"{names.LABEL_MAP} cannot be read: {exc}") from exc
    return {item.id: classes.known(f"{names.LABEL_MAP} id {item.id}", item.name) for item in items}


def _records(path: Path) -> Iterator[_Record]:
    """The records of a file. TensorFlow checks the checksums; the places follow from the lengths."""
    place = 0
    stream = iter(tf.data.TFRecordDataset(str(path)))
    for number in range(1, 2**62):
        where = f"{path.name} record {number}"
        try:
            raw = bytes(next(stream).numpy())
            features = tf.train.Example.FromString(raw).features.feature
        except StopIteration:
            return
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as exc:
            raise BadFile(f"{where} is damaged, cut short or compressed; write the file again") from exc
        except DecodeError as exc:
            raise BadFile(f"{where} is no tf.train.Example") from exc
        yield _Record(where, path, features, raw, place + _HEAD)
        place += len(raw) + _FRAME


def _example(item: _Record, ids: Mapping[int, str], classes: Classes) -> Example:
    areas = _areas(item, names.BOX, [classes.known(item.where, name) for name in _labels(item, ids)])
    name = next((text for key in (names.SOURCE_ID, names.FILENAME) for text in item.texts(key) if text), "")
    if not name:
        raise BadFile(f"{item.where} has neither {names.SOURCE_ID} nor {names.FILENAME}")
    span = item.span()
    if names.GROUP not in item.features:
        return replace(from_boxes(name, item.path, areas, classes, SOURCE), span=span)
    fold = _only(item, names.FOLD, item.wholes(names.FOLD))
    if fold not in (*FOLDS, EXTERNAL, ALWAYS):
        raise UnknownLabel(f"{item.where}: {names.FOLD} must be 0 to 4, {EXTERNAL} or {ALWAYS}, got {fold}")
    return Example(
        name=name,
        path=item.path,
        group=_only(item, names.GROUP, item.texts(names.GROUP)),
        fold=fold,
        stratum=_only(item, names.STRATUM, item.texts(names.STRATUM)),
        source=_only(item, names.SOURCE, item.texts(names.SOURCE)),
        targets=_pairs(item, names.TARGET_NAMES, item.wholes(names.TARGET_VALUES)),
        areas=(*areas, *_areas(item, names.OTHER_BOX, item.texts(names.OTHER_TEXT))),
        searched=frozenset(item.texts(names.SEARCHED)),
        facts=_pairs(item, names.FACT_NAMES, item.texts(names.FACT_VALUES)),
        span=span,
    )


def _labels(item: _Record, ids: Mapping[int, str]) -> list[str]:
    """The classes of the boxes: by name, or by number where a record has no names."""
    texts, numbers = item.texts(names.TEXT), item.wholes(names.LABEL)
    if texts or not numbers:
        return texts
    unknown = set(numbers) - set(ids)
    if unknown:
        raise UnknownLabel(f"{item.where}: class {min(unknown)} is not in {names.LABEL_MAP}")
    return [ids[number] for number in numbers]


def _areas(item: _Record, prefix: str, labels: list[str]) -> list[Area]:
    sides = [item.floats(f"{prefix}/{side}") for side in names.SIDES]
    if {len(values) for values in sides} != {len(labels)}:
        counts = ", ".join(str(len(values)) for values in sides)
        raise BadFile(f"{item.where}: {len(labels)} classes for boxes with {counts} sides")
    return [area(item.where, label, corners) for label, *corners in zip(labels, *sides, strict=True)]


def _only(item: _Record, name: str, values: list[T]) -> T:
    if len(values) != 1:
        raise BadFile(f"{item.where}: {name} has {len(values)} values, expected one")
    return values[0]


def _pairs(item: _Record, key: str, values: list[T]) -> dict[str, T]:
    keys = item.texts(key)
    if len(keys) != len(values):
        raise BadFile(f"{item.where}: {key} has {len(keys)} values, but there are {len(values)} to go with them")
    return dict(zip(keys, values, strict=True))
