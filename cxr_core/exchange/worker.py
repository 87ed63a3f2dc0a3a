"""What waits in the inbox -> entries of the worklist, by the same way as an upload; one worker a data folder.

In: rows of the inbox. Out: entries; a row that is done names its image. A worker that is killed leaves its rows
waiting, and the next one goes on; a film that ends the whole process is tried alone, and after three times it stands in
the lane of refused films with the reason. What the site's rules leave out stands there, too: nothing disappears.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

from cxr_core import read
from cxr_core.errors import CxrError, ReaderFailed, Refusal
from cxr_core.exchange.rules import Rules
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.read.archive import too_large
from cxr_core.read.sources import InputFile
from cxr_core.records import Identity, Notice, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.store.inbox import InboxFilm

try:
    import fcntl
except ImportError:  # Windows: one worker is started there
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)

AT_ONCE = 32
MOST_STARTS = 3
LEFT_OUT = "left_out"
"""The code of a film that the site's rules leave out."""


class Worker:
    """Screens what waits. ``rules`` is asked for each batch, so that a changed site file counts at once."""

    def __init__(self, settings: Settings, store: Store, screener: Screener, rules: Callable[[], Rules]) -> None:
        self._settings, self._store, self._screener, self._rules = settings, store, screener, rules
        self.done = 0

    def screen_waiting(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Screen until nothing waits or ``stop`` says so; how many films that were."""
        before = self.done
        while not stop():
            waiting = self._store.inbox_waiting(AT_ONCE)
            if not waiting:
                break
            rules = self._rules()
            # One of those whose screening began before may have ended the process: it is not to take others along.
            fresh = [film for film in waiting if not film.starts]
            for group in [fresh] if fresh else [[film] for film in waiting]:
                self._screen(group, rules, stop)
        return self.done - before

    def _screen(self, films: Sequence[InboxFilm], rules: Rules, stop: Callable[[], bool]) -> None:
        self._store.inbox_begin([film.id for film in films])
        plain: list[InboxFilm] = []
        for film in films:
            if stop():
                return
            if film.starts >= MOST_STARTS:
                self._give_up(film)
            elif not self._settled(film, rules):
                plain.append(film)
        self._take_in(plain)

    def _take_in(self, films: Sequence[InboxFilm]) -> None:
        inputs = [InputFile(film.name, self._loader(film)) for film in films]
        times = [film.received_at for film in films]
        with closing(take_in(inputs, self._screener, self._store, received_at=times)) as arrivals:
            for film, arrival in zip(films, arrivals, strict=False):
                self._end(film, arrival.entry.screening, arrival.entry.key)

    def _loader(self, film: InboxFilm) -> Callable[[], bytes]:
        def load() -> bytes:
            if film.size > self._settings.max_file_mb * 1_000_000:
                raise too_large(self._settings)
            return self._store.film(film.sha256)

        return load

    def _settled(self, film: InboxFilm, rules: Rules) -> bool:
        """Whether there is nothing to screen: left out by the rules, or the same picture as an earlier one."""
        said = self._header(film)
        reason = rules.left_out(said.modality.upper(), said.body_part.upper())
        if reason:
            advice = "If it should be, change [exchange] in the site file and send it again."
            told = f"{reason[0].upper()}{reason[1:]}. {advice}"
            self._refuse(film, Notice(LEFT_OUT, told), said)
        elif any(self._same_picture(film, other) for other in self._store.inbox_same_instance(film)):
            self._store.inbox_end(film.id, "repeated", "", "the same picture came before under the same identifier")
            self._store.inbox_forget(film.id)
            self.done += 1
            return True
        return bool(reason)

    def _header(self, film: InboxFilm) -> Identity:
        """What the film says of itself; empty where it says nothing or cannot be read: then the reader will say why."""
        try:
            return read.identify(self._store.film(film.sha256), self._settings) or Identity()
        except CxrError:
            return Identity()

    def _same_picture(self, film: InboxFilm, other: InboxFilm) -> bool:
        """Whether two films show the same, whatever their headers and encodings; no if either cannot be read."""
        try:
            first, second = (read.read(self._store.film(one.sha256), "", self._settings) for one in (film, other))
        except CxrError:
            return False
        return first.pixels.shape == second.pixels.shape and bool((first.pixels == second.pixels).all())

    def _give_up(self, film: InboxFilm) -> None:
        refusal: Refusal = ReaderFailed(
            f"Screening this film ended the program {film.starts} times, and it was given up. Send it again from its "
            "source; if it comes back, its file is damaged in a way that no decoder here survives."
        )
        self._refuse(film, Notice(refusal.code, refusal.message), self._header(film))

    def _refuse(self, film: InboxFilm, notice: Notice, identity: Identity) -> None:
        screening = Screening(film.name, film.sha256, "refused", notice, identity=identity)
        self._end(film, screening, self._store.save(screening, film.received_at).key)

    def _end(self, film: InboxFilm, screening: Screening, key: str) -> None:
        reason = screening.refusal.code if screening.refusal else ""
        self._store.inbox_end(film.id, screening.status, key, reason)
        self.done += 1


def alone(data_dir: Path) -> IO[bytes] | None:
    """The lock that lets one worker at a time empty a data folder's inbox; None if another one has it."""
    lock = (data_dir / "worker.lock").open("wb")
    if fcntl:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
    return lock
