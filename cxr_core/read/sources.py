"""Paths -> a stream of input files: single files, folders, zip archives met anywhere.

In: what a person named. Out: InputFile after InputFile, found lazily, loaded one at a time by the caller.
A file that cannot be opened refuses when it is loaded and the others go on. This module does not look at pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from cxr_core.errors import DamagedImage
from cxr_core.read.archive import ZIP_SIGNATURES, InputFile, is_noise, members, refused, too_large, too_many
from cxr_core.settings import Settings

__all__ = ["InputFile", "from_paths", "refused", "too_many"]


def from_paths(paths: Iterable[str | os.PathLike[str]], settings: Settings) -> Iterator[InputFile]:
    """Every file under the paths, folders in sorted order, archives expanded; named as the path was given."""
    for path in map(Path, paths):
        if path.is_dir():
            for found in _walk(path, frozenset()):
                yield from _from_file(found, settings)
        else:
            yield from _from_file(path, settings)


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Regular files below a folder, sorted; links to folders are followed unless they lead back to one above."""
    try:
        facts = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    here = (facts.st_dev, facts.st_ino)
    if here in above:
        return
    for entry in entries:
        if is_noise(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(entry, above | {here})
        elif entry.is_file() or entry.is_symlink():
            yield entry


def _from_file(path: Path, settings: Settings) -> Iterator[InputFile]:
    name = path.as_posix()
    try:
        # A pipe or a device would block for ever when opened.
        regular = path.is_file()
        with path.open("rb") if regular else nullcontext() as stream:
            start = stream.read(4) if stream else b""
    except OSError as exc:
        yield refused(name, _unreadable(type(exc).__name__))
        return
    if not regular:
        yield refused(name, _unreadable("no such file"))
    elif start in ZIP_SIGNATURES:
        yield from members(path, name, settings)
    else:
        yield InputFile(name, lambda: _load(path, settings))


def _load(path: Path, settings: Settings) -> bytes:
    limit = settings.max_file_mb * 1_000_000
    try:
        # The size first: asking for one byte more than the limit would set that much memory aside.
        data = path.read_bytes() if path.stat().st_size <= limit else None
    except OSError as exc:
        raise _unreadable(type(exc).__name__) from exc
    if data is None or len(data) > limit:
        raise too_large(settings)
    return data


def _unreadable(reason: str) -> DamagedImage:
    return DamagedImage(f"The file could not be opened ({reason}). Check that it exists and that you may read it.")
