"""A zip archive -> its members as input files, each unpacked only when it is loaded.

A member that must not be unpacked becomes an input file that refuses when loaded; the others go on. Bounds: bytes of a
member, bytes of all members together, number of members, ratio of unpacked to packed. Nothing is written to disk, so
a climbing path could do no harm here; it is refused because such an archive is not one that a hospital made.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cxr_core.errors import DamagedImage, EmptyFile, NotAnImage, Refusal, TooLarge, TooMany, UnsafeArchive
from cxr_core.read.quiet import contain
from cxr_core.settings import Settings

ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")

_ARCHIVES = (
    *ZIP_SIGNATURES,
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a",
    b"\x28\xb5\x2f\xfd",
)
# An end record of an archive is 22 bytes and a comment; the wide one and its locator, 56 and 20, stand before it.
_END_BYTES, _END64_BYTES = 22, 76
# A directory is read into memory as a whole: so many times the films taken at once, so many bytes each.
_MOST_ENTRIES, _ENTRY_BYTES = 20, 400
_ENCRYPTED = 0x1
# Deflate reaches at most 1032:1, on empty data. Films reach 2 to 5, mostly black ones perhaps 50.
_MAX_RATIO = 200
_RATIO_MATTERS = 10_000_000
_OFFICE = ("[Content_Types].xml", "META-INF/MANIFEST.MF", "mimetype")
_BROKEN = "The archive is damaged or cut short, or this member of it is. Make the archive again from the originals."


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input before reading: the name shown to people, and its bytes on demand. ``load`` raises Refusal."""

    name: str
    load: Callable[[], bytes]


def refused(name: str, refusal: Refusal) -> InputFile:
    """An input file that refuses when loaded."""

    def load() -> bytes:
        raise refusal.with_traceback(None)

    return InputFile(name, load)


def is_noise(path: str) -> bool:
    """Files that no one meant to send: hidden ones, system leftovers, DICOM directories."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    leaf = parts[-1].lower() if parts else ""
    return hidden or "__MACOSX" in parts or leaf in ("thumbs.db", "desktop.ini", "dicomdir")


def members(path: Path, name: str, settings: Settings) -> Iterator[InputFile]:
    """The members of the zip archive at ``path``, in the archive's order; noise is passed over.

    The file is closed again once its directory is read: a listing of a thousand archives holds none open.
    """
    try:
        infos = contain(lambda: _directory(path, settings), _BROKEN)
    except Refusal as refusal:
        yield refused(name, refusal)
        return
    # By hand: ZipInfo.is_dir fails on a member without a name.
    files = [info for info in infos if not info.filename.endswith("/") and not is_noise(info.filename)]
    if any(info.filename in _OFFICE for info in infos):
        yield refused(name, NotAnImage("The file is a document or a program, not an archive of films. Send the films."))
        return
    if not files:
        yield refused(name, EmptyFile("The archive holds no files. Make it again with the films in it."))
        return
    archive, unpacked = _Archive(path, files[-1]), 0
    for number, info in enumerate(files):
        shown = f"{name}/{safe_name(info.filename)}"
        if number >= settings.max_files:
            yield refused(shown, too_many(settings))
            continue
        unpacked += info.file_size
        yield _member(archive, info, shown, unpacked, settings)


class _Archive:
    """An archive that is open from the first member that is unpacked to the last; members are unpacked in order."""

    def __init__(self, path: Path, last: zipfile.ZipInfo) -> None:
        self._path, self._last = path, last
        self._zip: zipfile.ZipFile | None = None

    def unpack(self, info: zipfile.ZipInfo) -> bytes:
        """A member's bytes, at most one more than its entry declares."""
        if self._zip is None:
            self._zip = zipfile.ZipFile(self._path)
        try:
            with self._zip.open(info) as member:
                return member.read(info.file_size + 1)
        finally:
            if info is self._last:
                self._zip.close()
                self._zip = None


