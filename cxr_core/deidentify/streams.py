"""PNG and JPEG streams without what is written beside the picture: text, EXIF, profiles, comments, trailing bytes.

In: a stream's bytes. Out: the same pixels, bit for bit, and nothing else but the orientation, without which a film
would lie on its side. DamagedImage where the stream cannot be followed. Sources: ISO/IEC 15948 (PNG), ITU-T T.81 annex
B (JPEG, JPEG-LS), T.800 annex A (JPEG 2000), CIPA DC-008 (EXIF).
"""

from __future__ import annotations

import struct
import zlib

from cxr_core.errors import DamagedImage

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
JPEG_2000 = b"\xff\x4f\xff\x51"

_PICTURE_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"gAMA", b"sBIT"))
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_START, _END, _SCAN, _COMMENT, _EXIF = 0xD8, 0xD9, 0xDA, 0xFE, 0xE1
# APP0 (JFIF), APP8 (SPIFF, colour of JPEG-LS) and APP14 (Adobe: colour) say how to read the samples.
_KEPT_APPS, _APPS = frozenset((0xE0, 0xE8, 0xEE)), range(0xE0, 0xF0)
_LONGEST_APP = 64  # JFIF may carry a thumbnail, which is a picture of the film with all its marks
_J2K_COMMENT, _J2K_TILE = 0x64, 0x90
_ORIENTATION = 0x0112
_BROKEN = "The picture is damaged or cut short, so what is written in it cannot be found. Export it again."


def bare_png(data: bytes) -> bytes:
    """A PNG with its picture alone, and its orientation."""
    kept, at = [PNG], len(PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            break
        if kind == b"IEND":
            return b"".join([*kept, data[at:end]])
        if kind in _PICTURE_CHUNKS:
            kept.append(data[at:end])
        elif kind == b"eXIf":
            kept.append(_chunk(b"eXIf", _upright_exif(data[at + 8 : end - 4])))
        at = end
    raise DamagedImage(_BROKEN)


def bare_jpeg(data: bytes) -> bytes:
    """A JPEG or JPEG-LS stream without comments and application segments, but for those that tell its colours."""
    kept, at = [data[:2]], 2
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == _END:
            return b"".join([*kept, data[at : at + 2]])
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            break
        kept.append(_segment(marker, data[at:end]))
        if marker == _SCAN:
            at, end = end, _scan_end(data, end)
            kept.append(data[at:end])
        at = end
    raise DamagedImage(_BROKEN)


def bare_jpeg_2000(data: bytes) -> bytes:
    """A JPEG 2000 codestream without the comments of its main header (A.9.2)."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == _J2K_TILE:
            return b"".join([*kept, data[at:]])
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != _J2K_COMMENT:
            kept.append(data[at:end])
        at = end
    raise DamagedImage(_BROKEN)


def _segment(marker: int, segment: bytes) -> bytes:
    """A marker segment as it may be kept; EXIF shrinks to its orientation."""
    if marker == _EXIF and segment[4:10] == b"Exif\0\0":
        exif = b"Exif\0\0" + _upright_exif(segment[10:])
        return struct.pack(">BBH", 0xFF, _EXIF, 2 + len(exif)) + exif
    if marker == _COMMENT or (marker in _APPS and (marker not in _KEPT_APPS or len(segment) > _LONGEST_APP)):
        return b""
    return segment


def _scan_end(data: bytes, at: int) -> int:
    """Where the entropy-coded bytes end: at the next marker that is neither stuffing nor a restart.

    In JPEG-LS a marker's second byte has its highest bit set (T.87 C.1); in JPEG none other follows FF in a scan.
    """
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise DamagedImage(_BROKEN)
        following = data[at + 1]
        if following >= 0x80 and following != 0xFF and following not in _STANDALONE:
            return at
        at += 1


def _upright_exif(exif: bytes) -> bytes:
    """A block that holds the orientation of another and nothing else."""
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHHI", _ORIENTATION, 3, 1, _orientation(exif), 0, 0)


def _orientation(exif: bytes) -> int:
    """The orientation in the first directory; 1 (upright) where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 10:
        return 1
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    if at + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
        if tag == _ORIENTATION:
            return value if 1 <= value <= 8 else 1
    return 1


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
