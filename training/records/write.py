"""Examples -> TFRecord files and ``label_map.pbtxt``.

In: examples with their pictures, a detector's recipe, a folder without records. Out: one file or several shards a
split: train, val (the fold held out), test (films that are only measured). A file appears under its name once it is
whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import tensorflow as tf
from tqdm import tqdm

from training import cache, data
from training.data import Area, Example
from training.errors import DataError, EmptyClass, MissingData
from training.export import label_map
from training.recipe import Recipe
from training.records import names

_FORMATS = {b"\x89PNG\r\n\x1a\n": b"png", b"\xff\xd8\xff": b"jpeg"}


def write(examples: Sequence[Example], recipe: Recipe, folder: Path, held_out: int, shards: int = 1) -> list[Path]:
    """The files written. Raises MissingData, before any file is written, for a picture that is not there."""
    if not examples:
        raise EmptyClass("there is no film to write")
    lost = [example.name for example in examples if not example.path.is_file()]
    if lost:
        raise MissingData(f"{len(lost)} images are not there, first {lost[0]}")
    if names.files(folder):
        raise DataError(f"{folder.name} holds records already, and old and new would be read together; choose another")
    folder.mkdir(parents=True, exist_ok=True)
    made: list[tuple[Path, Path]] = []
    with tqdm(total=len(examples), desc="writing records", unit="film", mininterval=2) as bar:
        for split, rows in splits(examples, held_out).items():
            for number in range(shards):
                name = f"{split}.tfrecord" + (f"-{number:05d}-of-{shards:05d}" if shards > 1 else "")
                part = folder / f".{name}.part"
                _write(part, ((row, examples[row]) for row in rows[number::shards]), recipe, bar)
                made.append((part, folder / name))
    (folder / names.LABEL_MAP).write_text(label_map(recipe))
    for part, whole in made:
        part.replace(whole)
    return [whole for _, whole in made]


def splits(examples: Sequence[Example], held_out: int) -> dict[str, list[int]]:
    """Rows of each split that has any."""
    found: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        split = "test" if not example.stratum else "val" if example.fold == held_out else "train"
        found.setdefault(split, []).append(row)
    return found


def _write(path: Path, rows: Iterable[tuple[int, Example]], recipe: Recipe, bar: tqdm) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row, example in rows:
            writer.write(record(row, example, recipe).SerializeToString())
            bar.update()


def record(row: int, example: Example, recipe: Recipe) -> tf.train.Example:
    """One film as the Object Detection API's decoder wants it, and ours."""
    encoded, kind, (width, height) = picture(example)
    ids = {label.name: number for number, label in enumerate(recipe.labels, 1)}
    known = [item for item in example.areas if item.label in ids]
    others = [item for item in example.areas if item.label not in ids]
    targets, facts = sorted(example.targets.items()), sorted(example.facts.items())
    features = {
        names.ENCODED: _texts([encoded]),
        names.FORMAT: _texts([kind]),
        names.DIGEST: _texts([hashlib.sha256(encoded).hexdigest()]),
        names.FILENAME: _texts([example.path.name if example.span is None else Path(example.name).name]),
        names.SOURCE_ID: _texts([example.name]),
        names.HEIGHT: _wholes([height]),
        names.WIDTH: _wholes([width]),
        **_boxes(names.BOX, names.TEXT, known),
        names.LABEL: _wholes([ids[item.label] for item in known]),
        names.INDEX: _wholes([row]),
        names.GROUP: _texts([example.group]),
        names.FOLD: _wholes([example.fold]),
        names.STRATUM: _texts([example.stratum]),
        names.SOURCE: _texts([example.source]),
        names.TARGET_NAMES: _texts([name for name, _ in targets]),
        names.TARGET_VALUES: _wholes([value for _, value in targets]),
        names.SEARCHED: _texts(sorted(example.searched)),
        names.FACT_NAMES: _texts([name for name, _ in facts]),
        names.FACT_VALUES: _texts([value for _, value in facts]),
        **_boxes(names.OTHER_BOX, names.OTHER_TEXT, others),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def picture(example: Example) -> tuple[bytes, bytes, tuple[int, int]]:
    """The picture's bytes, its format and (width, height).

    PNG and JPEG go in as they are; anything else, DICOM for one, as an 8-bit PNG: TensorFlow decodes no more.
    """
    encoded = example.encoded()
    grey = cache.grey(encoded, example.name)
    kind = next((kind for start, kind in _FORMATS.items() if encoded.startswith(start)), b"")
    if not kind:
        encoded, kind = cv2.imencode(".png", grey)[1].tobytes(), b"png"
    return encoded, kind, (grey.shape[1], grey.shape[0])


def _boxes(prefix: str, text: str, areas: Sequence[Area]) -> dict[str, tf.train.Feature]:
    corners = zip(*((a.x1, a.y1, a.x2, a.y2) for a in areas), strict=True) if areas else [()] * 4
    found = {f"{prefix}/{side}": _floats(values) for side, values in zip(names.SIDES, corners, strict=True)}
    return {**found, text: _texts([item.label for item in areas])}


def _texts(values: Iterable[str | bytes]) -> tf.train.Feature:
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=raw))


def _wholes(values: Iterable[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: Iterable[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def summary(examples: Sequence[Example], recipe: Recipe, held_out: int) -> str:
    """What was written, for a person."""
    lines = []
    for split, rows in splits(examples, held_out).items():
        boxes = [item.label for row in rows for item in examples[row].areas]
        counts = ", ".join(f"{boxes.count(label.name)} {label.name}" for label in recipe.labels)
        lines.append(f"{split}: {len(rows)} films; boxes: {counts}")
    return "\n".join([*lines, f"annotations sha256 {data.digest(examples)[:16]}"])
