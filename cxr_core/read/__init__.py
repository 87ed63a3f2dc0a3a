"""Bytes -> Radiograph. In: a file's bytes and its name. Out: a Radiograph, or a Refusal that says why not.

The reader is chosen by the bytes themselves, never by the file's name: hospital exports often have no extension or the
wrong one. This stage does not know whether the film shows a chest, and nothing of models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from cxr_core.errors import EmptyFile, NotAnImage, Refusal
from cxr_core.read.bitmap import TIFF_SIGNATURES, looks_like_bmp, read_bmp, read_tiff
from cxr_core.read.dicom import identify as identify_dicom
from cxr_core.read.dicom import looks_like_dicom, read_dicom
from cxr_core.read.picture import JPEG_SIGNATURE, read_jpeg, read_png
from cxr_core.read.png import PNG_SIGNATURE
from cxr_core.read.quiet import contain
from cxr_core.records import Identity, Radiograph
from cxr_core.settings import Settings

__all__ = ["READERS", "digest", "identify", "read"]

Reader = Callable[[bytes, str, str, Settings], Radiograph]
Test = Callable[[bytes], bool]

READERS: Mapping[str, tuple[Test, Reader]] = MappingProxyType(
    {
        "png": (lambda data: data.startswith(PNG_SIGNATURE), read_png),
        "jpeg": (lambda data: data.startswith(JPEG_SIGNATURE), read_jpeg),
        "dicom": (looks_like_dicom, read_dicom),
        "tiff": (lambda data: data.startswith(TIFF_SIGNATURES), read_tiff),
        "bmp": (looks_like_bmp, read_bmp),
    }
)
"""Format -> (does the file begin like it, its reader); asked in this order."""

_BROKEN = "The file cannot be read as a film. Export it again from its source."

_OTHERS: Mapping[bytes, str] = MappingProxyType(
    {
        b"%PDF": "a PDF document",
        b"GIF8": "a GIF picture",
        b"PK\x03\x04": "a zip archive",
        b"PK\x05\x06": "an empty zip archive",
        b"\x1f\x8b": "a gzip archive",
        b"7z\xbc\xaf\x27\x1c": "a 7z archive",
        b"Rar!": "a RAR archive",
        b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
        b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    }
)


def read(data: bytes, name: str, settings: Settings, sha256: str | None = None) -> Radiograph:
    """The film in ``data``; raises Refusal with a stable code. ``name`` is only carried along.

    ``sha256`` is the digest of the data, where the caller has it already.
    """
    if not data:
        raise EmptyFile("The file is empty (0 bytes). Copy or export it again from its source.")
    for belongs, reader in READERS.values():
        if belongs(data):
            return contain(partial(reader, data, name, sha256 or digest(data), settings), _BROKEN)
    found = next((kind for start, kind in _OTHERS.items() if data.startswith(start)), "not a picture in a known format")
    raise NotAnImage(
        f"The file is {found}. Send the film as DICOM, PNG, JPEG, TIFF or BMP; its name and extension do not matter."
    )


def identify(data: bytes, settings: Settings) -> Identity | None:
    """Whose film the file is, where it is a DICOM file and says so, also if the film itself cannot be read."""
    if not looks_like_dicom(data):
        return None
    try:
        return identify_dicom(data, settings)
    except Refusal:
        return None


def digest(data: bytes) -> str:
    """Hex SHA-256 of the bytes as received."""
    return hashlib.sha256(data).hexdigest()
