"""Every film of a data set decoded once, grey, square, 8 bit, in one file that training maps into memory.

In: examples. Out: a read-only (M, S, S) uint8 array and the digest of all source files. It does not know labels. A
JPEG decodes in 2 ms and trains in 80; the cache keeps the one core for the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.data import Example
from training.errors import MissingData


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """``pixels`` (M, S, S) uint8 in the examples' order; ``digest`` sha256 of names and contents."""

    pixels: np.ndarray
    digest: str


def films(examples: Sequence[Example], size: int, folder: Path) -> Films:
    """The cached films; decodes them when the cache is absent or of other files."""
    missing = [example for example in examples if not example.path.is_file()]
    if missing:
        raise MissingData(f"{len(missing)} images that the tables name are not there, first {missing[0].name}")
    key = _key(examples, size)
    pixels, facts = folder / f"films-{key}.npy", folder / f"films-{key}.json"
    if not facts.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps({"digest": _decode(examples, size, pixels)}))
    return Films(np.load(pixels, mmap_mode="r"), json.loads(facts.read_text())["digest"])


def _key(examples: Sequence[Example], size: int) -> str:
    """Changes with every file's name, length and time of change."""
    digest = hashlib.sha256(str(size).encode())
    for example in examples:
        status = example.path.stat()
        digest.update(f"{example.name}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _decode(examples: Sequence[Example], size: int, path: Path) -> str:
    digest = hashlib.sha256()
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (len(examples), size, size))
    for index, example in enumerate(tqdm(examples, "reading films", unit="film")):
        data = example.path.read_bytes()
        digest.update(example.name.encode() + b"\0" + data)
        out[index] = square(data, size, example.name)
    out.flush()
    return digest.hexdigest()


def square(data: bytes, size: int, name: str) -> np.ndarray:
    """A file's bytes -> (size, size) uint8, letterboxed: aspect kept, centred on black."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if image is None:
        raise MissingData(f"{name} is no picture that can be decoded; replace the file or take its row out")
    height, width = image.shape
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    out = np.zeros((size, size), np.uint8)
    top, left = (size - inner[1]) // 2, (size - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = small
    return out
