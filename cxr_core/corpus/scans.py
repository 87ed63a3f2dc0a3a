"""The same film as JPEG, TIFF and BMP: processes, colour, orientation, compressions, fractions.

Sources: ITU-T T.81 (JPEG), TIFF 6.0, EXIF 2.32 (orientation).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial

import imagecodecs
import numpy as np
from PIL import Image

from cxr_core.corpus.pictures import Pixels, eight, picture_row, pillow
from cxr_core.corpus.row import Greys, Row, refused
from cxr_core.corpus.samples import film, plain

# EXIF orientation -> what a writer did to the upright film, so that following the tag undoes it.
_TURNED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: partial(np.rot90, k=2),
    4: np.flipud,
    5: np.transpose,
    6: partial(np.rot90, k=1),
    7: lambda pixels: np.rot90(pixels, 2).T,
    8: partial(np.rot90, k=3),
}


def rows() -> Iterator[Row]:
    """JPEG, its orientations, TIFF and BMP."""
    yield from _jpeg()
    yield from _orientations()
    yield from _tiff()
    yield from _more_tiff()
    yield from _bmp()


def _jpeg() -> Iterator[Row]:
    grey = eight()
    colour = np.dstack([grey] * 3)
    hard = "lossy: close, not the same"
    yield picture_row(
        "baseline.jpg", "grey JPEG, quality 92", hard, partial(pillow, grey, "JPEG", quality=92), decibels=36
    )
    yield picture_row(
        "progressive.jpg",
        "progressive JPEG",
        "many scans",
        partial(pillow, grey, "JPEG", quality=92, progressive=True),
        decibels=36,
    )
    yield picture_row(
        "colour.jpg",
        "YCbCr JPEG of a grey film, 4:2:0",
        "colour noise of the compression is no colour",
        partial(pillow, colour, "JPEG", quality=92),
        decibels=34,
    )
    yield picture_row(
        "rgb.jpg",
        "RGB JPEG (Adobe marker, no transform)",
        "taken for YCbCr it would be green",
        partial(pillow, colour, "JPEG", quality=92, keep_rgb=True),
        decibels=34,
    )
    yield picture_row(
        "restart-markers.jpg",
        "JPEG with restart markers",
        "markers inside the scan",
        partial(pillow, grey, "JPEG", quality=92, restart_marker_rows=1),
        decibels=36,
    )
    yield picture_row(
        "icc.jpg",
        "JPEG with a broken ICC profile",
        "a profile is no reason to refuse",
        partial(pillow, grey, "JPEG", quality=92, icc_profile=b"x" * 500),
        decibels=36,
    )
    yield picture_row(
        "comment.jpg",
        "JPEG with a comment of 60 kB",
        "a long segment before the frame",
        partial(pillow, grey, "JPEG", quality=92, comment=b"c" * 60000),
        decibels=36,
    )
    yield picture_row(
        "cmyk.jpg",
        "CMYK JPEG of a grey film, inverted as Adobe does",
        "four inks; badly inverted it is a negative",
        _cmyk,
        decibels=25,
    )
    yield Row(
        "pictures/lossless.jpg",
        "lossless JPEG outside DICOM",
        "a process that picture readers lack",
        refused("unsupported_encoding"),
        lambda: bytes(imagecodecs.jpeg8_encode(grey, lossless=True)),
    )
    yield Row(
        "pictures/twelve-bit.jpg",
        "12-bit JPEG outside DICOM",
        "a process that picture readers lack",
        refused("unsupported_encoding"),
        lambda: bytes(imagecodecs.jpeg8_encode(film(), level=95, bitspersample=12)),
    )


def _cmyk() -> bytes:
    ink = 255 - eight()
    out = io.BytesIO()
    Image.fromarray(np.dstack([ink * 0, ink * 0, ink * 0, ink]), "CMYK").save(out, "JPEG", quality=92)
    return out.getvalue()


def _orientations() -> Iterator[Row]:
    for value, turned in _TURNED.items():
        exif = Image.Exif()
        exif[0x0112] = value
        make = partial(pillow, np.ascontiguousarray(turned(eight())), "JPEG", quality=95, exif=exif)
        yield picture_row(
            f"orientation-{value}.jpg",
            f"JPEG with EXIF orientation {value}",
            "shown as stored, the film lies on its side or is mirrored",
            make,
            decibels=34,
        )
    exif = Image.Exif()
    exif[0x0112] = 9
    yield picture_row(
        "orientation-9.jpg",
        "JPEG with EXIF orientation 9",
        "there are eight",
        partial(pillow, eight(), "JPEG", quality=95, exif=exif),
        decibels=36,
    )


def _tiff() -> Iterator[Row]:
    grey, sixteen = eight(), film(16)
    yield picture_row("grey-8.tif", "8-bit TIFF", "uncompressed strips", partial(pillow, grey, "TIFF"))
    yield picture_row(
        "grey-16.tif",
        "16-bit TIFF",
        "readers that keep 8 bits of 16 lose the film",
        partial(pillow, sixteen, "TIFF"),
        pixels=partial(plain, 16),
    )
    yield picture_row(
        "grey-16-of-12.tif",
        "12-bit film in a 16-bit TIFF",
        "by the full range it would be black",
        partial(pillow, film(12), "TIFF"),
        pixels=plain,
    )
    for name in ("lzw", "deflate", "packbits"):
        compression = {"lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "packbits": "packbits"}[name]
        yield picture_row(
            f"{name}.tif",
            f"TIFF, {name}",
            "three lossless compressions",
            partial(pillow, grey, "TIFF", compression=compression),
        )
    yield picture_row(
        "inverted.tif", "TIFF whose 0 is white", "Photometric Interpretation 0 is a negative", _white_is_zero
    )
    yield picture_row(
        "big-endian.tif",
        "big-endian 16-bit TIFF",
        "MM, not II",
        partial(_by_hand, sixteen.astype(">u2"), ">", 16),
        pixels=partial(plain, 16),
    )
    yield picture_row(
        "float-32.tif",
        "TIFF of 32-bit floats from 0 to 1",
        "already normalised; cast to whole numbers it is black",
        partial(_floats, (film(16) / 65535).astype("<f4")),
        pixels=partial(plain, 16),
        decibels=90,
    )
    yield picture_row(
        "float-32-of-255.tif",
        "TIFF of 32-bit floats from 0 to 255",
        "floats that were never normalised",
        partial(_floats, film(8).astype("<f4")),
        decibels=50,
    )
    yield picture_row(
        "two-pages.tif",
        "TIFF of two pages",
        "the first is the film; that there are more must be said",
        _pages,
        "first_frame",
    )


def _more_tiff() -> Iterator[Row]:
    grey = eight()
    around = (film(16) / 32767.5 - 1).astype("<f4")
    holed = (film(16) / 65535).astype("<f4")
    holed[:40, :40] = np.nan
    hard = "cast to whole numbers it is black"
    yield picture_row(
        "float-32-around-0.tif",
        "TIFF of floats from -1 to 1",
        hard,
        partial(_floats, around),
        pixels=partial(plain, 16),
        decibels=80,
    )
    yield picture_row(
        "float-32-nan.tif",
        "TIFF of floats with a corner of NaN",
        "NaN is no grey",
        partial(_floats, holed),
        pixels=_holed,
        decibels=80,
    )
    yield picture_row(
        "rgb.tif", "RGB TIFF of equal channels", "grey after all", partial(pillow, np.dstack([grey] * 3), "TIFF")
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = np.ascontiguousarray(np.rot90(grey))
    yield picture_row(
        "orientation-6.tif",
        "TIFF with orientation 6",
        "shown as stored it lies on its side",
        partial(pillow, lying, "TIFF", exif=exif),
    )
    yield picture_row(
        "orientation-6.png",
        "PNG with orientation 6 in eXIf",
        "few readers look for it in a PNG",
        partial(pillow, lying, "PNG", exif=exif),
    )


def _holed() -> Greys:
    pixels = plain(16)
    pixels[:40, :40] = 0
    return pixels


def _white_is_zero() -> bytes:
    return _by_hand(255 - eight(), "<", 8, photometric=0)


def _floats(values: Pixels) -> bytes:
    return _by_hand(values, "<", 32, sample_format=3)


def _by_hand(pixels: Pixels, order: str, bits: int, photometric: int = 1, sample_format: int = 1) -> bytes:
    """A TIFF of one uncompressed strip (TIFF 6.0, section 3)."""
    data = pixels.tobytes()
    entries = (
        (256, 4, pixels.shape[1]),
        (257, 4, pixels.shape[0]),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, pixels.shape[0]),
        (279, 4, len(data)),
        (339, 3, sample_format),
    )
    table = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + (struct.pack(f"{order}I", value) if kind == 4 else struct.pack(f"{order}HH", value, 0))
        for tag, kind, value in entries
    )
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return (
        magic
        + struct.pack(f"{order}I", 8 + len(data))
        + data
        + struct.pack(f"{order}H", len(entries))
        + table
        + bytes(4)
    )


def _pages() -> bytes:
    out = io.BytesIO()
    Image.fromarray(eight()).save(out, "TIFF", save_all=True, append_images=[Image.fromarray(255 - eight())])
    return out.getvalue()


def _bmp() -> Iterator[Row]:
    grey = eight()
    yield picture_row("grey-8.bmp", "8-bit BMP with a grey palette", "bottom line first", partial(pillow, grey, "BMP"))
    yield picture_row(
        "rgb-24.bmp", "24-bit BMP of equal channels", "blue first", partial(pillow, np.dstack([grey] * 3), "BMP")
    )
    yield picture_row("top-down.bmp", "BMP of negative height", "top line first", _top_down)


def _top_down() -> bytes:
    data = bytearray(pillow(np.flipud(eight()).copy(), "BMP"))
    data[22:26] = struct.pack("<i", -320)
    return bytes(data)
