"""Pictures for the screen, made once from a film and kept under its hash: a thumbnail, and the film for the viewer.

In: the store and a key. Out: a small JPEG as a data address, or a PNG file with its packing. The viewer windows 16-bit
greys on its own side, so a film with more than 8 bits travels with its high byte in red and its low byte in green.
"""

from __future__ import annotations

import base64
import logging
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr_core.errors import CxrError, DamagedImage
from cxr_core.gate import mended
from cxr_core.read import read
from cxr_core.records import Radiograph
from cxr_core.settings import Settings
from cxr_core.store import Store

THUMB_PIXELS = 128
FILM_PIXELS = 2500
"""Longest side sent to the viewer: finer than any ward's monitor shows without zooming."""

_KINDS = ("rg16", "grey8")
_log = logging.getLogger(__name__)
_makers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thumbnails")

Greys = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A film as the viewer gets it: ``kind`` is rg16 (two bytes a grey) or grey8."""

    kind: str
    path: Path


def film_file(store: Store, key: str, settings: Settings) -> FilmFile:
    """The film for the viewer, made now if it was not yet; StoreError or Refusal if it cannot be had."""
    kept = kept_film(store, key)
    if kept:
        return kept
    pixels = _shrunk(shown(store, key, settings).pixels, FILM_PIXELS)
    high, low = (pixels >> 8).astype(np.uint8), (pixels & 255).astype(np.uint8)
    if np.array_equal(high, low):
        return FilmFile("grey8", _keep(store.cache_path(key, "film1-grey8.png"), high))
    packed = cv2.merge([np.zeros_like(low), low, high])  # OpenCV's order: blue, green, red
    return FilmFile("rg16", _keep(store.cache_path(key, "film1-rg16.png"), packed))


def kept_film(store: Store, key: str) -> FilmFile | None:
    """The film for the viewer if it has been made."""
    paths = ((kind, store.cache_path(key, f"film1-{kind}.png")) for kind in _KINDS)
    return next((FilmFile(kind, path) for kind, path in paths if path.exists()), None)


def thumbnail(store: Store, key: str, settings: Settings) -> str | None:
    """The thumbnail as a data address, made now if it was not yet; None if the film cannot be had or read."""
    path = store.cache_path(key, "thumb1.jpg")
    if not path.exists():
        try:
            small = _shrunk(shown(store, key, settings).pixels, THUMB_PIXELS)
            _keep(path, (small >> 8).astype(np.uint8))
        except CxrError:
            _log.warning("no thumbnail for %s", key[:12])
            return None
    return _address(path)


def kept_thumbnail(store: Store, key: str) -> str | None:
    """The thumbnail if it has been made."""
    path = store.cache_path(key, "thumb1.jpg")
    return _address(path) if path.exists() else None


def make_soon(store: Store, key: str, settings: Settings, maker: Callable[[Store, str, Settings], object]) -> None:
    """Have a thumbnail or a film made in the background; a film that cannot be read says so when it is opened."""

    def make() -> None:
        with suppress(CxrError):
            maker(store, key, settings)

    _makers.submit(make)


@lru_cache(maxsize=5000)
def _address(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def shown(store: Store, key: str, settings: Settings) -> Radiograph:
    """The film as it was screened: read, and mended as its warnings say; boxes belong to this one."""
    film = read(store.film(key), "", settings)
    entry = store.entry(key)
    return mended(film, (notice.code for notice in entry.screening.warnings)) if entry else film


def _shrunk(pixels: Greys, longest: int) -> Greys:
    """At most ``longest`` pixels on the longer side; areas are averaged, so that fine lines do not vanish."""
    scale = longest / max(pixels.shape)
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint16)


def _keep(path: Path, image: npt.NDArray[np.uint8]) -> Path:
    """Encode and write whole: a second session may ask for the same file at the same moment."""
    flags = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 82]
    done, data = cv2.imencode(path.suffix, image, flags)
    if not done:
        raise DamagedImage("The picture could not be prepared for the screen. Send the film again.")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(data.tobytes())
    Path(name).replace(path)
    return path
