"""PNG and JPEG bytes -> Radiograph.

Sizes are checked in the header before anything is decoded; a file cut short is refused, never half shown. Colour that
is really grey becomes grey; a coloured photograph is refused. This module does not know whether the film shows a chest.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from cxr_core.errors import DamagedImage, UnsupportedEncoding
from cxr_core.read.codestream import Frame, jpeg_frame, png_frame
from cxr_core.read.grey import Depth, Stored, check_size, flat_end, picture_greys, strips, to_grey
from cxr_core.read.quiet import contain
from cxr_core.records import Notice, Radiograph, Source
from cxr_core.settings import Settings

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"

_AGAIN = "Export or copy it again from its source."
_BROKEN_PNG = f"The PNG file is damaged or cut short. {_AGAIN}"
_BROKEN_JPEG = f"The JPEG file is damaged or cut short. {_AGAIN}"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_LOSSLESS_JPEG = (0xC3, 0xC7, 0xCB, 0xCF, 0xF7)


def read_png(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """A PNG of 1 to 16 bits, grey, RGB or palette, with or without alpha."""
    frame = png_frame(data)
    if frame is None:
        raise DamagedImage(_BROKEN_PNG)
    check_size(frame.width, frame.height, settings)
    stored, notices = contain(lambda: _decode_png(data, frame), _BROKEN_PNG)
    return _film(stored, notices, name, sha256, "png")


def read_jpeg(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """An 8-bit JPEG, baseline or progressive, turned upright by its EXIF orientation."""
    frame = jpeg_frame(data)
    if frame is None:
        raise DamagedImage(_BROKEN_JPEG)
    if frame.bits != 8 or frame.process in _LOSSLESS_JPEG:
        raise UnsupportedEncoding(
            f"The JPEG file has {frame.bits} bits in a process that only DICOM uses. Send the DICOM file or a PNG."
        )
    check_size(frame.width, frame.height, settings)
    stored, notices = contain(lambda: _decode_jpeg(data, frame), _BROKEN_JPEG)
    return _film(stored, notices, name, sha256, "jpeg")


def _pixel_chunks(data: bytes) -> bytes:
    """The file with only the chunks that carry pixels, each checked against its CRC; DamagedImage if one is missing.

    Text, profiles and animation are left out: they hold names and bombs, and no grey.
    """
    kept, at, whole = [PNG_SIGNATURE], len(PNG_SIGNATURE), False
    while at + 12 <= len(data) and not whole:
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            break
        whole = kind == b"IEND"
        if whole or kind in _PIXEL_CHUNKS:
            if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise DamagedImage(_BROKEN_PNG)
            kept.append(data[at:end])
        at = end
    if not whole:
        raise DamagedImage(_BROKEN_PNG)
    return b"".join(kept)


def _decode_png(data: bytes, frame: Frame) -> tuple[Stored, tuple[Notice, ...]]:
    """(H, W) greys; the colour they may come from is let go here."""
    decoded = cv2.imdecode(np.frombuffer(_pixel_chunks(data), np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape[:2] != (frame.height, frame.width):
        raise DamagedImage(_BROKEN_PNG)
    return _grey(_without_alpha(decoded))


def _decode_jpeg(data: bytes, frame: Frame) -> tuple[Stored, tuple[Notice, ...]]:
    """(H, W) greys, upright. Pillow, because OpenCV fills what a cut file lacks with grey."""
    with Image.open(BytesIO(data), formats=("JPEG",)) as image:
        if image.size != (frame.width, frame.height):  # another size than the one that was checked
            raise DamagedImage(_BROKEN_JPEG)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        decoded = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    return _grey(decoded)


def _without_alpha(decoded: npt.NDArray[np.integer]) -> Stored:
    """OpenCV's grey, BGR or BGRA -> (H, W) or (H, W, 3) RGB, a view of the same memory.

    Transparent parts lie on black, as a viewer shows them; an alpha that hides everything was left unset by its writer
    and is dropped.
    """
    if decoded.ndim == 2 or decoded.shape[2] == 1:
        return decoded.reshape(decoded.shape[:2])
    if decoded.shape[2] == 4:
        alpha, full = decoded[..., 3], int(np.iinfo(decoded.dtype).max)
        if alpha.max() > 0 and alpha.min() < full:
            for rows in strips(decoded):
                seen = np.ascontiguousarray(alpha[rows])
                for channel in range(3):
                    layer = np.ascontiguousarray(decoded[rows, :, channel])
                    decoded[rows, :, channel] = cv2.multiply(layer, seen, scale=1 / full)
    return decoded[..., 2::-1]


def _grey(decoded: Stored) -> tuple[Stored, tuple[Notice, ...]]:
    """Decoded greys or RGB of 8 or 16 bits as greys, and what there is to say of its colour."""
    return to_grey(decoded, Depth(8 * decoded.dtype.itemsize)) if decoded.ndim == 3 else (decoded, ())


def _film(stored: Stored, notices: tuple[Notice, ...], name: str, sha256: str, source: Source) -> Radiograph:
    pixels, stretched = picture_greys(stored)
    return Radiograph(name, sha256, pixels, source, warnings=notices + stretched + flat_end(pixels))
