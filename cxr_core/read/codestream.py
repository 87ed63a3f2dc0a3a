"""Headers of PNG, JPEG, JPEG-LS and JPEG 2000 streams: size and depth, without decoding a pixel.

In: the stream's bytes. Out: a Frame, or None where the header cannot be followed. Known before decoding, a size can be
refused before memory is spent on it. Sources: ISO/IEC 15948 (PNG), ITU-T T.81 (JPEG), T.87 (JPEG-LS), T.800
(JPEG 2000).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SCAN, _MOST_SCANS = b"\xff\xda", 500  # a progressive film has about ten, of three colours perhaps a hundred
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))


@dataclass(frozen=True, slots=True)
class Frame:
    """What a stream's header announces. ``process`` is the JPEG frame marker's low byte, 0 for other formats."""

    width: int
    height: int
    channels: int
    bits: int
    process: int = 0


def jpeg_frame(data: bytes) -> Frame | None:
    """The frame header of a JPEG or JPEG-LS stream (T.81 B.2.2), found by walking its segments up to the first scan.

    None also where there are two: decoders differ in which one they believe, so neither size can be relied on. And
    where there are more scans than any encoder writes: each costs a walk over the whole picture, whatever it holds.
    """
    at, found = 2, None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES and at + 10 <= len(data):
            if found:
                return None
            bits, height, width, channels = struct.unpack(">BHHB", data[at + 4 : at + 10])
            found = Frame(width, height, channels, bits, marker)
        if marker == 0xDA:
            # No coded byte FF is followed by DA, so this counts markers, and those of a thumbnail.
            return found if data.count(_SCAN) <= _MOST_SCANS else None
        if marker == 0xD9:
            return None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def jpeg2000_frame(data: bytes) -> Frame | None:
    """The SIZ segment (T.800 A.5.1) of a raw codestream, or of the one inside a JP2 file."""
    at = _jp2_codestream(data) if data[4:8] == b"jP  " else 0
    if data[at : at + 4] != b"\xff\x4f\xff\x51" or len(data) < at + 43:
        return None
    x1, y1, x0, y0 = struct.unpack(">4I", data[at + 8 : at + 24])
    channels, depth = struct.unpack(">HB", data[at + 40 : at + 43])
    return Frame(x1 - x0, y1 - y0, channels, (depth & 0x7F) + 1)


def _jp2_codestream(data: bytes) -> int:
    """Where the contiguous codestream box begins (T.800 I.4); the end of the data if nowhere."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"jp2c":
            return at + (16 if length == 1 else 8)
        if length < 8:
            break
        at += length
    return len(data)


def png_frame(data: bytes) -> Frame | None:
    """The IHDR chunk; ``channels`` counts a palette as one."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        return None
    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind)
    return Frame(width, height, channels, bits) if channels else None
