"""What a film needs to stand upright, unmirrored and bone bright, told by the codes of its warnings.

In: a Radiograph and codes. Out: the Radiograph as it was shown to the models. Codes travel with the screening, so the
page shows the very film that the boxes belong to, from the bytes as received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from cxr_core.records import Radiograph

Greys = npt.NDArray[np.uint16]
Field = tuple[int, int, int, int] | None

MENDS: Mapping[str, Callable[[Greys], Greys]] = MappingProxyType(
    {
        "inverted_by_pixels": lambda pixels: 65535 - pixels,
        "turned_90_mended": lambda pixels: np.rot90(pixels, 1),
        "turned_180_mended": lambda pixels: np.rot90(pixels, 2),
        "turned_270_mended": lambda pixels: np.rot90(pixels, -1),
        "mirrored_mended": lambda pixels: pixels[:, ::-1],
    }
)
"""Code of a warning -> what was done, in the order in which it is done. "turned_90": it lay a quarter clockwise."""


def mended(film: Radiograph, codes: Iterable[str]) -> Radiograph:
    """The film with those of ``codes`` that are mends applied; its exposed field goes along."""
    wanted = set(codes)
    steps = [mend for code, mend in MENDS.items() if code in wanted]
    if not steps:
        return film
    pixels, field = film.pixels, _drawn(film)
    for step in steps:
        pixels = step(pixels)
        if field is not None and step is not MENDS["inverted_by_pixels"]:
            field = step(field)
    return replace(film, pixels=np.ascontiguousarray(pixels), field=_read(field))


def is_mended(codes: Iterable[str]) -> tuple[str, ...]:
    """Those of the codes that are mends, in order: a name for the picture that they make."""
    wanted = set(codes)
    return tuple(code for code in MENDS if code in wanted)


def _drawn(film: Radiograph) -> Greys | None:
    """The exposed field as a picture, so that what moves the film moves it too."""
    if film.field is None:
        return None
    x1, y1, x2, y2 = film.field
    plane = np.zeros(film.pixels.shape, np.uint16)
    plane[y1:y2, x1:x2] = 1
    return plane


def _read(plane: Greys | None) -> Field:
    if plane is None:
        return None
    rows, columns = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
