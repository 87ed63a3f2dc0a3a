"""A card for an export that came without one: any TensorFlow Object Detection API model with its label map.

In: a folder with ``saved_model/`` and ``label_map.pbtxt`` (and ``pipeline.config``, if it was left there). Out: a
ModelCard without calibration and operating points. This module opens no weights but to take their digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cxr_core.card import Decoding, InputSpec, LabelCard, ModelCard, WeightsFile, sha256_of
from cxr_core.errors import ModelInvalid, RecordError
from cxr_core.records import COVID, NIH_LABELS

SAVED_MODEL = "saved_model"
LABEL_MAP = "label_map.pbtxt"

# The usual input side of exports that do not say theirs (SSD MobileNet V2 FPNLite 640x640 of the TF2 detection zoo).
_SIDE = 640

_KNOWN = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in (COVID, *NIH_LABELS)} | {
    "covid": COVID,
    "covid19positive": COVID,
    "infiltration": "Infiltrate",
    "pleuraleffusion": "Effusion",
}
_NO_FINDING = {"covid19negative", "negative", "normal", "nofinding", "healthy", "background"}

# The largest public detection label maps name a few thousand classes; a larger id is a slip that would fill memory.
_LARGEST_ID = 10_000

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*                                  # space and comments
      | (?P<open>[{<]) | (?P<close>[}>])
      | (?P<key>[A-Za-z_]\w*)
      | (?P<number>-?\d+(?:\.\d*)?)
      | "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)'
      | [:;,\[\]]                                       # separators carry nothing here
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a label map: ``id`` from 1, ``name`` for programs, ``display_name`` for people (may be empty)."""

    id: int
    name: str
    display_name: str = ""


def parse_label_map(text: str) -> tuple[Item, ...]:
    """The items of a ``label_map.pbtxt``, by id; ValueError says what is wrong.

    Protocol buffer text format of ``StringIntLabelMap``, read with tolerance: quotes of either kind, comments, missing
    colons and commas; fields and nested blocks that are not id, name or display_name are passed over.
    """
    items: list[Item] = []
    depth, key, fields = 0, "", {}  # type: int, str, dict[str, str]
    for kind, value in _tokens(text):
        if kind == "open":
            depth += 1
            fields = {} if depth == 1 else fields
        elif kind == "close":
            depth -= 1
            if depth == 0:
                items.append(_item(fields))
        elif kind == "key" and not (depth == 1 and key):
            key = value
            continue
        elif depth == 1 and key:
            fields.setdefault(key, value)
        if depth < 0:
            raise ValueError("a closing brace without an opening one")
        key = ""
    if depth:
        raise ValueError("an item is not closed")
    ids = [item.id for item in items]
    if not ids or len(set(ids)) != len(ids) or min(ids) < 1 or max(ids) > _LARGEST_ID:
        raise ValueError(f"ids must be whole, different and from 1 to {_LARGEST_ID}, got {ids or 'none'}")
    return tuple(sorted(items, key=lambda item: item.id))


def foreign_card(folder: Path, label_map: Path) -> ModelCard:
    """The card of an export without one.

    Its image score is the best box score of a label, uncalibrated. Its own suppression already ran (IoU 0.6 unless its
    maker chose otherwise), so boxes merge only above that.
    """
    try:
        items = parse_label_map(label_map.read_text(encoding="utf-8"))
    except (ValueError, OSError) as exc:
        raise ModelInvalid(f"{label_map.name} of {folder.name} cannot be read as a label map: {exc}") from exc
    weights = folder / SAVED_MODEL
    digest = sha256_of(weights)
    height, width = _input_size(folder)
    try:
        return ModelCard(
            name=folder.name,
            version=digest[:12],
            title=folder.name,
            task="detection",
            created="",
            input=InputSpec(height, width, channels=3),
            labels=_labels(items),
            files={SAVED_MODEL: WeightsFile(SAVED_MODEL, digest)},
            decoding=Decoding(iou=0.6),
            limits=("Came without a card: scores are not calibrated and no operating point is known.",),
        )
    except RecordError as exc:
        raise ModelInvalid(f"no card can be made for {folder.name}: {exc}") from exc


def _labels(items: tuple[Item, ...]) -> tuple[LabelCard, ...]:
    """A card's ids have no gaps; a label map's may (COCO names 80 of 90): the gaps become classes without a finding."""
    named = {item.id: item for item in items}
    labels = []
    for number in range(1, max(named) + 1):
        item = named.get(number, Item(number, f"unnamed_{number}"))
        labels.append(LabelCard(number, item.name, _finding(item) if number in named else None))
    return tuple(labels)


def _finding(item: Item) -> str | None:
    """The product's own name of a finding where it is one of ours; None for a class that says nothing was found."""
    keys = [re.sub(r"[^a-z0-9]", "", text.lower()) for text in (item.display_name, item.name)]
    if any(key in _NO_FINDING for key in keys):
        return None
    return next((_KNOWN[key] for key in keys if key in _KNOWN), item.display_name or item.name)


def _input_size(folder: Path) -> tuple[int, int]:
    """(height, width) that the training configuration names beside the export, else the usual side."""
    config = folder / "pipeline.config"
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    fixed = re.search(r"fixed_shape_resizer\s*\{([^}]*)\}", text)
    sides = dict(re.findall(r"(height|width)\s*:\s*(\d+)", fixed.group(1))) if fixed else {}
    height, width = (int(sides.get(name, _SIDE)) for name in ("height", "width"))
    return (height, width) if 0 < height <= 4096 and 0 < width <= 4096 else (_SIDE, _SIDE)


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of every token that matters; ValueError at a character that no label map has."""
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"unexpected {text[place]!r} at character {place}")
        place = match.end()
        if match.lastgroup:
            kind = "text" if match.lastgroup in {"double", "single"} else match.lastgroup
            found.append((kind, match[match.lastgroup]))
    return found


def _item(fields: dict[str, str]) -> Item:
    if "id" not in fields:
        raise ValueError(f"an item has no id: {fields}")
    if not fields["id"].isdigit():
        raise ValueError(f"id must be a whole number, got {fields['id']!r}")
    display = _unescape(fields.get("display_name", ""))
    name = _unescape(fields.get("name", "")) or display
    if not name:
        raise ValueError(f"item {fields['id']} has neither name nor display_name")
    return Item(int(fields["id"]), name, display)


def _unescape(text: str) -> str:
    r"""\" and \' and \\ as in protocol buffer text; other escapes stay as written."""
    return re.sub(r"""\\(["'\\])""", r"\1", text)
