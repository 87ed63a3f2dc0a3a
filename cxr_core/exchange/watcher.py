"""A watched folder: every film that is put there goes into the inbox, once, when it is complete.

In: files, and archives of them, at any depth. Out: films in the inbox; a file that cannot be opened stands in the lane
of refused ones. Nothing in the folder is moved, changed or locked; what was taken is remembered by a digest of its
path, its size and its time of change, also after a restart. A file counts as complete when it has not changed for a
while; one that goes on growing later is taken again. This module knows no model.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

from cxr_core import read
from cxr_core.errors import Refusal, SettingsError, StoreError
from cxr_core.exchange.landing import Landing, digest
from cxr_core.read.archive import is_noise
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.records import Notice, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store

_log = logging.getLogger(__name__)

UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload")
"""How programs name what they are still writing."""

_LOOK_SECONDS, _SWEEP_SECONDS = 0.25, 60.0


@dataclass(slots=True)
class _Seen:
    size: int
    changed_ns: int
    since: float


class Watcher(FileSystemEventHandler):
    """Watches one folder. ``settle``: seconds without a change after which a file is complete.

    ``polling`` looks at the folder itself instead of waiting to be told: for network drives, which tell nothing.
    """

    def __init__(  # noqa: PLR0913 - what it stands on and its two knobs
        self,
        folder: Path,
        store: Store,
        settings: Settings,
        *,
        settle: float = 2.0,
        polling: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not folder.is_dir():
            raise SettingsError("the folder to watch is not there, or is no folder")
        self._folder, self._store, self._settings = folder.resolve(), store, settings
        self._settle, self._clock = settle, clock
        self._landing = Landing(store)
        self._observer = PollingObserver(timeout=2) if polling else Observer()
        self._pending: dict[Path, _Seen | None] = {}
        self._lock = threading.Lock()
        self._taken, self._refused = 0, 0

    def facts(self) -> Mapping[str, Any]:
        """What the Connections page shows."""
        return {"taken": self._taken, "refused": self._refused, "pending": len(self._pending)}

    def run(self, stop: Callable[[], bool]) -> None:
        """Watch until ``stop`` says so."""
        self._observer.schedule(self, str(self._folder), recursive=True)
        self._observer.start()
        swept = float("-inf")
        try:
            while not stop():
                if self._clock() - swept > _SWEEP_SECONDS:  # the system may have dropped events, or we were not there
                    self.sweep()
                    swept = self._clock()
                self.look()
                time.sleep(_LOOK_SECONDS)
        finally:
            self._observer.stop()
            self._observer.join()
            self._landing.close()

    def close(self) -> None:
        """Give up a watcher that was never run."""
        self._landing.close()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Something happened to a file: look at it later."""
        for name in (event.src_path, event.dest_path):
            if name and not event.is_directory and event.event_type not in ("deleted", "opened", "closed_no_write"):
                self._note(Path(str(name)))

    def sweep(self) -> None:
        """Look at every file of the folder."""
        for path in self._folder.rglob("*"):
            if path.is_file():
                self._note(path)

    def look(self) -> None:
        """Take the files that have come to rest."""
        with self._lock:
            waiting = list(self._pending.items())
        for path, before in waiting:
            now = self._state(path)
            if now is None or self._known(path, now):
                self._forget(path)
            elif before is None or (before.size, before.changed_ns) != (now.size, now.changed_ns):
                with self._lock:
                    self._pending[path] = now
            elif now.since - before.since >= self._settle:
                self._take(path, now)
                self._forget(path)

    def _note(self, path: Path) -> None:
        name = path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else path.name
        if is_noise(name) or path.suffix.lower() in UNFINISHED:
            return
        with self._lock:
            self._pending.setdefault(path, None)

    def _forget(self, path: Path) -> None:
        with self._lock:
            self._pending.pop(path, None)

    def _state(self, path: Path) -> _Seen | None:
        """As it is now; None if it is gone."""
        try:
            facts = path.stat()
        except OSError:
            return None
        return _Seen(facts.st_size, facts.st_mtime_ns, self._clock())

    def _known(self, path: Path, now: _Seen) -> bool:
        return self._store.seen_file(digest(str(path))) == (now.size, now.changed_ns)

    def _take(self, path: Path, state: _Seen) -> None:
        """All films of a file into the inbox, then remember it: a crash in between takes it again, as the same."""
        name = path.relative_to(self._folder).as_posix()
        try:
            for item in from_paths([path], self._settings):
                self._take_film(item, name + item.name.removeprefix(path.as_posix()))
            self._store.see_file(digest(str(path)), state.size, state.changed_ns)
        except StoreError as exc:
            _log.warning("a file of the watched folder is left for the next look: %s", exc)

    def _take_film(self, item: InputFile, name: str) -> None:
        try:
            data = item.load()
        except Refusal as exc:
            refused = Screening(name, "", "refused", Notice(exc.code, exc.message))
            self._store.save(refused, datetime.now(UTC))
            self._refused += 1
            _log.warning("a file of the watched folder was refused: %s", exc.code)
            return
        film = self._landing.film(len(data))
        film.write(data)
        identity = read.identify(data, self._settings)
        instance = identity.instance_uid if identity and identity.instance_uid else f"bytes {film.sha256}"
        shown = name.replace("{", "(").replace("}", ")")
        try:
            self._landing.keep(film, instance=instance, origin="folder", sender="", name=shown)
        finally:
            film.discard()
        self._taken += 1
        _log.info("took a film of %d bytes from the watched folder", len(data))