def _directory(path: Path, settings: Settings) -> list[zipfile.ZipInfo]:
    """What the archive holds; UnsafeArchive by its end record alone where reading that would take too much."""
    most = _MOST_ENTRIES * settings.max_files
    with path.open("rb") as stream:
        count, size = _end_record(stream)
        if count > most or size > most * _ENTRY_BYTES:
            raise UnsafeArchive(
                f"The archive's directory lists {count} files ({size} bytes), far more than the {settings.max_files} "
                "taken at once. Send smaller archives."
            )
        with zipfile.ZipFile(stream) as archive:
            return archive.infolist()


def _end_record(stream: BinaryIO) -> tuple[int, int]:
    """Number of entries and bytes of the directory (APPNOTE 4.3.14 and 4.3.16); zeros where there is no end record."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - _END_BYTES - 0xFFFF - _END64_BYTES))
    tail = stream.read()
    plain = tail[-_END_BYTES:].startswith(b"PK\5\6") and tail.endswith(b"\0\0")
    at = len(tail) - _END_BYTES if plain else tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + _END_BYTES:
        return 0, 0
    count, size = struct.unpack("<HI", tail[at + 10 : at + 16])
    wide = tail.rfind(b"PK\6\6", 0, at)
    if wide >= 0 and at - wide >= 56:
        more = struct.unpack("<QQ", tail[wide + 32 : wide + 48])
        return max(count % 0xFFFF, more[0]), max(size % 0xFFFFFFFF, more[1])
    return count, size


def safe_name(path: str) -> str:
    """A member's path without climbing parts, drive letters or control characters, to be shown."""
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", "", path).replace("\\", "/")
    parts = [part for part in re.sub(r"^[A-Za-z]:", "", plain).split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "unnamed"


def too_many(settings: Settings) -> TooMany:
    """The refusal of a file beyond the number taken at once."""
    return TooMany(
        f"At most {settings.max_files} films are taken at once, and this one came after them. "
        "Send it in another upload or archive, or raise CXR_MAX_FILES."
    )


def _member(archive: _Archive, info: zipfile.ZipInfo, name: str, unpacked: int, settings: Settings) -> InputFile:
    danger = _danger(info)
    if danger:
        return refused(name, UnsafeArchive(f"The member {danger}, so it was not unpacked. Send the film itself."))
    if info.file_size > settings.max_file_mb * 1_000_000:
        return refused(name, too_large(settings))
    if unpacked > settings.max_upload_mb * 1_000_000:
        return refused(
            name,
            UnsafeArchive(
                f"The archive unpacks to more than {settings.max_upload_mb} MB; this member lies beyond that. "
                "Send it in another archive, or raise CXR_MAX_UPLOAD_MB."
            ),
        )
    return InputFile(name, lambda: _unpack(archive, info))


def _danger(info: zipfile.ZipInfo) -> str | None:
    """Why a member must not be unpacked, judged by its directory entry alone."""
    path = info.orig_filename.replace("\\", "/")
    if path.startswith("/") or re.match(r"^[A-Za-z]:", path) or ".." in path.split("/") or "\0" in path:
        return "has a path that leads out of the archive"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.file_size > _RATIO_MATTERS and info.file_size > _MAX_RATIO * max(info.compress_size, 1):
        return "unpacks to far more than a film could (a bomb)"
    return None


def _unpack(archive: _Archive, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes, never more than its entry declares; a mismatch or a nested archive is refused."""
    data = contain(lambda: archive.unpack(info), _BROKEN)
    if len(data) != info.file_size:
        raise DamagedImage(_BROKEN)
    if data.startswith(_ARCHIVES) or data[257:262] == b"ustar":
        raise UnsafeArchive("The member is itself an archive. Unpack it first, then send its films.")
    return data


def too_large(settings: Settings) -> TooLarge:
    """The refusal of a file or an archive above its limit."""
    return TooLarge(
        f"The file is larger than allowed ({settings.max_file_mb} MB; an archive {settings.max_upload_mb} MB). "
        "Send the film alone or in smaller archives, or raise CXR_MAX_FILE_MB or CXR_MAX_UPLOAD_MB."
    )
