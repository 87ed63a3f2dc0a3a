"""A PNG file -> the same picture in a file that holds nothing else, safe to hand to a decoder, and its orientation.

Text, profiles and animation are left out: they hold names and bombs, and no grey. The compressed lines are unpacked
here into just the room that the header calls for, because the decoder would go on unpacking a bomb to its end; it is
handed them stored. Those of a very large picture are counted only, which takes longer and no memory.

Source: ISO/IEC 15948 (clause 5: chunks, 8: interlace).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt
from imagecodecs import deflate_decode
from PIL import Image

from cxr_core.errors import DamagedImage
from cxr_core.read.codestream import Frame
from cxr_core.read.quiet import contain

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BROKEN_PNG = "The PNG file is damaged or cut short. Export or copy it again from its source."

_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IEND")
_ORIENTATION = 0x0112
_INTERLACE = 28
MOST_STORED = 16_000_000
_STEP = 1_000_000
_BLOCK = 0xFFFF
_END = b"\0\0\0\0IEND\xaeB`\x82"
_AFTER = 4 + len(_END)

Bytes = npt.NDArray[np.uint8]
# Adam7: first column, first row, step across, step down of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def bare(data: bytes, frame: Frame, *, sum_anew: bool = False) -> tuple[Bytes, int]:
    """The file with its pixels alone, and its EXIF orientation (1 to 8).

    DamagedImage where a chunk is cut, a checksum is wrong, or the lines are fewer or more than the header calls for.
    The checksum of the lines is taken over from the file, where unpacking has just verified it, unless ``sum_anew``: in
    the odd file that has more bytes behind its lines, it is not what stands last, and a decoder finds it wrong.
    """
    before, lines, orientation = _chunks(data)
    length = _length(frame, interlaced=bool(data[_INTERLACE]))
    packed = b"".join(lines)
    if length > MOST_STORED:
        _check_count(lines, length)
        file, body = _framed(before, len(packed))
        body[:] = np.frombuffer(packed, np.uint8)
    else:
        unpacked = _unpacked(packed, length)
        file, body = _framed(before, _stored_length(length))
        _store(unpacked, struct.pack(">I", zlib.adler32(unpacked.data)) if sum_anew else packed[-4:], body)
    file[-_AFTER:] = np.frombuffer(struct.pack(">I", zlib.crc32(body.data, zlib.crc32(b"IDAT"))) + _END, np.uint8)
    return file, orientation


def _framed(before: list[bytes], length: int) -> tuple[Bytes, Bytes]:
    """A file with one IDAT chunk of so many bytes, checksum and end still to be written; and that chunk's body."""
    start = b"".join((PNG_SIGNATURE, *before, struct.pack(">I4s", length, b"IDAT")))
    file = np.empty(len(start) + length + _AFTER, np.uint8)
    file[: len(start)] = np.frombuffer(start, np.uint8)
    return file, file[len(start) : len(start) + length]


def _chunks(data: bytes) -> tuple[list[bytes], list[memoryview], int]:
    """Header and palette, the pieces of the compressed lines, and the orientation."""
    before: list[bytes] = []
    lines: list[memoryview] = []
    at, orientation, view = len(PNG_SIGNATURE), 1, memoryview(data)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            break
        if kind == b"IDAT":  # the lines have a checksum of their own, over all pieces
            lines.append(view[at + 8 : end - 4])
        elif kind in _KEPT:
            if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                break
            if kind == b"IEND":
                return before, lines, orientation
            before.append(data[at:end])
        elif kind == b"eXIf":
            orientation = _orientation(data[at + 8 : end - 4])
        at = end
    raise DamagedImage(BROKEN_PNG)


def _length(frame: Frame, *, interlaced: bool) -> int:
    """Bytes of all lines, each with the byte that names its filter."""
    bits = frame.channels * frame.bits
    if not interlaced:
        return (1 + (frame.width * bits + 7) // 8) * frame.height
    total = 0
    for left, top, across, down in _PASSES:
        width, height = -(-(frame.width - left) // across), -(-(frame.height - top) // down)
        total += (1 + (width * bits + 7) // 8) * height if width > 0 else 0
    return total


def _unpacked(lines: bytes, length: int) -> Bytes:
    """The lines, exactly ``length`` bytes, and their checksum right."""
    room = np.empty(length, np.uint8)
    if contain(lambda: len(deflate_decode(lines, out=room.data)), BROKEN_PNG) != length:
        raise DamagedImage(BROKEN_PNG)
    return room


def _stored_length(length: int) -> int:
    """Bytes of a zlib stream that holds so many in stored blocks."""
    return 2 + length + 5 * (1 + max(0, length - 1) // _BLOCK) + 4


def _store(lines: Bytes, check: bytes, stream: Bytes) -> None:
    """Writes lines and their Adler-32 into ``stream``, as a zlib stream of stored blocks (RFC 1950, RFC 1951 3.2.4)."""
    whole = max(0, lines.size - 1) // _BLOCK
    size = 5 + _BLOCK
    stream[:2] = 0x78, 0x01
    blocks = stream[2 : 2 + whole * size].reshape(whole, size)
    blocks[:, :5] = 0, 0xFF, 0xFF, 0, 0
    blocks[:, 5:] = lines[: whole * _BLOCK].reshape(whole, _BLOCK)
    last = lines[whole * _BLOCK :]
    end = 2 + whole * size
    stream[end : end + 5] = np.frombuffer(struct.pack("<BHH", 1, last.size, last.size ^ 0xFFFF), np.uint8)
    stream[end + 5 : -4] = last
    stream[-4:] = np.frombuffer(check, np.uint8)


def _check_count(lines: list[memoryview], length: int) -> None:
    """DamagedImage where the lines unpack to less or more than ``length`` bytes; holds a megabyte of them at a time."""

    def count() -> int:
        packer, total = zlib.decompressobj(), 0
        for piece in lines:
            rest: bytes | memoryview = piece
            while rest and total <= length:
                total += len(packer.decompress(rest, _STEP))
                rest = packer.unconsumed_tail
        while total <= length and (more := packer.decompress(b"", _STEP)):
            total += len(more)
        return total

    if contain(count, BROKEN_PNG) != length:
        raise DamagedImage(BROKEN_PNG)


def _orientation(exif: bytes) -> int:
    """The orientation that an EXIF block tells; 1, upright, where it cannot be read."""

    def convert() -> int:
        tags = Image.Exif()
        tags.load(b"Exif\0\0" + exif)
        return int(tags.get(_ORIENTATION, 1))

    try:
        told = contain(convert, BROKEN_PNG)
    except DamagedImage:
        return 1
    return told if 1 <= told <= 8 else 1
