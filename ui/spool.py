"""The folder of one upload: its files under numbers, their names and their time of arrival beside them.

In: bytes and names as a person sent them. Out: input files, now or after the server was started again. A folder is held
by a lock as long as its process lives, so that a second process does not take it for left over.
This module knows nothing of Streamlit.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cxr_core.errors import StoreError
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.settings import Settings

try:
    import fcntl
except ImportError:  # Windows: one process serves a data folder there
    fcntl = None  # type: ignore[assignment]

_NAMES, _LOCK = "names.json", "lock"
_FOLDER = "incoming"


@dataclass(slots=True, eq=False)
class Spool:
    """What one upload brought. ``names`` are shown and never become paths; ``starts`` counts the runs begun over it."""

    folder: Path
    received_at: datetime
    names: list[str] = field(default_factory=list)
    starts: int = 0
    _lock: IO[bytes] | None = None

    @classmethod
    def new(cls, data_dir: Path) -> Spool:
        """An empty one, private to this user; StoreError if the disk has no place for it."""
        try:
            parent = data_dir / _FOLDER
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = cls(Path(tempfile.mkdtemp(dir=parent)), datetime.now(UTC))
            made._hold()
        except OSError as exc:
            raise StoreError(_full(exc)) from exc
        return made

    def add(self, name: str, data: bytes | memoryview) -> None:
        """Write one file; StoreError if that fails."""
        try:
            self._path(len(self.names)).write_bytes(data)
        except OSError as exc:
            raise StoreError(_full(exc)) from exc
        self.names.append(name)

    def begin(self) -> None:
        """Say that it is whole and that a run over it begins: from now on it outlives a crash."""
        self.starts += 1
        told = {"received_at": self.received_at.isoformat(), "names": self.names, "starts": self.starts}
        try:
            part = self.folder / f"{_NAMES}.part"
            part.write_text(json.dumps(told), encoding="utf-8")
            part.replace(self.folder / _NAMES)
        except OSError as exc:
            raise StoreError(_full(exc)) from exc

    def inputs(self, settings: Settings) -> Iterator[InputFile]:
        """The files, archives expanded, named as they were sent."""
        for number, name in enumerate(self.names):
            path = self._path(number)
            for item in from_paths([path], settings):
                yield replace(item, name=name + item.name.removeprefix(path.as_posix()))

    def release(self) -> None:
        """Let go of it and leave it on disk for the next start."""
        if self._lock:
            self._lock.close()
        self._lock = None

    def discard(self) -> None:
        """Delete it: all of it stands in the store, or its person was told to send it again."""
        self.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}"

    def _hold(self) -> bool:
        """Take the lock; False if another process has it."""
        lock = (self.folder / _LOCK).open("wb")
        if fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
        self._lock = lock
        return True


def left_over(data_dir: Path) -> Iterator[Spool]:
    """Uploads whose run a crash, a power cut or an error ended, oldest first; half-sent ones are deleted."""
    found = []
    for folder in (data_dir / _FOLDER).glob("*/"):
        spool = Spool(folder, datetime.now(UTC))
        with suppress(OSError):
            if not spool._hold():
                continue
            if _told(spool):
                found.append(spool)
            else:
                spool.discard()
    yield from sorted(found, key=lambda spool: spool.received_at)


def _told(spool: Spool) -> bool:
    """Read back what ``begin`` wrote; False if it wrote nothing: then the upload was never complete."""
    try:
        told = json.loads((spool.folder / _NAMES).read_text(encoding="utf-8"))
        spool.received_at = datetime.fromisoformat(told["received_at"])
        spool.names, spool.starts = [str(name) for name in told["names"]], int(told["starts"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    return True


def _full(exc: OSError) -> str:
    return (
        f"the upload could not be kept ({exc.strerror}) and nothing of it was screened; "
        "free space in the data folder, then send all its files again"
    )
