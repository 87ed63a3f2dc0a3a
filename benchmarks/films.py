"""Generated films for measurements: as many as are asked for, each with bytes of its own, made without delay.

A few phantoms are drawn; a copy differs from the next in a comment (PNG, JPEG) or in its last pixel (DICOM), so that
nothing is recognised as seen before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from cxr_core.phantom import as_dicom, as_png, phantom
from cxr_core.read.sources import InputFile

MIXED = ("png", "png", "jpeg", "png", "dicom", "png", "png", "jpeg", "png", "dicom")
"""Of ten files: 1,024 pixels a side, six PNG and two JPEG of 8 bits, two uncompressed DICOM of 12 bits."""

SMALL = ("small",)
"""PNG of 128 pixels a side: for measurements of everything but reading."""


@cache
def _base(kind: str, seed: int) -> bytes:
    side = 128 if kind == "small" else 1024
    greys = phantom(seed, height=side, width=side)
    if kind == "dicom":
        return as_dicom(greys, seed=seed)
    if kind == "jpeg":
        return bytes(cv2.imencode(".jpg", (greys >> 8).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
    return as_png(greys, bits=8)


def film(kind: str, number: int) -> bytes:
    """The ``number``-th film of a kind."""
    data, mark = _base(kind, number % 4), f"{number:08d}".encode()
    if kind == "dicom":
        return data[:-2] + struct.pack("<H", number % 2048)
    if kind == "jpeg":
        return data[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(mark)) + mark + data[2:]
    chunk = b"tEXtComment\0" + mark
    comment = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:33] + comment + data[33:]  # behind the signature and IHDR


def written(folder: Path, count: int, kinds: tuple[str, ...] = MIXED, first: int = 0) -> list[Path]:
    """``count`` films as files, without extensions that would tell their kind."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, kind in islice(enumerate(cycle(kinds), first), count):
        paths.append(folder / f"film-{number:06d}")
        paths[-1].write_bytes(film(kind, number))
    return paths


def inputs(count: int, kinds: tuple[str, ...] = SMALL, first: int = 0) -> Iterator[InputFile]:
    """The same without a disk: each is made when it is loaded."""

    def making(kind: str, number: int) -> Callable[[], bytes]:
        return lambda: film(kind, number)

    for number, kind in islice(enumerate(cycle(kinds), first), count):
        yield InputFile(f"film-{number}", making(kind, number))
