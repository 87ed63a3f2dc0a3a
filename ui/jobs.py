"""Screening in the background: a run goes on while its person looks at other pages, and can be stopped.

In: uploads spooled to disk, or the generated samples. Out: a Job whose figures a page may read at any time. Results are
kept in the store as soon as they are ready, and an upload stays on disk until all of it stands there, so that stopping,
a closed browser or a crash loses nothing.
This module knows no page and nothing of Streamlit.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from traceback import extract_tb

from cxr_core.errors import CxrError, TooMany
from cxr_core.intake import Arrival, take_in
from cxr_core.pipeline import Screener
from cxr_core.read.sources import InputFile, refused, too_many
from cxr_core.settings import Settings
from cxr_core.store import Store
from ui import films
from ui.spool import Spool, left_over

_log = logging.getLogger(__name__)

AT_ONCE = 4
"""Runs that screen at the same time: the engine serves them in turn, so that one film need not wait for a thousand.

Each has readers of its own, so there are not more.
"""

KEPT = 50
"""Finished runs that are remembered."""

MOST_STARTS = 3
"""A film that ends the whole process must not do so at every start for ever."""

_REST = "What is not screened yet is kept, and its screening begins again when the server is started anew."
_GIVEN_UP = (
    "An upload of {files} files was begun {starts} times and never came to its end. Its files are kept in the data "
    "folder, under incoming; send them again in smaller groups to find the one that stops the run."
)


@dataclass(eq=False)
class Job:
    """One run. Its thread writes, any page reads; a field is replaced or appended to, never taken from.

    ``token`` stands in the address of the page that began it: so that page, reloaded, knows its own run.
    """

    number: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    total: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    state: str = "waiting"
    error: str = ""
    started: float = 0.0
    ended: float = 0.0
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return self.state in ("waiting", "running")

    @property
    def left_out(self) -> int:
        """Files refused because they came after the most that are taken at once."""
        return sum(
            a.entry.screening.refusal is not None and a.entry.screening.refusal.code == TooMany.code
            for a in tuple(self.arrivals)
        )

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the pace so far; None until there is one."""
        done = len(self.arrivals)
        if not done or not self.started or done >= self.total:
            return None
        return (time.monotonic() - self.started) / done * (self.total - done)

    def stop(self) -> None:
        """Take no further file; what is in the models is finished and kept."""
        self.stopping.set()


@dataclass(frozen=True, slots=True)
class Task:
    """What to screen: ``inputs`` is asked in the run's own thread; ``spool`` is deleted once all is in the store."""

    inputs: Callable[[], Iterable[InputFile]]
    synthetic: bool = False
    spool: Spool | None = None
    each: Callable[[Arrival], None] = lambda _arrival: None

    @classmethod
    def of(cls, spool: Spool, settings: Settings, each: Callable[[Arrival], None] = lambda _arrival: None) -> Task:
        """The task of screening an upload; from here on it outlives a crash. StoreError if the disk is full."""
        spool.begin()
        return cls(lambda: spool.inputs(settings), spool=spool, each=each)


class Board:
    """The runs of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def job(self, number: int | None) -> Job | None:
        """A run by its number."""
        return self._jobs.get(number) if number is not None else None

    def named(self, token: str | None) -> Job | None:
        """A run by its token."""
        with self._lock:
            return next((job for job in self._jobs.values() if job.token == token), None)

    def newest_running(self) -> Job | None:
        """The run that a page without one shows."""
        with self._lock:
            return next((job for job in reversed(self._jobs.values()) if job.running), None)

    def resume(self, screener: Screener, store: Store) -> None:
        """Begin again the runs of this data folder that a crash or an error ended; asked once, when the app starts."""
        for spool in left_over(self._settings.data_dir):
            if spool.starts < MOST_STARTS:
                each = thumbnails(store, self._settings)
                self.start(Task.of(spool, self._settings, each=each), screener, store)
                continue
            spool.release()
            job = self._new_job()
            job.state, job.error = "failed", _GIVEN_UP.format(files=len(spool.names), starts=spool.starts)
            _log.error("upload %s was begun %d times and never ended; left as it is", spool.folder.name, spool.starts)

    def start(self, task: Task, screener: Screener, store: Store) -> Job:
        """Begin a run in a thread of its own."""
        job = self._new_job()

        def run() -> None:
            with self._places:
                self._run(job, task, screener, store)

        job.thread = threading.Thread(target=run, name=f"screening-{job.number}", daemon=True)
        job.thread.start()
        return job

    def _new_job(self) -> Job:
        with self._lock:
            job = Job(next(self._numbers))
            self._jobs[job.number] = job
            finished = [number for number, old in self._jobs.items() if not old.running]
            for number in finished[:-KEPT]:
                del self._jobs[number]
        return job

    def _run(self, job: Job, task: Task, screener: Screener, store: Store) -> None:
        job.started, job.state = time.monotonic(), "running"
        ending = "failed"
        try:
            ending = self._screen(job, task, screener, store)
        except CxrError as exc:
            _log.error("run %d ended early: %s\n%s", job.number, exc, _where(exc))
            job.error = f"{exc}. {_REST if task.spool else ''}".strip()
        except Exception as exc:  # noqa: BLE001 - the last place where a run's error can be said to its person
            _log.error("run %d ended by %s\n%s", job.number, type(exc).__name__, _where(exc))
            job.error = f"An error that nobody foresaw ended the run. {_REST if task.spool else ''}".strip()
        finally:
            if task.spool:
                (task.spool.release if ending == "failed" else task.spool.discard)()
            job.ended, job.state = time.monotonic(), ending

    def _screen(self, job: Job, task: Task, screener: Screener, store: Store) -> str:
        """Everything into the store; gives how it ended."""
        found = list(_within(task.inputs(), self._settings))
        job.total = len(found)
        received_at = task.spool.received_at if task.spool else None
        inputs = _until(job.stopping, found)
        for arrival in take_in(inputs, screener, store, synthetic=task.synthetic, received_at=received_at):
            job.arrivals.append(arrival)
            task.each(arrival)
        return "stopped" if len(job.arrivals) < job.total else "done"


def thumbnails(store: Store, settings: Settings) -> Callable[[Arrival], None]:
    """Each film's thumbnail is made while the next film is read."""

    def each(arrival: Arrival) -> None:
        if arrival.entry.screening.image:
            films.make_soon(store, arrival.entry.key, settings, films.thumbnail)

    return each


def _within(inputs: Iterable[InputFile], settings: Settings) -> Iterator[InputFile]:
    """All inputs; those after the most that are taken at once are refused, so that each is told and none is lost."""
    for number, item in enumerate(inputs):
        yield item if number < settings.max_files else refused(item.name, too_many(settings))


def _where(exc: BaseException) -> str:
    """The way to an error through the code, without its words: those of a foreign one may quote a patient's name."""
    return "".join(f"  {frame.filename}:{frame.lineno} {frame.name}\n" for frame in extract_tb(exc.__traceback__))


def _until(stopping: threading.Event, inputs: Sequence[InputFile]) -> Iterator[InputFile]:
    for item in inputs:
        if stopping.is_set():
            return
        yield item
