"""Names: the features of a record, and the files records lie in. It imports no TensorFlow.

The first group are the Object Detection API's keys (``create_pascal_tf_record.py``, tf_example_decoder.py); boxes are
fractions of the picture, float32. The second are ours.
"""

from __future__ import annotations

import re
from pathlib import Path

ENCODED, FORMAT, DIGEST = "image/encoded", "image/format", "image/key/sha256"
FILENAME, SOURCE_ID = "image/filename", "image/source_id"
HEIGHT, WIDTH = "image/height", "image/width"
BOX = "image/object/bbox"
TEXT, LABEL = "image/object/class/text", "image/object/class/label"
SIDES = ("xmin", "ymin", "xmax", "ymax")

INDEX = "cxr/index"
GROUP, FOLD, STRATUM, SOURCE = "cxr/group", "cxr/fold", "cxr/stratum", "cxr/source"
TARGET_NAMES, TARGET_VALUES = "cxr/target/name", "cxr/target/value"
SEARCHED = "cxr/searched"
FACT_NAMES, FACT_VALUES = "cxr/fact/name", "cxr/fact/value"
OTHER_BOX, OTHER_TEXT = "cxr/other/bbox", "cxr/other/class/text"
"""Boxes of classes that are not in the label map: NIH's films carry RSNA's opacities beside the eight signs."""

LABEL_MAP = "label_map.pbtxt"
_FILE = re.compile(r"\.(tf)?records?(-\d+-of-\d+)?$")


def files(folder: Path) -> list[Path]:
    """The record files of a folder, sorted; of a path that is one such file, that file."""
    if folder.is_file():
        return [folder] if _FILE.search(folder.name) else []
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if _FILE.search(path.name) and path.is_file()]
