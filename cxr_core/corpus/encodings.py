"""The same film in every DICOM transfer syntax (PS3.5 annex A), depth, and way of cutting into frames."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from cxr_core.corpus.row import Row, refused, screened
from cxr_core.corpus.samples import (
    NATIVE,
    STREAMS,
    Stored,
    changed,
    dataset,
    dicom,
    film,
    jpeg_2000,
    jpeg_lossless,
    jpeg_ls,
    little,
    plain,
    saved,
    sealed,
    wrapped,
)

_NAMES = {
    **NATIVE,
    uid.RLELossless: "run-length coding",
    uid.JPEGLossless: "JPEG Lossless, any predictor",
    uid.JPEGLosslessSV1: "JPEG Lossless, first-order prediction",
    uid.JPEGLSLossless: "JPEG-LS lossless",
    uid.JPEG2000Lossless: "JPEG 2000 lossless",
    uid.HTJ2KLossless: "high-throughput JPEG 2000 lossless",
    uid.HTJ2KLosslessRPCL: "high-throughput JPEG 2000 lossless, RPCL",
}
_DEPTHS = (8, 10, 12, 14, 16)


def rows() -> Iterator[Row]:
    """Lossless and lossy syntaxes, signed and inverted numbers, fragments and tables, frames, syntaxes no one reads."""
    yield from _lossless()
    yield from _signed_and_inverted()
    yield from _lossy()
    yield from _fragments()
    yield from _frames()
    yield from _unreadable()


def _lossless() -> Iterator[Row]:
    for syntax, name in _NAMES.items():
        for bits in _DEPTHS:
            stored = film(bits).astype(np.uint8) if bits == 8 else film(bits)
            yield Row(
                f"encodings/{_slug(name)}-{bits}-bit.dcm",
                f"{name}, {bits} bits",
                "every lossless syntax must give the very same pixels",
                screened(partial(plain, bits)),
                partial(dicom, stored, bits, syntax),
            )
    for syntax in NATIVE:
        yield Row(
            f"encodings/{_slug(NATIVE[syntax])}-8-in-16-bit.dcm",
            f"{NATIVE[syntax]}, 8 bits stored of 16 allocated",
            "the depth is Bits Stored, not Bits Allocated",
            screened(partial(plain, 8)),
            partial(dicom, film(8), 8, syntax),
        )
    for predictor in range(2, 8):
        yield Row(
            f"encodings/jpeg-lossless-predictor-{predictor}.dcm",
            f"JPEG Lossless, selection value {predictor}",
            "some decoders know selection value 1 only",
            screened(plain),
            partial(_of, partial(jpeg_lossless, predictor=predictor), film(), 12, uid.JPEGLossless),
        )


def _of(encoder: Callable[[Stored, int], bytes], stored: Stored, bits: int, syntax: UID) -> bytes:
    return wrapped([encoder(stored, bits)], dataset(stored, bits), syntax)


def _signed_and_inverted() -> Iterator[Row]:
    signed = (film().astype(np.int32) - 2048).astype(np.int16)
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless, *STREAMS):
        yield Row(
            f"encodings/{_slug(_NAMES[syntax])}-signed.dcm",
            f"{_NAMES[syntax]}, 12 bits in two's complement, rescale intercept 2048",
            "coded streams carry no sign or the wrong one: Pixel Representation decides",
            screened(plain),
            partial(dicom, signed, 12, syntax, RescaleIntercept=2048),
        )
    for syntax in (uid.RLELossless, *STREAMS):
        yield Row(
            f"encodings/{_slug(_NAMES[syntax])}-monochrome1.dcm",
            f"{_NAMES[syntax]}, MONOCHROME1",
            "the greys must be inverted once, whatever the decoder did",
            screened(plain),
            partial(dicom, 4095 - film(), 12, syntax, PhotometricInterpretation="MONOCHROME1"),
        )


def _lossy() -> Iterator[Row]:
    eight = film(8).astype(np.uint8)

    def coded(name: str, what: str, syntax: UID, bits: int, stream: bytes, floor: float) -> Row:  # noqa: PLR0913, PLR0917
        stored = eight if bits == 8 else film(bits)
        made = partial(wrapped, [stream], dataset(stored, bits), syntax)
        hard = "lossy: close, not the same; the depth of the stream, not of a viewer, counts"
        return Row(f"encodings/{name}.dcm", what, hard, screened(partial(plain, bits), decibels=floor), made)

    baseline = bytes(imagecodecs.jpeg8_encode(eight, level=92))
    extended = bytes(imagecodecs.jpeg8_encode(film(), level=95, bitspersample=12))
    yield coded("jpeg-baseline", "JPEG baseline, 8 bits", uid.JPEGBaseline8Bit, 8, baseline, 36)
    yield coded("jpeg-extended-12-bit", "JPEG Extended, 12 bits", uid.JPEGExtended12Bit, 12, extended, 38)
    yield coded("jpeg-extended-8-bit", "JPEG Extended, 8 bits", uid.JPEGExtended12Bit, 8, baseline, 36)
    yield coded("jpeg-2000-lossy", "JPEG 2000, 45 dB", uid.JPEG2000, 12, jpeg_2000(film(), 12, 45), 40)
    yield coded("jpeg-2000-any", "JPEG 2000, in fact lossless", uid.JPEG2000, 12, jpeg_2000(film(), 12), 90)
    yield coded("jpeg-ls-near", "JPEG-LS near-lossless", uid.JPEGLSNearLossless, 8, jpeg_ls(eight, 8, 2), 38)
    lossy = imagecodecs.htj2k_encode(eight, level=0.01, reversible=False)
    yield coded("htj2k-lossy", "high-throughput JPEG 2000, lossy", uid.HTJ2K, 8, bytes(lossy), 30)


def _fragments() -> Iterator[Row]:
    def cut(name: str, what: str, hard: str, make: Callable[[], bytes]) -> Row:
        return Row(f"encodings/{name}.dcm", what, hard, screened(plain), make)

    for syntax in (uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless):
        if syntax in STREAMS:
            yield cut(
                f"fragments-{_slug(_NAMES[syntax])}",
                f"{_NAMES[syntax]}, one frame in five fragments, empty offset table",
                "fragments are not frames",
                partial(wrapped, [STREAMS[syntax](film(), 12)], dataset(film()), syntax, fragments=5, table=False),
            )
    stream = jpeg_2000(film(), 12)
    made = partial(wrapped, [stream], syntax=uid.JPEG2000Lossless)
    yield cut(
        "offset-table-empty",
        "empty basic offset table",
        "the table is optional",
        lambda: made(made=dataset(film()), table=False),
    )
    yield cut(
        "offset-table-wrong", "basic offset table that points past the end", "one frame needs no table", _wrong_table
    )
    yield cut("offset-table-extended", "extended offset table (0x7FE00001)", "new since 2019", _extended_table)
    yield cut("stream-in-a-jp2-box", "a whole JP2 file in the fragment", "only the codestream is allowed there", _jp2)
    yield cut("stream-padded", "sixteen zero bytes after the stream", "writers pad more than to even length", _padded)
    yield cut("htj2k-tiled", "high-throughput JPEG 2000 in 64 x 64 tiles", "one frame, many tiles", _tiled)
    yield Row(
        "encodings/sequence-end-missing.dcm",
        "no sequence delimiter after the last fragment",
        "nothing tells it from a file that was cut short",
        refused("damaged_image"),
        _endless,
    )


def _wrong_table() -> bytes:
    data = bytearray(encapsulate([jpeg_2000(film(), 12)], has_bot=True))
    data[8:12] = struct.pack("<I", 0x7FFFFFF0)
    return sealed(changed(dataset(film()), PixelData=bytes(data)), uid.JPEG2000Lossless)


def _extended_table() -> bytes:
    stream = jpeg_2000(film(), 12)
    stream += b"\0" * (len(stream) % 2)
    tables: dict[str, Any] = {
        "ExtendedOffsetTable": struct.pack("<Q", 0),
        "ExtendedOffsetTableLengths": struct.pack("<Q", len(stream)),
    }
    return wrapped([stream], dataset(film(), **tables), uid.JPEG2000Lossless, table=False)


def _jp2() -> bytes:
    boxed = bytes(imagecodecs.jpeg2k_encode(film(), level=0, codecformat="jp2", bitspersample=12, reversible=True))
    return wrapped([boxed], dataset(film()), uid.JPEG2000Lossless)


def _padded() -> bytes:
    return wrapped([jpeg_lossless(film(), 12) + bytes(16)], dataset(film()), uid.JPEGLosslessSV1)


def _tiled() -> bytes:
    tiled = bytes(imagecodecs.htj2k_encode(film(), reversible=True, tile=(64, 64)))
    return wrapped([tiled], dataset(film()), uid.HTJ2KLossless)


def _endless() -> bytes:
    whole = wrapped([jpeg_lossless(film(), 12)], dataset(film()), uid.JPEGLosslessSV1)
    return whole.removesuffix(b"\xfe\xff\xdd\xe0\0\0\0\0")


def _frames() -> Iterator[Row]:
    other = 4095 - film()
    native = little(film()) + little(other)
    for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless, *STREAMS):
        if syntax in STREAMS:
            streams = [STREAMS[syntax](stored, 12) for stored in (film(), other)]
            make = partial(_many, streams, syntax)
        else:
            make = partial(_native_frames, native, syntax)
        yield Row(
            f"encodings/frames-{_slug(_NAMES[syntax])}.dcm",
            f"{_NAMES[syntax]}, two frames, the second inverted",
            "the first frame is the film; that there are more must be said",
            screened(plain, "first_frame"),
            make,
        )


def _many(streams: list[bytes], syntax: UID) -> bytes:
    return wrapped(streams, dataset(film(), NumberOfFrames=len(streams)), syntax)


def _native_frames(data: bytes, syntax: UID) -> bytes:
    return saved(dataset(film(), NumberOfFrames=2, PixelData=data), syntax)


def _unreadable() -> Iterator[Row]:
    for name, syntax in (
        ("jpeg-progressive", "1.2.840.10008.1.2.4.55"),
        ("jpeg-spectral-selection", "1.2.840.10008.1.2.4.53"),
        ("mpeg2", str(uid.MPEG2MPML)),
        ("mpeg4", "1.2.840.10008.1.2.4.102"),
        ("jpip-referenced", "1.2.840.10008.1.2.4.94"),
        ("smpte-uncompressed", "1.2.840.10008.1.2.7.1"),
        ("private-syntax", "1.2.826.0.1.3680043.2.1143.99"),
    ):
        yield Row(
            f"encodings/unreadable-{name}.dcm",
            f"transfer syntax {syntax}",
            "no decoder reads it: the refusal must name it, not crash or guess",
            refused("unsupported_encoding"),
            partial(wrapped, [b"\xff\xd8\xff\xd9"], dataset(film()), UID(syntax)),
        )


def _slug(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "-")
