"""A bundle under way: made in a thread of its own, so that the page goes on; counted, and stopped when asked to.

In: what writes it and where. Out: a Bundling that a page looks at. It knows no session and draws nothing.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from cxr_core.errors import CxrError

_AN_HOUR = 3600.0

Write = Callable[[BinaryIO, Callable[[int], None]], str]
"""Writes a bundle, tells how many films are done, gives what is in it in words."""


class _Stopped(Exception):
    """Somebody said that it is no longer wanted."""


class Bundling:
    """One bundle; ``path`` is set once it is whole, ``error`` where it failed."""

    def __init__(self, write: Write, folder: Path, films: int) -> None:
        self.films = films
        self.done = 0
        self.said = ""
        self.error = ""
        self.path: Path | None = None
        self._folder = folder
        self._write = write
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bundle", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still being made."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it; what was written goes."""
        self._stop.set()

    def wait(self) -> None:
        """Until it has ended, one way or the other."""
        self._thread.join()

    def _run(self) -> None:
        path: Path | None = None
        try:
            forget_old(self._folder)
            handle, name = tempfile.mkstemp(dir=self._folder, prefix="bundle-", suffix=".zip")
            path = Path(name)
            with os.fdopen(handle, "wb") as stream:
                self.said = self._write(stream, self._count)
            self.path, path = path, None
        except _Stopped:
            self.error = "It was stopped."
        except (CxrError, OSError) as exc:
            self.error = f"The bundle could not be made: {exc}. Nothing of it is left."
        finally:
            if path is not None:
                path.unlink(missing_ok=True)

    def _count(self, done: int) -> None:
        self.done = done
        if self._stop.is_set():
            raise _Stopped


def forget_old(folder: Path) -> None:
    """Bundles of an hour ago were sent or will never be."""
    for path in folder.glob("bundle-*.zip"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _AN_HOUR:
                path.unlink()
