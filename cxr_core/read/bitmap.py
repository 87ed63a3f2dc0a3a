"""TIFF and BMP bytes -> Radiograph: what research sets, scanners and old capture cards write.

Sizes are checked in the header before anything is decoded; a file cut short is refused. Fractions (already normalised
films) are put on the grey scale by what their range tells. This module does not know whether the film shows a chest.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from cxr_core.errors import DamagedImage, NoContrast, Refusal, TooLarge, UnsupportedEncoding
from cxr_core.read.grey import STRETCHED, WHITE, Depth, Stored, check_size, tight_depth, to_grey
from cxr_core.read.picture import film_of, on_black
from cxr_core.read.quiet import contain
from cxr_core.records import Notice, Radiograph, Source
from cxr_core.settings import BYTES_A_PIXEL, Settings

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")

_AGAIN = "Export or copy it again from its source."
_COLOUR = frozenset(("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "RGBX"))
_FIRST_PAGE = "The file holds several pictures; only the first was read."
# Most memory that a pixel takes here, measured: Pillow turns, converts and hands out copies of pictures in colour, and
# what is wider than 16 bits goes through floats.
_COLOUR_BYTES, _WIDE_BYTES = 20, 36
_FLOAT_RANGE = 1e37
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0, section 8


def looks_like_bmp(data: bytes) -> bool:
    """BM, and a header of a length that exists: two letters alone begin many a text."""
    return data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def read_tiff(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """The first page of a TIFF: grey of 1 to 16 bits or fractions, RGB or palette, turned upright."""
    return _read(data, name, sha256, settings, "tiff")


def read_bmp(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """A BMP of 1 to 32 bits."""
    return _read(data, name, sha256, settings, "bmp")


def bitmap_bytes(data: bytes, _settings: Settings, kind: Source) -> float:
    """Most bytes that reading a TIFF or BMP takes beside the file's own; a Refusal where the header is broken."""
    with _open(data, kind) as image:
        grey = image.mode.startswith("I;16") or image.mode in ("1", "L")
        each = BYTES_A_PIXEL if grey else _WIDE_BYTES if image.mode in ("F", "I") else _COLOUR_BYTES
        return image.width * image.height * each


def _read(data: bytes, name: str, sha256: str, settings: Settings, kind: Source) -> Radiograph:
    broken = f"The {kind.upper()} file is damaged, cut short, or of an odd kind. {_AGAIN}"
    width, height = contain(partial(_size, data, kind), broken)
    check_size(width, height, settings)
    stored, notices, depth = contain(partial(_decoded, data, kind), broken)
    return film_of(stored, notices, (name, sha256, kind), depth)


def _open(data: bytes, kind: Source) -> Image.Image:
    """Pillow's picture, not decoded yet; UnsupportedEncoding for a sound header that it does not know."""
    try:
        return Image.open(BytesIO(data), formats=(kind.upper(),))
    except Image.DecompressionBombError:
        refusal: Refusal = TooLarge("The picture has more pixels than any film. Export it at a lower resolution.")
    except UnidentifiedImageError:
        if kind == "tiff" and not _has_directory(data):
            raise
        refusal = UnsupportedEncoding(
            f"The {kind.upper()} file's pixels are laid out in a way that no film needs. Send a PNG or the DICOM file."
        )
    raise refusal


def _has_directory(data: bytes) -> bool:
    """Whether the first directory of a TIFF lies inside the file (TIFF 6.0, section 2)."""
    order = "little" if data[:2] == b"II" else "big"
    at = int.from_bytes(data[4:8], order)  # type: ignore[arg-type]
    return len(data) >= 8 and 8 <= at <= len(data) - 2


def _size(data: bytes, kind: Source) -> tuple[int, int]:
    with _open(data, kind) as image:
        return image.size


def _decoded(data: bytes, kind: Source) -> tuple[Stored, tuple[Notice, ...], Depth | None]:
    """(H, W) greys, what there is to say of them, and their depth where the numbers alone do not tell."""
    with _open(data, kind) as image:
        several = (Notice("first_frame", _FIRST_PAGE),) if _has_second(image) else ()
        inverted = image.mode.startswith("I;16") and image.getexif().get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode in _COLOUR or upright.mode in ("LA", "La", "1"):
            stored, notices = _picture(upright)
            return stored, several + notices, None
        numbers = np.asarray(upright)
    if numbers.dtype.kind == "f" or numbers.dtype.itemsize > 2:
        stored, notices = greys_of_numbers(numbers)
        return stored, several + notices, Depth(16)
    stored = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("="))
    if inverted:
        stored = np.asarray(tight_depth(stored).high - stored, stored.dtype)
    return stored, several, None


def _has_second(image: Image.Image) -> bool:
    """Whether a second picture follows. Not by counting all: that takes Pillow the square of their number."""
    try:
        image.seek(1)
    except EOFError:
        return False
    image.seek(0)
    return True


def _picture(image: Image.Image) -> tuple[Stored, tuple[Notice, ...]]:
    """A picture of eight bits a channel as greys; what is transparent lies on black."""
    if image.mode == "1":
        return np.asarray(image.convert("L")), ()
    layers = np.array(image.convert("RGBA" if image.mode in ("RGBA", "LA", "La", "PA") else "RGB"))
    return to_grey(on_black(layers), Depth(8))


def greys_of_numbers(numbers: npt.NDArray[np.generic]) -> tuple[Stored, tuple[Notice, ...]]:
    """Fractions or wide whole numbers, (H, W), as greys of 16 bits; what is no number is black.

    A film within [0, 1] or [-1, 1] that uses a fair part of it was normalised to just that, and whole numbers up to 255
    or 65,535 are greys as they are. Anything else (a z-score, say) is shown from its 0.5th to its 99.5th percentile.
    """
    values = np.asarray(numbers, np.float32)
    finite = np.isfinite(values)
    seen = values[finite]
    if not seen.size:
        raise DamagedImage(f"The file's pixels are no numbers. {_AGAIN}")
    low, high = float(seen.min()), float(seen.max())
    bottom, top, notices = _range(seen, low, high)
    if not top > bottom:
        raise NoContrast("The image holds a single grey. Check that the exposure was not empty, and export it again.")
    if top - bottom > _FLOAT_RANGE:  # a difference of such numbers has no place in 32 bits
        values = values.astype(np.float64)
    shown = np.clip((np.where(finite, values, bottom) - bottom) / (top - bottom), 0.0, 1.0)
    return np.round(shown * WHITE).astype(np.uint16), notices


def _range(seen: npt.NDArray[np.float32], low: float, high: float) -> tuple[float, float, tuple[Notice, ...]]:
    """Black and white of some finite values between ``low`` and ``high``, and what to say of the choice."""
    if low >= 0 and 0.25 < high <= 1:
        return 0.0, 1.0, ()
    if -1 <= low < -0.25 and high <= 1:
        return -1.0, 1.0, ()
    if low >= 0 and 64 <= high <= WHITE and bool((seen == np.round(seen)).all()):
        return 0.0, float(tight_depth(np.array([high], np.uint32)).high), ()
    step = max(1, seen.size // 1_000_000)
    bottom, top = (float(edge) for edge in np.percentile(seen[::step], [0.5, 99.5]))
    return bottom, top, (STRETCHED,)
