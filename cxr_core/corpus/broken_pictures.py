"""PNG, JPEG, TIFF and BMP files that are cut, contradict themselves or lie, and pictures that hold no film."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from cxr_core.corpus.pictures import PNG, chunk, eight, pillow, png, shown
from cxr_core.corpus.row import Expected, Row, refused, screened

_DAMAGED = refused("damaged_image")


def rows() -> Iterator[Row]:
    """Broken pictures of every format, then pictures without a film in them."""
    yield from _png()
    yield from _jpeg()
    yield from _tiff_and_bmp()
    yield from _content()


def _row(name: str, what: str, hard: str, expected: Expected, make: Callable[[], bytes]) -> Row:
    return Row(f"broken/{name}", what, hard, expected, make)


def _lines(pixels: npt.NDArray[np.uint8]) -> bytes:
    return b"".join(b"\0" + line.tobytes() for line in pixels)


def _grey_png() -> bytes:
    return png(256, 320, 8, 0, _lines(eight()))


def _png() -> Iterator[Row]:
    hard = "a copy that broke off; half a film must not be shown as a whole one"
    for name, where in (("signature", 8), ("header", 20), ("pixels", 40_000), ("end", -4)):
        yield _row(f"cut-in-{name}.png", f"PNG cut in its {name}", hard, _DAMAGED, partial(_cut_png, where))
    yield _row("end-missing.png", "PNG without IEND", hard, _DAMAGED, lambda: _grey_png()[:-12])
    yield _row(
        "wrong-checksum.png", "PNG whose pixels do not fit their CRC", "a flipped bit on a disk", _DAMAGED, _flipped
    )
    yield _row(
        "wrong-text-checksum.png",
        "PNG whose text does not fit its CRC",
        "texts hold no grey",
        screened(shown),
        _bad_text,
    )
    hard = "the header is a promise"
    for name, width, height, expected in (
        ("zero-wide", 0, 320, refused("too_small")),
        ("zero-high", 256, 0, refused("too_small")),
        ("huge", 60_000, 60_000, refused("too_large")),
        ("two-billion", 0x7FFFFFFF, 0x7FFFFFFF, refused("too_large")),
        ("higher", 256, 400, _DAMAGED),
    ):
        yield _row(
            f"{name}.png",
            f"PNG that announces {width:,} x {height:,}",
            hard,
            expected,
            partial(png, width, height, 8, 0, _lines(eight())),
        )
    yield _row(
        "bomb.png",
        "PNG whose pixels unpack to 100 MB",
        "only what the header announces may be unpacked",
        _DAMAGED,
        _bomb,
    )
    yield _row(
        "depth-wrong.png",
        "PNG of 3 bits",
        "there is no such depth",
        _DAMAGED,
        partial(png, 256, 320, 3, 0, _lines(eight())),
    )
    yield _row(
        "colour-wrong.png",
        "PNG of colour type 5",
        "there is no such type",
        _DAMAGED,
        partial(png, 256, 320, 8, 5, _lines(eight())),
    )
    yield _row(
        "palette-missing.png",
        "palette PNG without a palette",
        "indices into nothing",
        _DAMAGED,
        partial(png, 256, 320, 8, 3, _lines(eight())),
    )
    yield _row(
        "pixels-missing.png",
        "PNG without pixels",
        "a frame around nothing",
        _DAMAGED,
        lambda: PNG + _grey_png()[8:33] + chunk(b"IEND", b""),
    )
    yield _row("stream-noise.png", "PNG whose pixels are no zlib stream", "well packed noise", _DAMAGED, _noise)
    yield _row("chunk-2-gb.png", "PNG with a chunk that announces 2 GB", "a length is a promise", _DAMAGED, _long_chunk)
    yield _row(
        "header-twice.png", "PNG with two headers of different sizes", "which one counts?", _DAMAGED, _two_headers
    )


def _cut_png(where: int) -> bytes:
    return _grey_png()[:where]


def _flipped() -> bytes:
    data = bytearray(_grey_png())
    data[2000] ^= 0x10
    return bytes(data)


def _bad_text() -> bytes:
    text = bytearray(chunk(b"tEXt", b"Title\0made by no one"))
    text[-1] ^= 1
    return png(256, 320, 8, 0, _lines(eight()), between=bytes(text))


def _bomb() -> bytes:
    header = _grey_png()[8:33]
    packer = zlib.compressobj(9)
    packed = packer.compress(_lines(eight())) + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return PNG + header + chunk(b"IDAT", packed + megabyte * 100 + packer.flush()) + chunk(b"IEND", b"")


def _noise() -> bytes:
    return PNG + _grey_png()[8:33] + chunk(b"IDAT", np.random.default_rng(2).bytes(5000)) + chunk(b"IEND", b"")


def _long_chunk() -> bytes:
    data = _grey_png()
    return data[:33] + struct.pack(">I", 0x7FFFFFFF) + b"tEXt" + data[33:]


def _two_headers() -> bytes:
    data = _grey_png()
    other = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    return data[:33] + other + data[33:]


def _jpeg_film() -> bytes:
    return pillow(eight(), "JPEG", quality=92)


def _jpeg() -> Iterator[Row]:
    hard = "decoders fill what is missing with grey"
    for name, share in (("tables", 0.005), ("scan", 0.5), ("last-lines", 0.97)):
        yield _row(
            f"cut-in-{name}.jpg",
            f"JPEG cut in its {name.replace('-', ' ')}",
            hard,
            _DAMAGED,
            partial(_cut_jpeg, share),
        )
    yield _row("only-the-start.jpg", "JPEG of three bytes", hard, _DAMAGED, lambda: _jpeg_film()[:3])
    for name, size, expected in (
        ("huge", (65_000, 65_000), refused("too_large")),
        ("zero-high", (0, 256), refused("too_small")),
        ("higher", (640, 256), screened(None, "flat_end")),
    ):
        yield _row(
            f"{name}.jpg",
            f"JPEG that announces {size[1]:,} x {size[0]:,}",
            "the header is a promise",
            expected,
            partial(_sized, size),
        )
    yield _row(
        "two-frames.jpg",
        "JPEG with two frame headers",
        "decoders differ in which one they believe",
        _DAMAGED,
        _two_frames,
    )
    yield _row(
        "tables-missing.jpg",
        "JPEG without its Huffman tables",
        "the tables of the standard's annex K are then meant",
        screened(shown, decibels=36),
        _no_tables,
    )
    yield _row(
        "many-scans.jpg", "progressive JPEG with 5,000 empty scans", "each is a walk over the picture", _DAMAGED, _scans
    )
    yield _row(
        "thumbnail-huge.jpg",
        "JPEG with an EXIF thumbnail offset of 4 GB",
        "thumbnails are no film",
        screened(shown, decibels=36),
        _exif,
    )


def _cut_jpeg(share: float) -> bytes:
    return _jpeg_film()[: int(len(_jpeg_film()) * share)]


def _sized(size: tuple[int, int]) -> bytes:
    data = bytearray(_jpeg_film())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", *size)
    return bytes(data)


def _two_frames() -> bytes:
    data = _jpeg_film()
    at = data.index(b"\xff\xc0")
    length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[:at] + data[at : at + length] + data[at:]


def _no_tables() -> bytes:
    data = _jpeg_film()
    while b"\xff\xc4" in data:
        at = data.index(b"\xff\xc4")
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    return data


def _scans() -> bytes:
    film = pillow(eight(), "JPEG", quality=92, progressive=True)
    # A refinement of the first coefficient (T.81 G.1.2.1) without a coded byte.
    return film[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\0\x01\0" * 5000 + b"\xff\xd9"


def _exif() -> bytes:
    entries = struct.pack("<HHII", 0x0201, 4, 1, 0xFFFFFFF0) + struct.pack("<HHII", 0x0202, 4, 1, 0xFFFFFFF0)
    content = (
        b"Exif\0\0II*\0\x08\0\0\0"
        + struct.pack("<H", 0)
        + struct.pack("<I", 14)
        + struct.pack("<H", 2)
        + entries
        + bytes(4)
    )
    data = _jpeg_film()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + data[2:]


def _tiff_and_bmp() -> Iterator[Row]:
    def tiff() -> bytes:
        return pillow(eight(), "TIFF")

    hard = "tables of tables of offsets"
    yield _row("cut.tif", "TIFF cut in half", hard, _DAMAGED, lambda: tiff()[: len(tiff()) // 2])
    yield _row(
        "offset-outside.tif",
        "TIFF whose directory lies beyond its end",
        hard,
        _DAMAGED,
        lambda: b"II*\0\xf0\xff\xff\x7f" + tiff()[8:],
    )
    yield _row(
        "loop.tif",
        "TIFF whose second directory is its first",
        "a walk through it never ends",
        screened(shown),
        _loop,
    )
    yield _row(
        "many-pages.tif",
        "TIFF of 4,000 pages",
        "counting them must not take the square of it",
        screened(shown, "first_frame"),
        _pages,
    )
    yield _row("only-the-start.tif", "TIFF of four bytes", hard, _DAMAGED, lambda: b"II*\0")
    yield _row(
        "huge.tif", "TIFF that announces 60,000 x 60,000", "the header is a promise", refused("too_large"), _huge_tiff
    )
    yield _row("cut.bmp", "BMP cut in half", "half a film", _DAMAGED, lambda: pillow(eight(), "BMP")[:40_000])
    yield _row(
        "huge.bmp", "BMP that announces 60,000 x 60,000", "the header is a promise", refused("too_large"), _huge_bmp
    )


def _loop() -> bytes:
    data = bytearray(pillow(eight(), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    data[first + 2 + 12 * count : first + 6 + 12 * count] = struct.pack("<I", first)
    return bytes(data)


def _pages() -> bytes:
    film = pillow(eight(), "TIFF")
    first = int.from_bytes(film[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(film[first : first + 2], "little")
    directory, start = film[first:end], len(film)
    places = [start + i * (end - first + 4) for i in range(4000)]
    more = b"".join(directory + struct.pack("<I", place) for place in [*places[1:], 0])
    return film[:end] + struct.pack("<I", start) + film[end + 4 :] + more


def _huge_tiff() -> bytes:
    data = pillow(eight(), "TIFF")
    for tag in (256, 257):
        at = (
            data.index(struct.pack("<HH", tag, 4))
            if struct.pack("<HH", tag, 4) in data
            else data.index(struct.pack("<HH", tag, 3))
        )
        data = data[:at] + struct.pack("<HHII", tag, 4, 1, 60_000) + data[at + 12 :]
    return data


def _huge_bmp() -> bytes:
    data = bytearray(pillow(eight(), "BMP"))
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    return bytes(data)


def _content() -> Iterator[Row]:
    flat = np.full((320, 256), 90, np.uint8)
    hard = "there is no film in it"
    yield _row("flat.png", "a PNG of one grey", hard, refused("no_contrast"), partial(pillow, flat, "PNG"))
    yield _row("flat.jpg", "a JPEG of one grey", hard, refused("no_contrast"), partial(pillow, flat, "JPEG"))
    yield _row("one-pixel.png", "a PNG of one pixel", hard, refused("too_small"), partial(pillow, flat[:1, :1], "PNG"))
    yield _row(
        "one-pixel.jpg", "a JPEG of one pixel", hard, refused("too_small"), partial(pillow, flat[:1, :1], "JPEG")
    )
    yield _row(
        "thumbnail.png",
        "a PNG of 63 x 63 pixels",
        hard,
        refused("too_small"),
        lambda: pillow(np.ascontiguousarray(eight()[::5, ::4][:63, :63]), "PNG"),
    )
    colour = np.random.default_rng(3).integers(0, 256, (320, 256, 3), np.uint8)
    yield _row(
        "colour.png",
        "a PNG of coloured noise",
        "radiographs are grey",
        refused("not_a_radiograph"),
        partial(pillow, colour, "PNG"),
    )
    yield _row(
        "transparent.png",
        "a PNG, transparent everywhere and black",
        hard,
        refused("no_contrast"),
        partial(pillow, np.zeros((320, 256, 4), np.uint8), "PNG"),
    )
    for name, data in (
        ("page.jpg", b"<!DOCTYPE html><html><body>404</body></html>"),
        ("empty.png", b""),
        ("note.pdf", b"%PDF-1.4\n%%EOF\n"),
        ("numbers.csv", b"file;finding\n1;2\n"),
        ("vector.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ):
        expected = refused("not_an_image" if data else "empty_file")
        yield _row(
            name,
            f"{name.split('.')[1].upper()} that is {'empty' if not data else 'no picture'}",
            "a name is no format",
            expected,
            partial(bytes, data),
        )
