"""One frame of RLE Lossless (PS3.5 annex G) -> stored whole numbers, within bounds.

The package's own frame decoder aborts on segments that unpack to too much, and a segment can unpack to 64 times its
size. So the segments are bounded here, each is unpacked by the package, and the planes are put together with numpy.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
from rle.rle import decode_segment

from cxr_core.errors import DamagedImage
from cxr_core.read.grey import Stored

_HEADER = struct.Struct("<16I")
_GROWTH = 64
_SAFE_BYTES = 1 << 30
_BROKEN = "The DICOM file's run-length coded pixels are damaged or cut short. Export it again from its source."


def decode_rle(stream: bytes, shape: tuple[int, int], samples: int, allocated: int) -> Stored:
    """(H, W) or (H, W, 3), unsigned, of 8 or 16 bits; DamagedImage where the segments do not make up the frame."""
    planes = [_unpacked(segment, shape) for segment in _segments(stream, samples * allocated // 8)]
    if allocated == 16:
        # A composite pixel's most significant byte comes first (G.2).
        pairs = zip(planes[::2], planes[1::2], strict=True)
        words = [np.asarray(high.astype(np.uint16) << 8 | low, np.uint16) for high, low in pairs]
        return words[0] if samples == 1 else np.stack(words, axis=-1)
    return planes[0] if samples == 1 else np.stack(planes, axis=-1)


def _segments(stream: bytes, expected: int) -> list[bytes]:
    """The segments by the header's offsets (G.5)."""
    if len(stream) < _HEADER.size:
        raise DamagedImage(_BROKEN)
    count, *offsets = _HEADER.unpack_from(stream)
    ends = [*offsets[1:count], len(stream)]
    rising = all(start < end for start, end in zip(offsets[:count], ends, strict=False))
    if count != expected or count > 15 or not rising or offsets[0] < _HEADER.size or ends[-1] > len(stream):
        raise DamagedImage(_BROKEN)
    return [stream[start:end] for start, end in zip(offsets[:count], ends, strict=True)]


def _unpacked(segment: bytes, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """One byte plane; what a segment holds beyond it is padding."""
    size = shape[0] * shape[1]
    if len(segment) * _GROWTH > _SAFE_BYTES and _length(segment) > size + 128:
        raise DamagedImage(_BROKEN)
    plane = np.frombuffer(decode_segment(segment), np.uint8)
    if plane.size < size:
        raise DamagedImage(_BROKEN)
    return plane[:size].reshape(shape)


def _length(segment: bytes) -> int:
    """How many bytes a segment unpacks to (G.3), counted without unpacking; slow, so only asked of huge ones."""
    at, length = 0, 0
    while at < len(segment):
        head = segment[at]
        length += head + 1 if head < 128 else 257 - head if head > 128 else 0
        at += head + 2 if head < 128 else 2 if head > 128 else 1
    return length
