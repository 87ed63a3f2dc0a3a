"""What the listener takes: SOP classes of films and the encodings that the reader decodes; the head of a DICOM file.

Sources: PS3.4 table B.5-1 (storage classes), PS3.5 10 (transfer syntaxes), PS3.10 7.1 (file meta information).
"""

from __future__ import annotations

VERIFICATION = "1.2.840.10008.1.1"

FILM_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray Radiofluoroscopic: some rooms store their chest films so
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture, and its multi-frame kinds
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.7.4",
)

TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",  # explicit little endian: first, so that it is chosen among the uncompressed
    "1.2.840.10008.1.2",  # implicit little endian
    "1.2.840.10008.1.2.2",  # explicit big endian
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.51",  # JPEG extended; 12 bits are kept and refused on the worklist, with the reason
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.201",  # HTJ2K lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K lossless, RPCL
    "1.2.840.10008.1.2.4.203",  # HTJ2K
    "1.2.840.10008.1.2.5",  # RLE
)

IMPLEMENTATION = "2.25.306452083925470210093287166031962283581"
"""Ours; a UUID as a UID (PS3.5 B.2)."""


def file_head(sop_class: str, instance: str, transfer_syntax: str) -> bytes:
    """Preamble and file meta information before a data set as received: the same for the same film at all times."""
    entries = b"".join((
        _element(0x01, b"OB", b"\0\1"),
        _element(0x02, b"UI", _uid(sop_class)),
        _element(0x03, b"UI", _uid(instance)),
        _element(0x10, b"UI", _uid(transfer_syntax)),
        _element(0x12, b"UI", _uid(IMPLEMENTATION)),
        _element(0x13, b"SH", b"CXR_SCREENING "),
    ))  # fmt: skip
    return bytes(128) + b"DICM" + _element(0x00, b"UL", len(entries).to_bytes(4, "little")) + entries


def _element(number: int, kind: bytes, value: bytes) -> bytes:
    """An element of group 2, explicit little endian (PS3.5 7.1.2)."""
    length = bytes(2) + len(value).to_bytes(4, "little") if kind == b"OB" else len(value).to_bytes(2, "little")
    return b"\x02\0" + bytes((number, 0)) + kind + length + value


def _uid(text: str) -> bytes:
    """Padded to an even length with a null (PS3.5 9.1)."""
    value = text.encode("ascii", "replace")[:1024]
    return value + bytes(len(value) % 2)
