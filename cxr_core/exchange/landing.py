"""Films on their way in: written to disk as they arrive, acknowledged when they are recorded.

In: bytes of one film, in pieces. Out: a row of the inbox, or nothing. A film that is cut short, too large or that the
disk has no place for leaves no trace; what a killed process left half-written is swept away by the next. Each process
has a folder of its own, held by a lock as long as it lives. Nothing here decodes a film.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cxr_core.errors import StoreError
from cxr_core.store import Store
from cxr_core.store.films import LOCK
from cxr_core.store.inbox import Origin, Received

try:
    import fcntl
except ImportError:  # Windows: one process receives there
    fcntl = None  # type: ignore[assignment]

_BUFFER = 1 << 20


class TooMuch(Exception):
    """More bytes than a film may have."""


@dataclass(slots=True, eq=False)
class _Pending:
    film: Received
    done: bool = False
    new: bool = False
    error: StoreError | None = None


class Landing:
    """The way in of one process. Films of several threads are recorded together: one write to the disk for all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        parent = store.landing()
        _sweep(parent)
        try:
            self._folder = Path(tempfile.mkdtemp(dir=parent))
            self._lock = _held(self._folder)
        except OSError as exc:
            raise StoreError(f"the data folder cannot be written ({exc.strerror})") from exc
        self._pending: list[_Pending] = []
        self._list, self._turn = threading.Lock(), threading.Lock()

    def close(self) -> None:
        """Give up what is half-written."""
        if self._lock:
            self._lock.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def film(self, limit: int) -> Piecewise:
        """A film of at most ``limit`` bytes that begins to arrive."""
        return Piecewise(self._folder, limit)

    def keep(self, film: Piecewise, *, instance: str, origin: Origin, sender: str, name: str) -> bool:
        """Record a film that is whole; whether it is new. When this returns it outlives a power cut.

        ``instance`` is what the sender calls it, of which a digest is kept; "{number}" in ``name`` becomes a number of
        its own. StoreError if it could not be kept: then it was not received.
        """
        received = Received(
            path=film.finish(), sha256=film.sha256, size=film.size, instance=digest(instance), origin=origin,
            sender=sender, name=name, received_at=datetime.now(UTC),
        )  # fmt: skip
        mine = _Pending(received)
        with self._list:
            self._pending.append(mine)
        with self._turn:
            if not mine.done:
                self._record()
        if mine.error or not mine.done:  # not done: the thread that recorded all ended in between
            raise mine.error or StoreError("a film could not be recorded; send it again")
        return mine.new

    def _record(self) -> None:
        """Record all that waits, in one transaction; the others find their work done."""
        with self._list:
            batch, self._pending = self._pending, []
        try:
            news = self._store.receive([item.film for item in batch])
            for item, new in zip(batch, news, strict=True):
                item.new = new
        except StoreError as exc:
            for item in batch:
                item.error = exc
                item.film.path.unlink(missing_ok=True)
        for item in batch:
            item.done = True


class Piecewise:
    """A film that arrives in pieces; its file is made with the first."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._stream: IO[bytes] | None = None
        self._path: Path | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of all that came."""
        return self._hash.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """Add a piece; TooMuch beyond the limit, OSError where the disk is full."""
        if self.size + len(data) > self._limit:
            raise TooMuch
        if self._stream is None:
            handle, name = tempfile.mkstemp(dir=self._folder)  # mkstemp's mode is 0600
            self._path, self._stream = Path(name), os.fdopen(handle, "wb", buffering=_BUFFER)
        self._stream.write(data)
        self._hash.update(data)
        self.size += len(data)

    def finish(self) -> Path:
        """Wait until all of it is on the disk; StoreError if that fails."""
        if self._stream is None or self._path is None:
            raise StoreError("nothing was received")
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
        except OSError as exc:
            self.discard()
            raise StoreError(f"a film could not be kept ({exc.strerror}); free space in the data folder") from exc
        return self._path

    def discard(self) -> None:
        """Forget it; no error if it was kept, or never began."""
        with suppress(OSError, ValueError):
            if self._stream:
                self._stream.close()
        with suppress(OSError):
            if self._path:
                self._path.unlink(missing_ok=True)


def digest(text: str) -> str:
    """What stands for an identifier where only equality matters."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _held(folder: Path) -> IO[bytes] | None:
    """The lock of a folder, taken; BlockingIOError if a living process has it."""
    lock = (folder / LOCK).open("wb")
    if fcntl:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise
    return lock


def _sweep(parent: Path) -> None:
    """Delete what killed processes left half-written: none of it was acknowledged."""
    for folder in parent.glob("*/"):
        with suppress(OSError):
            lock = _held(folder)
            shutil.rmtree(folder, ignore_errors=True)
            if lock:
                lock.close()
