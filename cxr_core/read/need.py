"""A file's bytes -> how much memory reading it will take, and whether that may crash; no pixel is decoded.

Memory, an upper bound: the header's pixels, each with the most that its decoder is reckoned with, and the file twice,
as received and as the decoder is given it. Where a header cannot be followed, the largest film that is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from cxr_core.errors import Refusal
from cxr_core.read import READERS
from cxr_core.read.bitmap import bitmap_bytes
from cxr_core.read.dataset import is_encapsulated
from cxr_core.read.dicom import dicom_bytes
from cxr_core.read.picture import jpeg_bytes, png_bytes
from cxr_core.read.quiet import contain
from cxr_core.settings import Settings

NEEDS: Mapping[str, Callable[[bytes, Settings], float]] = MappingProxyType(
    {
        "png": png_bytes,
        "jpeg": jpeg_bytes,
        "dicom": dicom_bytes,
        "tiff": partial(bitmap_bytes, kind="tiff"),
        "bmp": partial(bitmap_bytes, kind="bmp"),
    }
)
"""Format -> bytes that its pixels will take, those of the file apart; raises Refusal where the header is broken."""


def need_mb(data: bytes, settings: Settings) -> int:
    """Megabytes that reading the file takes, at least 1; never raises Refusal."""
    kind = next((kind for kind, (belongs, _) in READERS.items() if belongs(data)), None)
    pixels = 0.0
    if kind:
        try:
            pixels = contain(lambda: NEEDS[kind](data, settings), "The header cannot be followed.")
        except Refusal:
            return settings.largest_film_mb
    return 1 + int((pixels + 2 * len(data)) / 1_000_000)


def may_crash(data: bytes) -> bool:
    """Whether the pixels go to a foreign decoder that a broken stream might make end the process, or never return.

    Not so PNG, whose lines are unpacked and checked here first, and DICOM without compression or run-length coded,
    which this program takes apart itself.
    """
    kind = next((kind for kind, (belongs, _) in READERS.items() if belongs(data)), None)
    return is_encapsulated(data) if kind == "dicom" else kind not in (None, "png")
