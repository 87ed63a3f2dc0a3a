"""DICOM files whose streams, run-length segments or elements are broken, and files that hold no film.

Sources: PS3.5 A.4 (encapsulation), annex G (run-length coding), 7.5 (nesting).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.encaps import encapsulate

from cxr_core.corpus.broken_dicom import DAMAGED, PIXEL_DATA, broken_row
from cxr_core.corpus.row import Expected, Row, refused, screened
from cxr_core.corpus.samples import (
    changed,
    dataset,
    dicom,
    film,
    jpeg_2000,
    jpeg_lossless,
    little,
    plain,
    plain_file,
    sealed,
    wrapped,
)


def rows() -> Iterator[Row]:
    """Streams, segments, structure, content."""
    yield from _streams()
    yield from _segments()
    yield from _structure()
    yield from _content()


def _streams() -> Iterator[Row]:
    stream = partial(jpeg_lossless, film(), 12)
    hard = "encapsulation is a chain of promises"

    def chained(name: str, what: str, expected: Expected, data: Callable[[], bytes]) -> Row:
        return broken_row(f"fragments-{name}", what, hard, expected, lambda: _sealed(data()))

    yield chained("none", "an offset table and no fragment", DAMAGED, lambda: b"\xfe\xff\0\xe0\0\0\0\0")
    yield chained("empty", "one fragment without bytes", DAMAGED, lambda: b"\xfe\xff\0\xe0\0\0\0\0" * 2)
    yield chained("zeros", "a fragment of zeros", DAMAGED, lambda: encapsulate([bytes(5000)]))
    yield chained("table-missing", "the first item is the stream itself", DAMAGED, lambda: encapsulate([stream()])[12:])
    yield chained("first-lost", "the first of three fragments is lost", DAMAGED, lambda: _lose(stream(), 0))
    yield chained("middle-lost", "the second of three fragments is lost", DAMAGED, lambda: _lose(stream(), 1))
    yield chained("last-lost", "the last of three fragments is lost", DAMAGED, lambda: _lose(stream(), 2))
    yield chained(
        "tag-wrong",
        "an item with another tag",
        DAMAGED,
        lambda: b"\xfe\xff\1\xe0".join(encapsulate([stream()]).rsplit(b"\xfe\xff\0\xe0", 1)),
    )
    yield chained(
        "of-text", "a fragment of HTML", DAMAGED, lambda: encapsulate([b"<html>504 Gateway Timeout</html>" * 50])
    )
    yield broken_row(
        "coded-called-plain", "JPEG fragments under explicit little endian", "the syntax lies", DAMAGED, _plain_label
    )
    yield broken_row(
        "plain-called-coded", "plain pixels under run-length coding", "the syntax lies", DAMAGED, _coded_label
    )
    yield broken_row(
        "jpeg-2000-called-jpeg",
        "a JPEG 2000 stream under JPEG Lossless",
        "the syntax lies",
        DAMAGED,
        lambda: wrapped([jpeg_2000(film(), 12)], dataset(film()), uid.JPEGLosslessSV1),
    )
    png = partial(imagecodecs.png_encode, film(8).astype(np.uint8))
    yield broken_row(
        "png-called-jpeg",
        "a PNG in a fragment",
        "the syntax lies",
        DAMAGED,
        lambda: wrapped([bytes(png())], dataset(film()), uid.JPEGBaseline8Bit),
    )
    yield broken_row(
        "two-frame-headers",
        "a JPEG stream with two frame headers",
        "decoders differ in which one they believe",
        DAMAGED,
        _two_headers,
    )
    yield broken_row(
        "jpeg-2000-27-bits",
        "a JPEG 2000 stream that says 27 bits",
        "what a decoder allocates follows from it",
        refused("unsupported_encoding"),
        _deep,
    )
    yield broken_row(
        "deflated-bomb",
        "a deflated dataset that unpacks to 400 MB",
        "megabytes become gigabytes",
        refused("too_large"),
        _bomb,
    )


def _sealed(data: bytes) -> bytes:
    return sealed(changed(dataset(film()), PixelData=data), uid.JPEGLosslessSV1)


def _lose(stream: bytes, which: int) -> bytes:
    third = len(stream) // 6 * 2
    parts = [stream[:third], stream[third : 2 * third], stream[2 * third :] + b"\0" * (len(stream) % 2)]
    del parts[which]
    return b"\xfe\xff\0\xe0\0\0\0\0" + b"".join(
        b"\xfe\xff\0\xe0" + struct.pack("<I", len(part)) + part for part in parts
    )


def _plain_label() -> bytes:
    return wrapped([jpeg_lossless(film(), 12)], dataset(film()), uid.ExplicitVRLittleEndian)


def _coded_label() -> bytes:
    return plain_file().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")


def _two_headers() -> bytes:
    stream = jpeg_lossless(film(), 12)
    at = stream.index(b"\xff\xc3")
    header = stream[at : at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")]
    return wrapped([stream[:at] + header + stream[at:]], dataset(film()), uid.JPEGLosslessSV1)


def _deep() -> bytes:
    stream = bytearray(jpeg_2000(film(), 12))
    stream[42] = 26
    return wrapped([bytes(stream)], dataset(film()), uid.JPEG2000Lossless)


def _bomb() -> bytes:
    data = dicom(film(), syntax=uid.DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # Flushed in full, a megabyte of zeros packs to the same kilobyte every time.
    megabyte = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return data[:start] + megabyte * 400 + packer.flush()


def _segments() -> Iterator[Row]:
    """Run-length coding: 64 bytes of offsets, then segments (PS3.5 annex G)."""
    hard = "offsets and runs lead out of the frame"
    good = struct.pack("<16I", 2, 64, 64 + 1300, *[0] * 13)
    run = bytes([129, 7]) * 650
    for name, what, stream in (
        ("no-segments", "no segments", struct.pack("<16I", *[0] * 16) + run),
        ("many-segments", "4,000,000,000 segments", struct.pack("<16I", 4_000_000_000, *[64] * 15) + run),
        ("offset-outside", "a segment beyond the end", struct.pack("<16I", 2, 64, 1 << 30, *[0] * 13) + run),
        ("offset-backwards", "segments in falling order", struct.pack("<16I", 2, 900, 64, *[0] * 13) + run + run),
        ("short-runs", "segments that unpack to a tenth", struct.pack("<16I", 2, 64, 64 + 130, *[0] * 13) + run[:260]),
        ("literal-cut", "a literal run cut short", good + run + run[:-2] + bytes([127, 1])),
    ):
        yield broken_row(
            f"rle-{name}",
            f"run-length coding, {what}",
            hard,
            DAMAGED,
            partial(wrapped, [stream], dataset(film()), uid.RLELossless),
        )


def _structure() -> Iterator[Row]:
    for depth in (50, 5000):
        for undefined in (False, True):
            kind = "undefined" if undefined else "explicit"
            expected = DAMAGED if depth == 5000 and undefined else screened(plain)
            yield broken_row(
                f"nested-{depth}-{kind}",
                f"sequences {depth:,} deep, {kind} lengths",
                "each level costs a parser a call",
                expected,
                partial(_nested, depth, undefined=undefined),
            )
    yield broken_row(
        "tags-twice", "Rows and Columns twice, the second time others", "which one counts?", DAMAGED, _twice
    )
    yield broken_row("pixels-twice", "Pixel Data twice", "which one counts?", screened(plain), _pixels_twice)
    yield broken_row(
        "tags-backwards",
        "elements in falling order of tags",
        "parsers that stop at the first greater tag miss the rest",
        screened(plain),
        _backwards,
    )
    yield broken_row("many-elements", "50,000 private elements", "a header as large as a film", screened(plain), _many)
    yield broken_row("meta-twice", "the file meta group twice", "two transfer syntaxes", DAMAGED, _meta_twice)
    yield broken_row(
        "vr-unknown", "an element of value representation ZZ", "its length cannot be known", DAMAGED, _odd_vr
    )


def _nested(depth: int, *, undefined: bool) -> bytes:
    """A private sequence in a sequence in a sequence, written by hand: pydicom would not come back from it."""
    inner = b""
    heads: list[bytes] = []
    for _ in range(depth):
        if undefined:
            heads.append(b"\x09\0\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff")
        else:
            item = b"\xfe\xff\0\xe0" + struct.pack("<I", len(inner)) + inner
            inner = b"\x09\0\x10\x10SQ\0\0" + struct.pack("<I", len(item)) + item
    if undefined:
        inner = b"".join(heads) + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * depth
    data = plain_file()
    at = data.index(b"\x10\0\x10\0PN")
    return data[:at] + b"\x09\0\x10\0LO\x04\0TEST" + inner + data[at:]


def _twice() -> bytes:
    data = plain_file()
    at = data.index(b"\x28\0\x00\x01US")
    return data[:at] + b"\x28\0\x10\0US\x02\0\x41\x01\x28\0\x11\0US\x02\0\xf0\0" + data[at:]


def _pixels_twice() -> bytes:
    return plain_file() + PIXEL_DATA + struct.pack("<I", film().size * 2) + little(film())


def _backwards() -> bytes:
    data = plain_file()
    start, last = data.index(b"\x28\0\x02\0US"), data.index(PIXEL_DATA)
    first = 144 + int.from_bytes(data[140:144], "little")
    return data[:first] + data[start:last] + data[first:start] + data[last:]


def _many() -> bytes:
    data = plain_file()
    at = data.index(b"\x10\0\x10\0PN")
    more = b"".join(b"\x09\0" + struct.pack("<H", 0x1000 + i) + b"LO\x04\0TEST" for i in range(50_000))
    return data[:at] + b"\x09\0\x10\0LO\x04\0TEST" + more + data[at:]


def _meta_twice() -> bytes:
    data = plain_file()
    end = 144 + int.from_bytes(data[140:144], "little")
    return data[:end] + data[132:end].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0") + data[end:]


def _odd_vr() -> bytes:
    return plain_file().replace(b"\x28\0\x10\0US", b"\x28\0\x10\0ZZ")


def _content() -> Iterator[Row]:
    flat = np.full((320, 256), 700, np.uint16)
    empty = refused("no_contrast")
    yield broken_row("flat", "a film of one grey", "an exposure without a patient", empty, partial(dicom, flat))
    yield broken_row("flat-black", "a film of zeros", "an exposure without a patient", empty, partial(dicom, flat * 0))
    speck = flat.copy()
    speck[5:8, 5:8] = 4095
    yield broken_row("flat-speck", "one grey and a speck", "a dead pixel is no contrast", empty, partial(dicom, speck))
    yield broken_row(
        "flat-padding", "all pixels are padding", "nothing is left", empty, partial(dicom, flat, PixelPaddingValue=700)
    )
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (320, 256, 3), np.uint8)
    yield broken_row(
        "colour",
        "a secondary capture in colour",
        "radiographs are grey",
        refused("not_a_radiograph"),
        partial(dicom, colour, 8),
    )
    yield broken_row(
        "sealed-end",
        "JPEG Lossless cut and sealed again with an end marker",
        "the decoder cannot know",
        DAMAGED,
        _sealed_end,
    )
    for name, data in (
        ("empty", b""),
        ("html", b"<!DOCTYPE html><html><body>Login</body></html>" * 20),
        ("zeros", bytes(100_000)),
        ("text", b"Patient;Date;Finding\n" * 100),
        ("elf", b"\x7fELF\x02\x01\x01" + bytes(500)),
    ):
        expected = refused("empty_file" if name == "empty" else "not_an_image")
        yield broken_row(
            f"not-dicom-{name}", f"{name} called .dcm", "a name is no format", expected, partial(bytes, data)
        )
    yield broken_row(
        "dicm-and-nothing",
        "preamble, DICM and noise",
        "only its start is DICOM",
        DAMAGED,
        lambda: bytes(128) + b"DICM" + np.random.default_rng(1).bytes(3000),
    )


def _sealed_end() -> bytes:
    stream = jpeg_lossless(film(), 12)
    return wrapped([stream[: len(stream) // 2] + b"\xff\xd9"], dataset(film()), uid.JPEGLosslessSV1)
