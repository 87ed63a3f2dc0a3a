"""The same film as PNG: depths, colour types, alpha, palettes; and in formats that films are not exported in.

Source: ISO/IEC 15948.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from cxr_core.corpus.row import Greys, Row, refused, screened
from cxr_core.corpus.samples import film, plain, whole

Pixels = npt.NDArray[Any]
PNG = b"\x89PNG\r\n\x1a\n"


def rows() -> Iterator[Row]:
    """PNG in grey and in colour, then foreign formats."""
    yield from _png()
    yield from _png_colour()
    yield from _foreign()


def eight() -> Pixels:
    """The film in 8 bits, (320, 256) uint8."""
    return film(8).astype(np.uint8)


def shown() -> Greys:
    """The greys of ``eight``."""
    return plain(8)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pillow(pixels: Pixels, kind: str, **options: Any) -> bytes:
    """The picture as Pillow writes it."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def picture_row(
    name: str,
    what: str,
    hard: str,
    make: Callable[[], bytes],
    *said: str,
    pixels: Callable[[], Greys] | None = shown,
    **close: float,
) -> Row:
    """A row of this folder; ``pixels`` is what it must look like, ``close`` the least decibels of a lossy one."""
    return Row(f"pictures/{name}", what, hard, screened(pixels, *said, **close), make)


def _opencv(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _png() -> Iterator[Row]:
    sixteen = film(16)
    yield picture_row("grey-8.png", "8-bit grey PNG", "the plainest film there is", partial(_opencv, eight()))
    yield picture_row(
        "grey-16.png",
        "16-bit grey PNG",
        "readers that keep 8 bits of 16 lose the film",
        partial(_opencv, sixteen),
        pixels=partial(plain, 16),
    )
    for bits in (10, 12, 14):
        yield picture_row(
            f"grey-16-of-{bits}.png",
            f"{bits}-bit film in a 16-bit PNG",
            "by the full range it would be black",
            partial(_opencv, film(bits)),
            pixels=partial(plain, bits),
        )
    yield picture_row(
        "grey-16-in-8.png",
        "8-bit film in a 16-bit PNG",
        "by the full range it would be black",
        partial(_opencv, film(8)),
    )
    for bits in (1, 2, 4):
        stored = film(8) >> (8 - bits)
        yield picture_row(
            f"grey-{bits}.png",
            f"{bits}-bit grey PNG",
            "few greys, yet a picture",
            partial(_packed, stored, bits),
            pixels=partial(whole, stored, 0, (1 << bits) - 1),
        )
    yield picture_row("interlaced.png", "Adam7-interlaced PNG", "seven passes", _interlaced)
    yield picture_row(
        "gamma.png",
        "PNG with gAMA, sRGB and an ICC profile",
        "a profile would change the greys; stored values are the film",
        _profiled,
    )
    yield picture_row(
        "text.png",
        "PNG with text chunks, one of 1 MB packed to 1 kB",
        "texts hold names and bombs, and no grey",
        _texted,
    )
    yield picture_row(
        "behind-the-end.png",
        "PNG with bytes behind its end",
        "whole up to the end",
        lambda: _opencv(eight()) + b"trailing",
    )


def _packed(stored: Pixels, bits: int) -> bytes:
    """A grey PNG of 1, 2 or 4 bits, written by hand."""
    each = 8 // bits
    groups = stored.reshape(stored.shape[0], -1, each).astype(np.uint8)
    lines = sum(groups[..., i] << (8 - bits * (i + 1)) for i in range(each))
    raw = b"".join(b"\0" + line.tobytes() for line in np.asarray(lines, np.uint8))
    return png(stored.shape[1], stored.shape[0], bits, 0, raw)


def png(  # noqa: PLR0913 - the fields of the header
    width: int, height: int, bits: int, colour: int, raw: bytes, *, interlace: int = 0, between: bytes = b""
) -> bytes:
    """A PNG of filtered lines; ``between`` is put before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    return PNG + chunk(b"IHDR", header) + between + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def _interlaced() -> bytes:
    """The seven passes of Adam7 (ISO/IEC 15948 8.2)."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    picture = eight()
    parts = (picture[top::down, left::right] for top, left, down, right in passes)
    raw = b"".join(b"\0" + line.tobytes() for part in parts for line in part)
    return png(256, 320, 8, 0, raw, interlace=1)


def _profiled() -> bytes:
    profile = b"film\0\0" + zlib.compress(b"no profile at all" * 20)
    between = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0") + chunk(b"iCCP", profile)
    return _with(between)


def _with(between: bytes) -> bytes:
    raw = b"".join(b"\0" + line.tobytes() for line in eight())
    return png(256, 320, 8, 0, raw, between=between)


def _texted() -> bytes:
    packed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000)))
    return _with(chunk(b"tEXt", b"Title\0made by no one") + packed)


