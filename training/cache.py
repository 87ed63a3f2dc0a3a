"""Every film of a data set decoded once, grey, square, 8 bit, in one file that training maps into memory.

In: examples. Out: a read-only (M, S, S) uint8 array, each picture's own size, and the digest of all pictures. It knows
no label. A JPEG decodes in 2 ms and trains in 80; the cache keeps the one core for the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from cxr_core.errors import Refusal
from cxr_core.read import read
from cxr_core.read.dicom import looks_like_dicom
from cxr_core.settings import Settings
from training.data import Area, Example
from training.errors import MissingData


@dataclass(frozen=True, slots=True, eq=False)
class Films:
    """``pixels`` (M, S, S) uint8 in the examples' order; ``digest`` sha256 of names and contents.

    ``sizes``: (width, height) of each picture before it was letterboxed.
    """

    pixels: np.ndarray
    digest: str
    sizes: tuple[tuple[int, int], ...]

    def placed(self, examples: Sequence[Example]) -> list[Example]:
        """The examples with their boxes as fractions of the letterboxed square instead of the picture."""
        return [
            item if width == height else replace(item, areas=tuple(_placed(area, width, height) for area in item.areas))
            for item, (width, height) in zip(examples, self.sizes, strict=True)
        ]


def _placed(area: Area, width: int, height: int) -> Area:
    longest = max(width, height)
    left, top = (longest - width) / 2, (longest - height) / 2
    x1, x2 = ((left + x * width) / longest for x in (area.x1, area.x2))
    y1, y2 = ((top + y * height) / longest for y in (area.y1, area.y2))
    return Area(area.label, x1, y1, x2, y2)


def films(examples: Sequence[Example], size: int, folder: Path) -> Films:
    """The cached films; decodes them when the cache is absent or of other files."""
    missing = [example for example in examples if not example.path.is_file()]
    if missing:
        raise MissingData(f"{len(missing)} images that the tables name are not there, first {missing[0].name}")
    key = _key(examples, size)
    pixels, facts = folder / f"films-{key}.npy", folder / f"films-{key}.json"
    if not facts.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps(_decode(examples, size, pixels)))
    told = json.loads(facts.read_text())
    return Films(np.load(pixels, mmap_mode="r"), told["digest"], tuple((w, h) for w, h in told["sizes"]))


def _key(examples: Sequence[Example], size: int) -> str:
    """Changes with every picture's name, place, length and time of change."""
    digest = hashlib.sha256(f"sizes {size}".encode())
    for example in examples:
        status = example.path.stat()
        digest.update(f"{example.name}|{example.span}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _decode(examples: Sequence[Example], size: int, path: Path) -> dict[str, object]:
    digest = hashlib.sha256()
    sizes = []
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (len(examples), size, size))
    for index, example in enumerate(tqdm(examples, "reading films", unit="film")):
        data = example.encoded()
        digest.update(example.name.encode() + b"\0" + data)
        image = grey(data, example.name)
        sizes.append(image.shape[::-1])
        out[index] = square(image, size)
    out.flush()
    return {"digest": digest.hexdigest(), "sizes": sizes}


def grey(data: bytes, name: str) -> np.ndarray:
    """A picture's bytes, or a DICOM film's, -> (H, W) uint8; MissingData if they cannot be decoded."""
    if looks_like_dicom(data):
        try:
            film = read(data, name, Settings())
        except Refusal as exc:
            raise MissingData(f"{name} is no film that can be read: {exc.message}") from exc
        return np.asarray((film.pixels.astype(np.uint32) + 128) // 257, np.uint8)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if image is None:
        raise MissingData(f"{name} is no picture that can be decoded; replace the file or take its row out")
    return np.asarray(image)


def square(image: np.ndarray, size: int) -> np.ndarray:
    """(H, W) uint8 -> (size, size) uint8, letterboxed: aspect kept, centred on black."""
    height, width = image.shape
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    out = np.zeros((size, size), np.uint8)
    top, left = (size - inner[1]) // 2, (size - inner[0]) // 2
    out[top : top + inner[1], left : left + inner[0]] = small
    return out
