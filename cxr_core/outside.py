"""Calls to one function, made in other processes: what ends or stops such a process costs the caller that one call.

In: the function's place ("package.module:name"), how many processes, how long a call may take. Out: its results. This
module knows nothing of films; arguments and results must be picklable, and the function must not raise.

A process is started by a command line of its own, not by multiprocessing, which would import the caller's main module
again (Streamlit's pages, pytest). It hears calls on its standard input and answers on what was its standard output;
when the caller is gone, its input ends and so does it. What it or a decoder in it prints is thrown away: foreign words
may quote a patient's name.
"""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO

_log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_COMMAND = "import sys; sys.path.insert(0, sys.argv[1]); from cxr_core.outside import serve; serve(sys.argv[2])"
_LENGTH = struct.Struct("<Q")
_START_SECONDS = 120.0
# One thread each: there are as many processes as cores.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


class Absent(Exception):
    """No process could be started."""


class Died(Exception):
    """The process ended before it answered; the call is lost, the next one gets a new process."""


class TooSlow(Exception):
    """The call took longer than allowed, and its process was ended."""


class Outside:
    """Processes that answer calls, as many at once as there are; use it in a ``with`` block, from any thread.

    They start in the background. Until the first is ``up`` a call waits, and where none can be started it raises
    Absent: the caller may rather do the work itself.
    """

    def __init__(self, function: str, *, processes: int, seconds: float) -> None:
        self._function, self._seconds = function, seconds
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._all: set[_Process] = set()
        self._closed = False
        self.up = False
        self._starters = [threading.Thread(target=self._start, daemon=True) for _ in range(processes)]
        for starter in self._starters:
            starter.start()

    def __enter__(self) -> Outside:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._closed = True
            running = list(self._all)
        for process in running:
            process.end()
        for starter in self._starters:
            starter.join()

    def __call__(self, *arguments: Any) -> Any:
        """The function's result; raises Absent, Died or TooSlow."""
        process = self._living()
        try:
            result = process.call(arguments, self._seconds)
        except (Died, TooSlow):
            self._another(process)
            raise
        self._idle.put(process)
        return result

    def _living(self) -> _Process:
        """An idle process that has not died since its last call; raises Absent."""
        while True:
            process = self._idle.get()
            if process is None:
                self._idle.put(None)
                raise Absent
            if process.alive:
                return process
            self._another(process)

    def _another(self, lost: _Process) -> None:
        """Start a process in the place of a lost one."""
        with self._lock:
            self._all.discard(lost)
        lost.end()
        self._start()

    def _start(self) -> None:
        """Start a process and put it among the idle ones; None there says that it was of no use."""
        process: _Process | None = None
        try:
            with self._lock:
                if self._closed:
                    return
                process = _Process(self._function)
                self._all.add(process)
            process.hear(_START_SECONDS)
        except (OSError, Died, TooSlow) as exc:
            if not self._closed:
                _log.warning("a reading process could not be started (%s)", type(exc).__name__)
            if process:
                process.end()
            self._idle.put(None)
            return
        self.up = True
        self._idle.put(process)


class _Process:
    """One process and its two pipes."""

    def __init__(self, function: str) -> None:
        command = [sys.executable, "-P", "-c", _COMMAND, str(_ROOT), function]
        self._popen = subprocess.Popen(  # noqa: S603  (this very module)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ENVIRONMENT,
        )

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def call(self, arguments: tuple[Any, ...], seconds: float) -> Any:
        """Ask, and wait for the answer."""
        return self._within(seconds, lambda: self._ask(arguments))

    def hear(self, seconds: float) -> Any:
        """Wait for what it says."""
        return self._within(seconds, lambda: _receive(self._pipe(self._popen.stdout)))

    def end(self) -> None:
        """End it, whatever it does."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe:
                _close(pipe)

    def _ask(self, arguments: tuple[Any, ...]) -> Any:
        _send(self._pipe(self._popen.stdin), arguments)
        return _receive(self._pipe(self._popen.stdout))

    def _within(self, seconds: float, work: Callable[[], Any]) -> Any:
        """``work()``; a timer ends the process when the time is over, so that waiting for it ends too."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._popen.kill()

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            return work()
        except (OSError, EOFError, ValueError) as exc:
            if late.is_set():
                raise TooSlow(f"no answer within {seconds:g} s") from exc
            raise Died(f"the process ended with {self._popen.wait()}") from exc
        finally:
            timer.cancel()

    @staticmethod
    def _pipe(pipe: Any) -> BinaryIO:
        return pipe  # type: ignore[no-any-return]  # Popen gives both pipes, because both were asked for


def serve(function: str) -> None:
    """The life of such a process: say that it is ready, then answer each call until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop at the terminal is for the caller, who then ends us
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _die_first()
    module, name = function.split(":")
    work = getattr(importlib.import_module(module), name)
    calls = sys.stdin.buffer
    _send(answers, "ready")
    while True:
        try:
            arguments = _receive(calls)
        except EOFError:
            return
        _send(answers, work(*arguments))


def _die_first() -> None:
    """When memory runs out, Linux is to end this process and not the one that holds the models and the queue."""
    wish = Path("/proc/self/oom_score_adj")
    try:
        wish.write_text("1000", encoding="ascii")
    except OSError:
        return  # another system, or a container that forbids it


def _send(pipe: BinaryIO, message: Any) -> None:
    body = pickle.dumps(message, protocol=5)
    pipe.write(_LENGTH.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def _receive(pipe: BinaryIO) -> Any:
    """The next message; EOFError where the other side is gone. Both sides are this program: pickle is safe here."""
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return pickle.loads(_exactly(pipe, length))  # noqa: S301


def _exactly(pipe: BinaryIO, length: int) -> bytes:
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return body


def _close(pipe: IO[bytes]) -> None:
    """A pipe with unsent bytes to a dead process complains when it is closed."""
    try:
        pipe.close()
    except OSError:
        return