def _png_colour() -> Iterator[Row]:
    grey = eight()
    full, half = np.full_like(grey, 255), np.full_like(grey, 0)
    half[:160] = 255
    colour = np.dstack([grey] * 3)
    yield picture_row("rgb-8.png", "8-bit RGB PNG of equal channels", "grey after all", partial(pillow, colour, "PNG"))
    yield picture_row(
        "rgb-16.png",
        "16-bit RGB PNG of equal channels",
        "Pillow reads it as 8 bits",
        partial(_opencv, np.dstack([film(16)] * 3)),
        pixels=partial(plain, 16),
    )
    yield picture_row(
        "rgba-opaque.png",
        "RGB with an alpha of 255",
        "alpha is not a colour",
        partial(pillow, np.dstack([colour, full]), "PNG"),
    )
    yield picture_row(
        "rgba-unset.png",
        "RGB with an alpha of 0 everywhere",
        "its writer left alpha unset; the film is there",
        partial(pillow, np.dstack([colour, full * 0]), "PNG"),
    )
    yield picture_row(
        "rgba-half.png",
        "RGB, the lower half transparent",
        "what is transparent lies on black",
        partial(pillow, np.dstack([colour, half]), "PNG"),
        pixels=_halved,
    )
    yield picture_row(
        "grey-alpha-8.png", "8-bit grey with alpha", "two channels", partial(pillow, np.dstack([grey, full]), "PNG")
    )
    yield picture_row(
        "grey-alpha-16.png",
        "16-bit grey with alpha",
        "two channels of two bytes",
        _grey_alpha,
        pixels=partial(plain, 16),
    )
    yield picture_row("palette.png", "palette PNG, a grey ramp backwards", "the index is not the grey", _palette)
    yield picture_row(
        "palette-transparent.png",
        "palette PNG with transparency, all opaque",
        "tRNS on a palette",
        partial(_palette, bytes([255]) * 256),
    )


def _halved() -> Greys:
    pixels = shown()
    pixels[160:] = 0
    return pixels


def _grey_alpha() -> bytes:
    pairs = np.dstack([film(16), np.full_like(film(16), 65535)]).astype(">u2")
    return png(256, 320, 16, 4, b"".join(b"\0" + line.tobytes() for line in pairs))


def _palette(transparency: bytes = b"") -> bytes:
    ramp = bytes(255 - i // 3 for i in range(768))
    between = chunk(b"PLTE", ramp) + (chunk(b"tRNS", transparency) if transparency else b"")
    raw = b"".join(b"\0" + line.tobytes() for line in 255 - eight())
    return png(256, 320, 8, 3, raw, between=between)


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


def _foreign() -> Iterator[Row]:
    grey = eight()
    for name, what, make in (
        ("film.gif", "GIF", partial(pillow, grey, "GIF")),
        ("film.webp", "WebP", lambda: bytes(imagecodecs.webp_encode(np.dstack([grey] * 3), lossless=True))),
        ("film.jp2", "JPEG 2000 file", lambda: bytes(imagecodecs.jpeg2k_encode(grey, level=0))),
        ("film.jxl", "JPEG XL", lambda: bytes(imagecodecs.jpegxl_encode(grey, lossless=True))),
    ):
        yield Row(
            f"pictures/{name}",
            f"the film as {what}",
            "films are not exported so; the refusal names what is read",
            refused("not_an_image"),
            make,
        )
    frames = [Image.fromarray(grey), Image.fromarray(255 - grey)]
    yield Row(
        "pictures/animated.png",
        "animated PNG of two frames",
        "the first picture is the film",
        screened(shown),
        partial(_animated, frames, "PNG"),
    )
    yield Row(
        "pictures/animated.gif",
        "animated GIF of two frames",
        "films are not exported so",
        refused("not_an_image"),
        partial(_animated, frames, "GIF"),
    )


def _animated(frames: list[Image.Image], kind: str) -> bytes:
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()
