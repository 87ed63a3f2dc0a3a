"""A thread that says every few seconds that its process is alive, so that the Connections page can show it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from cxr_core.errors import StoreError
from cxr_core.store import Store

_log = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
SILENT_SECONDS = 15.0
"""After so long without a word a process counts as gone."""


class Pulse:
    """Use it in a ``with`` block around the work; at its end it says that the process ended by itself."""

    def __init__(self, store: Store, name: str, facts: Callable[[], Mapping[str, Any]]) -> None:
        self._store, self._name, self._facts = store, name, facts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pulse-{name}", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(StoreError):
            self._store.beat(self._name, {**self._facts(), "ended": True})

    def _run(self) -> None:
        said = ""
        while True:
            wrong = ""
            try:
                self._store.beat(self._name, self._facts())
            except StoreError as exc:
                wrong = str(exc)
            if wrong and wrong != said:  # once, not every three seconds for as long as a disk is full
                _log.warning("the heartbeat of %s could not be written: %s", self._name, wrong)
            said = wrong
            if self._stop.wait(EVERY_SECONDS):
                return
