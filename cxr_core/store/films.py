"""Films as files: the bytes as received, under their SHA-256, written whole or not at all.

    <data_dir>/films/ab/ab12...      the bytes
    <data_dir>/cache/ab/ab12....kind what can be made again from them (thumbnails)
    <data_dir>/landing/*/            films on their way in from other systems, a folder a process
    <data_dir>/exports/              bundles made for a download

Files and folders are private to the user who runs the app: a chest film is health data. This module knows no database.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from cxr_core.errors import StoreError

LOCK = "lock"
"""What a process calls the lock of its landing folder."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z0-9][a-z0-9_.-]{0,40}")


class Films:
    """The film folder of one data folder; safe for threads and for several processes."""

    def __init__(self, data_dir: Path) -> None:
        self._films = data_dir / "films"
        self._cache = data_dir / "cache"
        self._landing = data_dir / "landing"
        self._exports = data_dir / "exports"
        try:
            for folder in (data_dir, self._films, self._cache):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"the data folder cannot be used ({exc.strerror}); set CXR_DATA_DIR to another") from exc

    def add(self, data: bytes) -> str:
        """Keep the bytes; returns their SHA-256. The same bytes again change nothing."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(self._films, sha256)
        try:
            if path.exists() and path.read_bytes() == data:
                os.utime(path)  # it is in use again; see unnamed
            else:  # a film damaged on disk is mended by sending it again
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _write_whole(path, data)
        except OSError as exc:
            raise StoreError(f"a film could not be kept ({exc.strerror}); free space in the data folder") from exc
        return sha256

    def has(self, sha256: str) -> bool:
        """Whether a film of that name is here, whatever it holds."""
        return self._path(self._films, sha256).is_file()

    def landing(self) -> Path:
        """The folder in which a film is written before it is adopted; on the same disk."""
        try:
            self._landing.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"the data folder cannot be written ({exc.strerror})") from exc
        return self._landing

    def adopt(self, films: Iterable[tuple[Path, str]]) -> None:
        """Move files of the landing folder, written through to the disk, to their place; each with its SHA-256."""
        folders: set[Path] = set()
        try:
            for path, sha256 in films:
                place = self._path(self._films, sha256)
                if not place.parent.is_dir():
                    place.parent.mkdir(mode=0o700, exist_ok=True)
                    folders.add(self._films)
                path.replace(place)
                folders.add(place.parent)
            for folder in folders:
                _write_through(folder)
        except OSError as exc:
            raise StoreError(f"a film could not be kept ({exc.strerror}); free space in the data folder") from exc

    def get(self, sha256: str) -> bytes:
        """The bytes; StoreError if they are not kept or no longer what they were."""
        try:
            data = self._path(self._films, sha256).read_bytes()
        except FileNotFoundError as exc:
            raise StoreError("this film is not in the data folder; send it again") from exc
        except OSError as exc:
            raise StoreError(f"a film could not be read ({exc.strerror})") from exc
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError("this film was damaged in the data folder; send it again")
        return data

    def cache_path(self, sha256: str, kind: str) -> Path:
        """Where a derived file of ``kind`` ("thumb.png") belongs; its folder exists, the file perhaps not."""
        if not _KIND.fullmatch(kind):
            raise StoreError(f"a kind of derived file is a short name such as thumb.png, got {kind!r}")
        path = self._path(self._cache, sha256)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"the data folder cannot be written ({exc.strerror})") from exc
        return path.with_name(f"{sha256}.{kind}")

    def remove(self, sha256: str) -> None:
        """Forget the bytes and all that was made from them; no error if there are none."""
        try:
            self._path(self._films, sha256).unlink(missing_ok=True)
            self.forget_derived(sha256)
        except OSError as exc:
            raise StoreError(f"a film could not be removed ({exc.strerror})") from exc

    def unnamed(self, known: Collection[str], before: float) -> Iterator[str]:
        """Films that are not among ``known`` and were last sent before a time (seconds since 1970)."""
        try:
            for path in self._films.glob("*/*"):
                if _SHA256.fullmatch(path.name) and path.name not in known and path.stat().st_mtime < before:
                    yield path.name
        except OSError as exc:
            raise StoreError(f"the films could not be listed ({exc.strerror})") from exc

    def leftovers(self, before: float) -> Iterator[Path]:
        """Files of bundles that were made for a download, and of films half received, untouched since a time."""
        try:
            for path in (*self._exports.glob("*"), *self._landing.glob("*/*")):
                # A process that takes films in holds the lock of its folder as long as it lives.
                if path.name != LOCK and path.is_file() and path.stat().st_mtime < before:
                    yield path
        except OSError as exc:
            raise StoreError(f"the data folder could not be listed ({exc.strerror})") from exc

    def forget_leftovers(self, before: float) -> None:
        """Delete them; one that is in use on Windows stays until the next time."""
        _delete(self.leftovers(before))

    def forget_exports(self) -> None:
        """Delete every bundle that was made for a download: any of them may hold a patient who is erased."""
        _delete(self._exports.glob("*"))

    def forget_derived(self, sha256: str) -> None:
        """Forget all that was made from the bytes; it is made anew when it is asked for."""
        for derived in self._path(self._cache, sha256).parent.glob(f"{sha256}.*"):
            derived.unlink(missing_ok=True)

    @staticmethod
    def _path(root: Path, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise StoreError("a film is named by its SHA-256: 64 hexadecimal digits in lower case")
        return root / sha256[:2] / sha256


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _write_whole(path: Path, data: bytes) -> None:
    """A reader sees the old file or the whole new one, also after a power cut: temp file, fsync, rename, fsync."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")  # mkstemp's mode is 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _write_through(path.parent)


def _write_through(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows cannot open a folder, and renames through its own journal
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
