"""Zip archives: good ones, and those that are cut, encrypted, bombs or liars; one outcome for all members.

Source: PKWARE APPNOTE 6.3 (local headers, central directory, end record).
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial

from cxr_core.corpus.row import Expected, Row, refused, screened
from cxr_core.corpus.samples import plain, plain_file

_DAMAGED, _UNSAFE = refused("damaged_image"), refused("unsafe_archive")


def rows() -> Iterator[Row]:
    """Archives that hold the film, then archives that must not be unpacked."""
    yield from _good()
    yield from _unsafe()
    yield from _damaged()


def _row(name: str, what: str, hard: str, expected: Expected, make: Callable[[], bytes]) -> Row:
    return Row(f"archives/{name}", what, hard, expected, make)


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def _one(name: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    return _zip((name, plain_file()), method=method)


def _film() -> bytes:
    return plain_file()


def _good() -> Iterator[Row]:
    same = screened(plain)
    yield _row("stored.zip", "a film, not packed", "method 0", same, lambda: _zip(("film.dcm", _film()), method=0))
    for name, method in (("deflate", zipfile.ZIP_DEFLATED), ("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        yield _row(
            f"{name}.zip",
            f"a film, {name}",
            "archivers choose",
            same,
            partial(_one, "film", method),
        )
    yield _row(
        "folders.zip",
        "films in folders, among system leftovers",
        "Thumbs.db, __MACOSX and DICOMDIR are noise",
        same,
        _leftovers,
    )
    yield _row("names-twice.zip", "two members of one name", "both are films", same, _twice)
    yield _row(
        "names-odd.zip",
        "names with spaces, dots and letters of the world",
        "a name is only shown",
        same,
        lambda: _zip(("Röntgen 胸部/CR 1.2.3", _film()), ("..film", _film())),
    )
    yield _row("comment.zip", "an archive with a comment of 60 kB", "the end record is searched for", same, _commented)
    yield _row(
        "named.dcm", "a zip archive called .dcm", "the bytes say what a file is", same, lambda: _zip(("film", _film()))
    )


def _leftovers() -> bytes:
    noise = (("Thumbs.db", b"x"), ("__MACOSX/._film.dcm", b"x"), ("DICOMDIR", b"x"), (".DS_Store", b"x"), ("A/", b""))
    return _zip(*noise, ("A/B/film.dcm", _film()), ("A/C/FILM", _film()))


def _twice() -> bytes:
    # Written under two names of one length, then renamed: zipfile warns of the same name twice.
    return _zip(("film1.dcm", _film()), ("film2.dcm", _film())).replace(b"film2.dcm", b"film1.dcm")


def _commented() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("film.dcm", _film())
        archive.comment = b"c" * 60_000
    return out.getvalue()


def _unsafe() -> Iterator[Row]:
    for name, path in (
        ("climbing", "../../film.dcm"),
        ("absolute", "/etc/film.dcm"),
        ("drive", "C:/film.dcm"),
        ("backslash", "..\\..\\film.dcm"),
    ):
        yield _row(
            f"{name}.zip",
            f"a member called {path}",
            "unpacked by name it would leave the folder",
            _UNSAFE,
            partial(_one, path),
        )
    yield _row("encrypted.zip", "an encrypted member", "no one can look into it", _UNSAFE, _encrypted)
    yield _row("link.zip", "a symbolic link as a member", "it leads elsewhere", _UNSAFE, _link)
    yield _row("bomb.zip", "100 MB of zeros in 100 kB", "a kilobyte becomes a gigabyte", _UNSAFE, _bomb)
    yield _row(
        "bomb-small.zip",
        "15 MB of zeros in 15 kB",
        "below every limit of size, and no film",
        _UNSAFE,
        partial(_bomb, 15),
    )
    yield _row(
        "nested.zip",
        "an archive in an archive",
        "bombs are nested",
        _UNSAFE,
        lambda: _zip(("inner.zip", _zip(("film", _film())))),
    )
    yield _row(
        "document.docx",
        "an office document",
        "a zip archive that holds no films",
        refused("not_an_image"),
        lambda: _zip(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>")),
    )


def _encrypted() -> bytes:
    data = bytearray(_zip(("film.dcm", _film())))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    return bytes(data)


def _link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("film.dcm")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/hostname")
    return out.getvalue()


def _bomb(megabytes: int = 100) -> bytes:
    """Written by hand, so that not all of it has to be packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    one = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = one * megabytes + packer.flush()
    return by_hand(b"film.dcm", packed, 0, megabytes * 1_000_000)


