"""Screening in the background: a run goes on while its person looks at other pages, and can be stopped.

In: uploads spooled to disk, or the generated samples. Out: a Job whose figures a page may read at any time. Results are
kept in the store one by one, so that stopping, a closed browser or a crash loses nothing that was shown.
This module knows no page and nothing of Streamlit.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cxr_core.errors import CxrError, StoreError
from cxr_core.pipeline import Arrival, Screener, take_in
from cxr_core.read.sources import InputFile
from cxr_core.settings import Settings
from cxr_core.store import Store

_log = logging.getLogger(__name__)

AT_ONCE = 2
"""Runs that screen at the same time; more would only slow each other down and wait instead."""

KEPT = 50
"""Finished runs that are remembered."""

_STALE_SECONDS = 24 * 3600


@dataclass(eq=False)
class Job:
    """One run. Its thread writes, any page reads; a field is replaced or appended to, never taken from."""

    number: int
    total: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    left_out: int = 0
    state: str = "waiting"
    error: str = ""
    started: float = 0.0
    ended: float = 0.0
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return self.state in ("waiting", "running")

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
    """What to screen: ``inputs`` is asked in the run's own thread; ``folder`` is deleted at its end."""

    inputs: Callable[[], Iterable[InputFile]]
    synthetic: bool = False
    folder: Path | None = None
    each: Callable[[Arrival], None] = lambda _arrival: None


class Board:
    """The runs of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        _forget_stale(settings.data_dir / "incoming")

    def job(self, number: int | None) -> Job | None:
        """A run by its number."""
        return self._jobs.get(number) if number is not None else None

    def newest_running(self) -> Job | None:
        """The run that a reloaded page should show again."""
        with self._lock:
            return next((job for job in reversed(self._jobs.values()) if job.running), None)

    def spool_folder(self) -> Path:
        """A new private folder for the files of one run; the run deletes it."""
        try:
            parent = self._settings.data_dir / "incoming"
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=parent))
        except OSError as exc:
            raise StoreError(f"the upload could not be kept ({exc.strerror}); free space in the data folder") from exc

    def start(self, task: Task, screener: Screener, store: Store) -> Job:
        """Begin a run in a thread of its own."""
        with self._lock:
            job = Job(next(self._numbers))
            self._jobs[job.number] = job
            finished = [number for number, old in self._jobs.items() if not old.running]
            for number in finished[:-KEPT]:
                del self._jobs[number]

        def run() -> None:
            with self._places:
                try:
                    self._run(job, task, screener, store)
                finally:
                    if task.folder:
                        shutil.rmtree(task.folder, ignore_errors=True)

        threading.Thread(target=run, name=f"screening-{job.number}", daemon=True).start()
        return job

    def _run(self, job: Job, task: Task, screener: Screener, store: Store) -> None:
        job.started, job.state = time.monotonic(), "running"
        ending = "failed"
        try:
            listed = iter(task.inputs())
            found = list(itertools.islice(listed, self._settings.max_files))
            job.left_out = sum(1 for _ in listed)
            job.total = len(found)
            for arrival in take_in(_until(job.stopping, found), screener, store, synthetic=task.synthetic):
                job.arrivals.append(arrival)
                task.each(arrival)
            ending = "stopped" if len(job.arrivals) < job.total else "done"
        except CxrError as exc:
            _log.exception("run %d ended early", job.number)
            job.error = str(exc)
        finally:
            job.ended, job.state = time.monotonic(), ending


def _until(stopping: threading.Event, inputs: Sequence[InputFile]) -> Iterator[InputFile]:
    for item in inputs:
        if stopping.is_set():
            return
        yield item


def _forget_stale(parent: Path) -> None:
    """Spooled files of a run that a crash or a power cut ended; those of another living process are young."""
    for folder in parent.glob("*"):
        if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
