"""PNG and JPEG bytes -> Radiograph.

Sizes are checked in the header before anything is decoded; a file cut short is refused, never half shown. Colour that
is really grey becomes grey; a coloured photograph is refused. This module does not know whether the film shows a chest.
"""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from cxr_core.errors import DamagedImage, UnsupportedEncoding
from cxr_core.read.codestream import Frame, jpeg_frame, png_frame
from cxr_core.read.field import bordered_field
from cxr_core.read.grey import Depth, Stored, check_size, flat_end, picture_greys, strips, to_grey
from cxr_core.read.png import BROKEN_PNG, MOST_STORED, bare
from cxr_core.read.quiet import contain
from cxr_core.records import Notice, Radiograph, Source
from cxr_core.settings import BYTES_A_PIXEL, Settings

JPEG_SIGNATURE = b"\xff\xd8\xff"

_AGAIN = "Export or copy it again from its source."
_BROKEN_JPEG = f"The JPEG file is damaged or cut short. {_AGAIN}"
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_LOSSLESS_JPEG = (0xC3, 0xC7, 0xCB, 0xCF, 0xF7)


def read_png(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """A PNG of 1 to 16 bits, grey, RGB or palette, with or without alpha, turned upright by its EXIF orientation."""
    frame = png_frame(data)
    if frame is None:
        raise DamagedImage(BROKEN_PNG)
    check_size(frame.width, frame.height, settings)
    stored, notices = contain(lambda: _decode_png(data, frame), BROKEN_PNG)
    return film_of(stored, notices, (name, sha256, "png"))


def read_jpeg(data: bytes, name: str, sha256: str, settings: Settings) -> Radiograph:
    """An 8-bit JPEG, baseline or progressive, turned upright by its EXIF orientation."""
    frame = jpeg_frame(data)
    if frame is None:
        raise DamagedImage(_BROKEN_JPEG)
    if frame.bits != 8 or frame.process in _LOSSLESS_JPEG:
        raise UnsupportedEncoding(
            f"The JPEG file has {frame.bits} bits in a process that only DICOM uses. Send the DICOM file or a PNG."
        )
    check_size(frame.width, frame.height, settings, _jpeg_bytes_a_pixel(frame))
    stored, notices = contain(lambda: _decode_jpeg(data, frame), _BROKEN_JPEG)
    return film_of(stored, notices, (name, sha256, "jpeg"))


def png_bytes(data: bytes, _settings: Settings) -> float:
    """Most bytes that reading a PNG takes beside the file's own; DamagedImage without a header."""
    frame = png_frame(data)
    if frame is None:
        raise DamagedImage(BROKEN_PNG)
    pixels = frame.width * frame.height
    sample = frame.channels * frame.bits / 8
    # Lines up to a size are unpacked and packed anew before the decoder sees them. Greys are taken out of the decoded
    # colour, turned upright and put on the grey scale, 16 bits each.
    return pixels * max(BYTES_A_PIXEL, sample + 6) + 2 * min(pixels * sample, MOST_STORED)


def jpeg_bytes(data: bytes, _settings: Settings) -> float:
    """Most bytes that reading a JPEG takes beside the file's own; DamagedImage without a header."""
    frame = jpeg_frame(data)
    if frame is None:
        raise DamagedImage(_BROKEN_JPEG)
    return frame.width * frame.height * max(BYTES_A_PIXEL, _jpeg_bytes_a_pixel(frame))


def _jpeg_bytes_a_pixel(frame: Frame) -> float:
    """A progressive stream's coefficients are all held at once, 16 bits each, beside the picture."""
    return 3.0 * frame.channels + 2 if frame.process in _PROGRESSIVE else 0.0


def _decode_png(data: bytes, frame: Frame) -> tuple[Stored, tuple[Notice, ...]]:
    """(H, W) greys, upright; the colour they may come from is let go here."""
    whole, orientation = bare(data, frame)
    decoded = cv2.imdecode(whole, cv2.IMREAD_UNCHANGED)
    if decoded is None:
        whole, _ = bare(data, frame, sum_anew=True)
        decoded = cv2.imdecode(whole, cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape[:2] != (frame.height, frame.width):
        raise DamagedImage(BROKEN_PNG)
    stored, notices = _grey(_without_alpha(decoded))
    return _upright(stored, orientation), notices


def _upright(stored: Stored, orientation: int) -> Stored:
    """A picture stored in one of EXIF's eight orientations, as it is to be seen (CIPA DC-008, 4.6.5)."""
    if orientation in (5, 6, 7, 8):
        stored = stored.T
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(stored[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])


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
    """OpenCV's grey, BGR or BGRA -> (H, W) or (H, W, 3) RGB, a view of the same memory."""
    if decoded.ndim == 2 or decoded.shape[2] == 1:
        return decoded.reshape(decoded.shape[:2])
    return on_black(decoded)[..., ::-1]


def on_black(layers: npt.NDArray[np.integer]) -> Stored:
    """(H, W, 4) with alpha last -> (H, W, 3), changed in place; other shapes as they are.

    Transparent parts lie on black, as a viewer shows them; an alpha that hides everything was left unset by its writer
    and is dropped.
    """
    if layers.shape[2] == 4:
        alpha, full = layers[..., 3], int(np.iinfo(layers.dtype).max)
        if alpha.max() > 0 and alpha.min() < full:
            for rows in strips(layers):
                seen = np.ascontiguousarray(alpha[rows])
                for channel in range(3):
                    layer = np.ascontiguousarray(layers[rows, :, channel])
                    layers[rows, :, channel] = cv2.multiply(layer, seen, scale=1 / full)
    return layers[..., :3]


def _grey(decoded: Stored) -> tuple[Stored, tuple[Notice, ...]]:
    """Decoded greys or RGB of 8 or 16 bits as greys, and what there is to say of its colour."""
    return to_grey(decoded, Depth(8 * decoded.dtype.itemsize)) if decoded.ndim == 3 else (decoded, ())


def film_of(
    stored: Stored, notices: tuple[Notice, ...], origin: tuple[str, str, Source], depth: Depth | None = None
) -> Radiograph:
    """The film of a picture's greys; ``origin`` is its name, its SHA-256 and its kind of file.

    ``depth`` is given where all of it is meant, else the usual one that just holds the numbers.
    """
    name, sha256, source = origin
    pixels, stretched = picture_greys(stored, depth)
    return Radiograph(
        name, sha256, pixels, source, None, notices + stretched + flat_end(pixels), bordered_field(pixels)
    )