def by_hand(name: bytes, packed: bytes, checksum: int, unpacked: int) -> bytes:
    """An archive of one deflated member, whatever it announces."""
    facts = struct.pack("<HHHIII", 8, 0, 0, checksum, len(packed), unpacked)
    local = b"PK\x03\x04" + struct.pack("<HH", 20, 0) + facts + struct.pack("<HH", len(name), 0) + name
    entry = (
        b"PK\x01\x02"
        + struct.pack("<HHH", 20, 20, 0)
        + facts
        + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0)
        + name
    )
    at = len(local) + len(packed)
    return local + packed + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), at, 0)


def _damaged() -> Iterator[Row]:
    good = partial(_zip, ("film.dcm", _film()))
    yield _row(
        "cut.zip",
        "an archive cut in half",
        "the directory stands at the end",
        _DAMAGED,
        lambda: good()[: len(good()) // 2],
    )
    yield _row("empty.zip", "an archive without members", "nothing to screen", refused("empty_file"), _zip)
    yield _row("checksum.zip", "a member that does not fit its checksum", "a flipped bit", _DAMAGED, _flipped)
    yield _row(
        "size-lies.zip", "a member longer than it announces", "memory is set aside by that number", _DAMAGED, _longer
    )
    yield _row(
        "noise.zip",
        "a zip signature and noise",
        "only its start is an archive",
        _DAMAGED,
        lambda: b"PK\x03\x04" + bytes(range(256)) * 20,
    )
    yield _row(
        "directory-lies.zip",
        "a directory of 4,000,000,000 entries announced",
        "a directory is read as a whole",
        _UNSAFE,
        _huge_directory,
    )
    yield _row("method-unknown.zip", "a member packed by method 99", "no one unpacks it", _DAMAGED, _method)
    yield _row(
        "member-html.zip",
        "a page called .dcm in an archive",
        "a name is no format",
        refused("not_an_image"),
        lambda: _zip(("film.dcm", b"<html></html>")),
    )
    yield _row("member-empty.zip", "an empty member", "0 bytes", refused("empty_file"), lambda: _zip(("film.dcm", b"")))
    for name, start in (
        ("film.tar.gz", b"\x1f\x8b\x08\0"),
        ("film.7z", b"7z\xbc\xaf\x27\x1c"),
        ("film.rar", b"Rar!\x1a\x07\0"),
    ):
        yield _row(
            name,
            f"an archive of another kind ({name.split('.')[-1]})",
            "films come in zip archives",
            refused("not_an_image"),
            partial(bytes, start + bytes(200)),
        )


def _flipped() -> bytes:
    data = bytearray(_zip(("film.dcm", _film()), method=0))
    data[2000] ^= 1
    return bytes(data)


def _longer() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(_film()) + packer.flush()
    return by_hand(b"film.dcm", packed, zlib.crc32(_film()), 1000)


def _huge_directory() -> bytes:
    data = bytearray(_zip(("film.dcm", _film())))
    at = data.rindex(b"PK\x05\x06")
    data[at + 8 : at + 16] = struct.pack("<HHI", 0xFFFE, 0xFFFE, 0xFFFFFFF0)
    return bytes(data)


def _method() -> bytes:
    data = bytearray(_zip(("film.dcm", _film())))
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + at] = 99
    return bytes(data)
