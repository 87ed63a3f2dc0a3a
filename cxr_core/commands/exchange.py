"""``listen``, ``work``, ``fetch``, ``watch``: the processes beside the app that speak with other systems."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_core.commands.console import MISUSE, NOTHING, OK, OpenScreener, fail
from cxr_core.errors import CxrError, SettingsError
from cxr_core.exchange.fetching import Wanted, fetch_films
from cxr_core.exchange.listener import Listener
from cxr_core.exchange.pulse import Pulse
from cxr_core.exchange.rules import AE_TITLE, Rules, read_rules
from cxr_core.exchange.watcher import Watcher
from cxr_core.exchange.worker import Worker, alone
from cxr_core.settings import Settings
from cxr_core.store import Store

if TYPE_CHECKING:
    from cxr_core.exchange.outbox import Outbox

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


def add_exchange(commands: Any) -> None:
    """The commands of this module, for the parser of the command line."""
    listen = commands.add_parser(
        "listen",
        help="take films from other systems over DICOM, screen them, deliver results",
        description="Listens for C-STORE and C-ECHO until it is stopped. Rules stand in [exchange] of the site file.",
    )
    listen.set_defaults(run=listened)
    listen.add_argument("--aet", type=_title, help="AE title (default: aet in the site file, else CXRSCREEN)")
    listen.add_argument("--port", type=_port, help="port (default: port in the site file, else 11112)")
    listen.add_argument("--host", help="address to listen on (default: host in the site file, else all)")
    listen.add_argument("--only-receive", action="store_true", help="leave screening and delivery to 'work'")
    work = commands.add_parser(
        "work",
        help="screen what other systems sent and deliver what is due, until it is stopped",
        description="Screens the inbox and empties the outbox; 'listen' and 'watch' start one of these, and 'fetch' "
        "screens without one. Of several on one data folder one works and the others wait; with --once these end with "
        "exit code 2.",
    )
    work.set_defaults(run=worked)
    watch = commands.add_parser(
        "watch",
        help="take every film that is put into a folder, screen it, deliver results",
        description="Watches FOLDER until it is stopped. Nothing in it is moved or changed.",
    )
    watch.set_defaults(run=watched)
    watch.add_argument("folder", type=Path, metavar="FOLDER", help="the folder, with all below it")
    watch.add_argument(
        "--settle", type=_seconds, default=2.0, metavar="SECONDS",
        help="a file that has not changed for so long is complete (default: %(default)s)",
    )  # fmt: skip
    watch.add_argument("--poll", action="store_true", help="look at the folder again and again: for network drives")
    watch.add_argument("--only-receive", action="store_true", help="leave screening and delivery to 'work'")
    fetch = commands.add_parser(
        "fetch",
        help="fetch films from an archive over DICOMweb, and screen them",
        description="Finds films by QIDO and fetches by WADO those that are not here yet. PEER is the name of a source "
        "or a DICOMweb destination in the site file. Exit code: 0 also if single films failed (the reasons are named), "
        "1 if all that were tried did or the archive cannot be reached, 2 for wrong arguments or a wrong site file.",
    )
    fetch.set_defaults(run=fetched)
    fetch.add_argument("peer", metavar="PEER", help="a name in the site file")
    fetch.add_argument("--study", metavar="UID", help="this study alone")
    fetch.add_argument(
        "--date", type=_date, metavar="DATE", help="study date, YYYYMMDD, or a range such as 20260101-20260131"
    )
    fetch.add_argument(
        "--modality", action="append", metavar="CODE", help="such as DX; may be given again (default: CR and DX)"
    )
    fetch.add_argument("--most", type=int, default=1000, help="fetch at most so many (default: %(default)s)")
    fetch.add_argument("--only-receive", action="store_true", help="leave screening and delivery to 'work'")
    work.add_argument("--once", action="store_true", help="end when nothing waits and what is due was tried")
    work.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    work.add_argument("--all", metavar="DESTINATION", help="first let every result of the store be due there")


def _title(text: str) -> str:
    if not AE_TITLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be an AE title, 1 to 16 characters without a backslash, got {text!r}")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number between 0 (any free port) and 65535, got {text!r}")
    return int(text)


def _date(text: str) -> str:
    """A date or a range of dates as QIDO takes them (PS3.5 6.2, DA; PS3.4 C.2.2.2.5)."""
    if not re.fullmatch(r"\d{8}(-(\d{8})?)?|-\d{8}", text):
        raise argparse.ArgumentTypeError(f"must be YYYYMMDD or a range such as 20260101-20260131, got {text!r}")
    return text


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more, got {text!r}")
    return value


def listened(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Listen until a signal comes."""
    _set_up_log()
    rules = read_rules(settings)
    given = {name: getattr(args, name) for name in ("aet", "port", "host") if getattr(args, name) is not None}
    rules = replace(rules, **given)
    store = Store(settings)
    listener = Listener(rules, settings, store)
    _log.info(
        "listening as %s on port %d%s; %s may send", rules.aet, listener.port, ", TLS" if rules.tls else "",
        ", ".join(rules.senders) or "any AE title",
    )  # fmt: skip
    ending = threading.Thread(target=listener.stop, name="stop")  # which waits for what a signal handler interrupts

    def stop() -> None:
        if ending.ident is None:  # a second signal changes nothing
            ending.start()

    with _on_signals(stop), Pulse(store, "listener", listener.facts), _beside(not args.only_receive):
        listener.serve()
    ending.join()
    store.close()
    return OK


