"""DICOM files that are cut, contradict themselves or lie: each has to be refused, quickly and with the right reason."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from pydicom import uid

from cxr_core.corpus.row import Expected, Row, refused, screened
from cxr_core.corpus.samples import (
    STREAMS,
    Stored,
    dataset,
    dicom,
    film,
    plain,
    plain_file,
    wrapped,
)

DAMAGED = refused("damaged_image")
PIXEL_DATA = b"\xe0\x7f\x10\0OW\0\0"


def rows() -> Iterator[Row]:
    """Cut files, lengths that lie, sizes that lie, layouts that contradict the pixels."""
    yield from _cut()
    yield from _lengths()
    yield from _sizes()
    yield from _layouts()


def broken_row(name: str, what: str, hard: str, expected: Expected, make: Callable[[], bytes]) -> Row:
    """A row of this folder."""
    return Row(f"broken/{name}.dcm", what, hard, expected, make)


def _cut() -> Iterator[Row]:
    hard = "a copy that broke off; half a film must not be shown as a whole one"
    for name, expected, length in (
        ("in-preamble", refused("not_an_image"), lambda data: 100),
        ("after-dicm", DAMAGED, lambda data: 132),
        ("in-meta", DAMAGED, lambda data: 180),
        ("after-meta", DAMAGED, lambda data: 144 + int.from_bytes(data[140:144], "little")),
        ("in-patient", DAMAGED, lambda data: data.index(b"\x10\0\x10\0PN") + 12),
        ("in-tag-of-pixels", DAMAGED, lambda data: data.index(PIXEL_DATA) + 3),
        ("in-length-of-pixels", DAMAGED, lambda data: data.index(PIXEL_DATA) + 10),
        ("before-pixels", DAMAGED, lambda data: data.index(PIXEL_DATA) + 12),
        ("in-pixels", DAMAGED, lambda data: len(data) // 2),
        ("last-byte", DAMAGED, lambda data: len(data) - 1),
    ):
        yield broken_row(f"cut-{name}", f"cut {name.replace('-', ' ')}", hard, expected, partial(_shortened, length))
    for syntax in (uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, *STREAMS):
        slug = syntax.name.split(",")[0].split(" Image")[0].split(" [")[0].lower().replace(" ", "-")
        kind = {uid.JPEGLosslessSV1: "-sv1", uid.HTJ2KLosslessRPCL: "-rpcl"}.get(syntax, "")
        yield broken_row(
            f"cut-file-{slug}{kind}", f"{syntax.name}, the file cut at 70%", hard, DAMAGED, partial(_cut_at, syntax)
        )
        if syntax in STREAMS:
            yield broken_row(
                f"cut-stream-{slug}{kind}",
                f"{syntax.name}, the stream cut at 70% in a whole file",
                "decoders fill the rest with grey",
                DAMAGED,
                partial(_cut_stream, syntax),
            )


def _shortened(length: Callable[[bytes], int]) -> bytes:
    data = plain_file()
    return data[: length(data)]


def _cut_at(syntax: uid.UID) -> bytes:
    data = dicom(film(), syntax=syntax)
    return data[: len(data) * 7 // 10]


def _cut_stream(syntax: uid.UID) -> bytes:
    stream = STREAMS[syntax](film(), 12)
    return wrapped([stream[: len(stream) * 7 // 10]], dataset(film()), syntax)


def _lengths() -> Iterator[Row]:
    hard = "a length is a promise; memory must not be set aside for it"
    for name, length in (
        ("2-gb", 0x7FFFFFFE),
        ("4-gb", 0xFFFFFFFE),
        ("odd", film().size * 2 + 1),
        ("short", film().size),
    ):
        expected = DAMAGED if name == "short" else screened(plain)
        yield broken_row(
            f"length-of-pixels-{name}",
            f"Pixel Data that announces {length:,} bytes",
            hard,
            expected,
            partial(_announcing, PIXEL_DATA, length),
        )
    yield broken_row("length-of-text-2-gb", "a private text that announces 2 GB", hard, DAMAGED, _long_text)
    yield broken_row("length-of-meta", "a file meta group that announces 2 GB", hard, screened(plain), _long_meta)
    yield broken_row("length-of-fragment-2-gb", "a fragment that announces 2 GB", hard, screened(plain), _long_fragment)
    yield broken_row(
        "length-undefined",
        "uncompressed pixels of undefined length",
        "only coded pixels may have that",
        DAMAGED,
        partial(_announcing, PIXEL_DATA, 0xFFFFFFFF),
    )


def _announcing(element: bytes, length: int) -> bytes:
    data = plain_file()
    at = data.index(element) + len(element)
    return data[:at] + struct.pack("<I", length) + data[at + 4 :]


def _long_text() -> bytes:
    data = plain_file()
    at = data.index(b"\x10\0\x10\0PN")
    return data[:at] + b"\x09\0\x10\0UT\0\0" + struct.pack("<I", 0x7FFFFFFE) + data[at:]


def _long_meta() -> bytes:
    data = plain_file()
    return data[:140] + struct.pack("<I", 0x7FFFFFFE) + data[144:]


def _long_fragment() -> bytes:
    data = dicom(film(), syntax=uid.JPEGLosslessSV1)
    at = data.rindex(b"\xfe\xff\0\xe0") + 4
    return data[:at] + struct.pack("<I", 0x7FFFFFFE) + data[at + 4 :]


def _sizes() -> Iterator[Row]:
    def sized(name: str, what: str, expected: Expected, **tags: Any) -> Row:
        return broken_row(
            f"size-{name}", what, "Rows and Columns are a promise as well", expected, partial(dicom, film(), **tags)
        )

    yield sized("huge", "65,535 x 65,535 pixels announced", refused("too_large"), Rows=65535, Columns=65535)
    yield sized("zero-rows", "Rows 0", refused("too_small"), Rows=0)
    yield sized("zero-columns", "Columns 0", refused("too_small"), Columns=0)
    yield sized("rows-missing", "no Rows", DAMAGED, Rows=None)
    yield sized("columns-missing", "no Columns", DAMAGED, Columns=None)
    yield sized("more-rows", "one row more than there is", DAMAGED, Rows=321)
    yield sized("many-frames", "a million frames announced, one there", DAMAGED, NumberOfFrames=1_000_000)
    yield sized("frames-negative", "-3 frames", screened(plain), NumberOfFrames=-3)
    tiny = np.ascontiguousarray(film()[:32, :32])
    yield broken_row("size-tiny", "32 x 32 pixels", "an icon is no film", refused("too_small"), partial(dicom, tiny))
    yield broken_row(
        "size-one-pixel", "a single pixel", "an icon is no film", refused("too_small"), partial(dicom, tiny[:1, :1])
    )
    strip = np.ascontiguousarray(film()[:20])
    yield broken_row(
        "size-strip", "20 x 256 pixels", "a strip holds no lung", refused("too_small"), partial(dicom, strip)
    )
    for name, syntax in (
        ("jpeg-lossless", uid.JPEGLosslessSV1),
        ("jpeg-ls", uid.JPEGLSLossless),
        ("jpeg-2000", uid.JPEG2000Lossless),
        ("htj2k", uid.HTJ2KLossless),
    ):
        small = np.ascontiguousarray(film()[:100, :100])
        yield broken_row(
            f"stream-larger-{name}",
            f"{syntax.name}: a stream of 320 x 256 under 100 x 100",
            "the stream decides what is allocated",
            DAMAGED,
            partial(_other_stream, small, syntax),
        )


def _other_stream(announced: Stored, syntax: uid.UID) -> bytes:
    return wrapped([STREAMS[syntax](film(), 12)], dataset(announced), syntax)


def _layouts() -> Iterator[Row]:
    def laid(name: str, what: str, expected: Expected, **tags: Any) -> Row:
        return broken_row(
            f"layout-{name}", what, "the layout contradicts the pixels", expected, partial(dicom, film(), **tags)
        )

    yield laid(
        "bits-32", "Bits Allocated 32", refused("unsupported_encoding"), BitsAllocated=32, BitsStored=32, HighBit=31
    )
    yield laid("bits-1", "Bits Allocated 1", refused("unsupported_encoding"), BitsAllocated=1, BitsStored=1, HighBit=0)
    yield laid("bits-0", "Bits Allocated 0", refused("unsupported_encoding"), BitsAllocated=0, BitsStored=0, HighBit=0)
    yield laid(
        "samples-3", "three samples announced, one there", DAMAGED, SamplesPerPixel=3, PhotometricInterpretation="RGB"
    )
    yield laid("samples-7", "seven samples", DAMAGED, SamplesPerPixel=7)
    yield laid("samples-0", "no samples", DAMAGED, SamplesPerPixel=0)
    yield laid("palette-missing", "PALETTE COLOR without a palette", DAMAGED, PhotometricInterpretation="PALETTE COLOR")
    yield laid(
        "photometric-unknown",
        "Photometric Interpretation GREYISH",
        screened(plain),
        PhotometricInterpretation="GREYISH",
    )