def watched(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Watch a folder until a signal comes."""
    _set_up_log()
    if not args.only_receive:
        read_rules(settings)  # a site file that makes no sense is said at once, not by a worker that cannot begin
    stopping = threading.Event()
    store = Store(settings)
    watcher = Watcher(args.folder, store, settings, settle=args.settle, polling=args.poll)
    _log.info("watching the folder; a file counts as complete after %g s without a change", args.settle)
    with _on_signals(stopping.set), Pulse(store, "watcher", watcher.facts), _beside(not args.only_receive):
        watcher.run(stopping.is_set)
    store.close()
    return OK


def fetched(args: argparse.Namespace, settings: Settings, open_screener: OpenScreener) -> int:
    """Fetch what is not here yet, then screen it unless another process does."""
    _set_up_log()
    peer = read_rules(settings).peer(args.peer)
    if peer.kind != "dicomweb":
        return fail(f"{peer.name} is no DICOMweb archive", MISUSE)
    store = Store(settings)
    filters = {"StudyInstanceUID": args.study, "StudyDate": args.date}
    wanted = Wanted({key: value for key, value in filters.items() if value}, tuple(args.modality or ("CR", "DX")))
    told = fetch_films(peer, wanted, store, settings, most=args.most)
    print(
        f"{told.fetched} fetched, {told.known} known, {told.failed} failed: {', '.join(told.reasons) or 'no error'}",
        file=sys.stderr,
    )
    lock = None if args.only_receive else alone(settings.data_dir)
    if lock:
        with lock:
            Worker(settings, store, open_screener(settings), _changing(settings)).screen_waiting()
    store.close()
    return NOTHING if told.failed and not told.fetched else OK


def worked(args: argparse.Namespace, settings: Settings, open_screener: OpenScreener) -> int:
    """Screen and deliver until a signal comes, or until nothing is left to do."""
    _set_up_log()
    stopping = threading.Event()
    if args.with_parent:
        threading.Thread(target=_end_with_parent, args=(stopping,), daemon=True).start()
    rules = _changing(settings)
    rules()
    store = Store(settings)
    with _on_signals(stopping.set):
        code = _worked(args, settings, store, rules, stopping, open_screener)
    store.close()
    return code


def _worked(  # noqa: PLR0913, PLR0917 - one command, in two functions
    args: argparse.Namespace,
    settings: Settings,
    store: Store,
    rules: Callable[[], Rules],
    stopping: threading.Event,
    open_screener: OpenScreener,
) -> int:
    if args.all:
        _let_all_be_due(args.all, settings, store, rules)
    lock = alone(settings.data_dir)
    while lock is None and not stopping.wait(_LOOK_SECONDS):
        if args.once:
            return OK if args.all else fail("another process is screening for this data folder", MISUSE)
        lock = alone(settings.data_dir)
    if lock is None:  # we were stopped while another had it
        return OK
    with lock:
        worker = Worker(settings, store, open_screener(settings), rules)
        with Pulse(store, "worker", lambda: {"screened": worker.done}):
            _work(worker, _outbox(settings, store, rules), stopping, once=args.once)
    return OK


def _outbox(settings: Settings, store: Store, rules: Callable[[], Rules]) -> Outbox:
    from cxr_core.exchange.outbox import Outbox  # noqa: PLC0415 - what only receives needs no writers
    from cxr_core.outgoing import Outgoing  # noqa: PLC0415

    return Outbox(store, Outgoing(store, settings), rules)


def _let_all_be_due(name: str, settings: Settings, store: Store, rules: Callable[[], Rules]) -> None:
    """Every result of the store for a destination; the worker that is running delivers it."""
    wanted = next((item for item in rules().destinations if item.name == name), None)
    if wanted is None:
        rules().peer(name)  # says which there are
        raise SettingsError(f"{name} is a source, not a destination")
    _log.info("%d results are now due at %s", _outbox(settings, store, rules).send_all(wanted), name)


def _work(worker: Worker, outbox: Outbox, stopping: threading.Event, *, once: bool) -> None:
    """Deliver in a thread of its own, so that a slow destination holds up no screening."""

    def deliver() -> None:
        try:
            while not stopping.is_set():  # first of all: a destination that is new begins with what is screened now
                _attempted(lambda: outbox.run(stopping.is_set))
                stopping.wait(_LOOK_SECONDS)
        finally:
            stopping.set()  # one half of the work that ended by a bug must not look alive: whoever watches starts anew

    if once:
        worker.screen_waiting(stopping.is_set)
        outbox.run(stopping.is_set)
        return
    with ThreadPoolExecutor(1, "deliver") as pool:
        delivering = pool.submit(deliver)
        try:
            while not stopping.is_set():
                _attempted(lambda: worker.screen_waiting(stopping.is_set))
                stopping.wait(_LOOK_SECONDS)
        finally:
            stopping.set()
        delivering.result()


def _attempted(step: Callable[[], object]) -> None:
    """Do one step; a database or a disk that is away for a while ends no process."""
    try:
        step()
    except CxrError as exc:
        _log.warning("%s", exc)


def _changing(settings: Settings) -> Callable[[], Rules]:
    """The rules as the site file says now; the last good ones while it is wrong, which is said once."""
    last: list[Rules] = []
    said = [""]

    def rules() -> Rules:
        wrong = ""
        try:
            last[:] = [read_rules(settings)]
        except CxrError as exc:
            if not last:
                raise
            wrong = str(exc)
        if wrong != said[0]:
            said[0] = wrong
            if wrong:
                _log.warning("what the site file said before holds until it is corrected: %s", wrong)
            else:
                _log.info("the site file is in use again")
        return last[0]

    return rules


@contextmanager
def _beside(wanted: bool) -> Iterator[None]:
    """A worker in a process of its own, which ends with this one, however this one ends."""
    if not wanted:
        yield
        return
    stopping = threading.Event()
    thread = threading.Thread(target=_kept_running, args=(stopping,), name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _kept_running(stopping: threading.Event) -> None:
    """Start the worker, and again when it ends; its input ends with us, which is how it knows."""
    command = [sys.executable, "-m", "cxr_core", "work", "--with-parent"]
    while not stopping.is_set():
        with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE) as process:  # noqa: S603 - ourselves
            while process.poll() is None and not stopping.wait(0.2):
                pass
        if not stopping.is_set():
            _log.warning("the worker ended with %d and is started again", process.returncode)
            stopping.wait(5)


_ROOT = Path(__file__).resolve().parents[2]


def _end_with_parent(stopping: threading.Event) -> None:
    """Not by sys.stdin, whose lock this thread would hold when the interpreter ends: it dies of that."""
    while os.read(0, 4096):
        pass
    stopping.set()


@contextmanager
def _on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Stop in good order when we are asked to, by a person or by the system."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda _number, _frame: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _set_up_log() -> None:
    """Lines on stderr; warnings of foreign libraries quote headers, so they are left out."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for name in ("dicomweb_client", "urllib3", "highdicom", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
