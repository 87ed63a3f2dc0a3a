"""The listener under stress, and its speed beside dcmtk's storescp in the same run.

    python -m benchmarks.exchange                  2,000 instances, four senders, killed every 20 seconds
    python -m benchmarks.exchange --write          and its section of benchmarks/RESULTS.md

Three parts, each with programs of dcmtk as the other end:

    kills    storescu by storescu, each sending a folder again until all of it was answered with success, while the
             listener is killed (SIGKILL) and started again; then every acknowledged instance must lie in the store once
    abuse    meanwhile and afterwards: garbage, two gigabytes announced, a wrong AE title, a class that holds no films,
             associations cut in the middle of a film
    speed    fresh instances to storescp (which forks for each association, and does not wait for the disk) and to the
             listener (which does), turn by turn, four senders at once

It ends with exit code 1 if an acknowledged instance is missing or there twice.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom

from benchmarks import report
from benchmarks.report import Section
from cxr_core.exchange.landing import digest
from cxr_core.phantom import as_dicom, phantom
from cxr_core.settings import Settings
from cxr_core.store import Store

ROOT = Path(__file__).resolve().parents[1]
DCMTK = ("storescu", "storescp")
_PREFIX = "1.2.826.0.1.3680043.8.498.9"
_BATCH = 25


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. ``pixels``: rows and columns of a film of 16 bits."""

    instances: int = 2000
    senders: int = 4
    kill_seconds: float = 20.0
    pixels: int = 1024
    rounds: int = 3
    at_once: int = 40
    full_size: int = 2240


@dataclass
class Outcome:
    """What came of it."""

    acknowledged: set[str] = field(default_factory=set)
    missing: int = 0
    twice: int = 0
    damaged: int = 0
    rows: int = 0
    kills: int = 0
    resent: int = 0
    seconds: float = 0.0
    abuse: dict[str, int] = field(default_factory=dict)
    memory_mb: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    theirs_full: list[float] = field(default_factory=list)
    ours_full: list[float] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every acknowledged instance is in the store, whole and once."""
        return bool(self.acknowledged) and not (self.missing or self.twice or self.damaged)


class Listening:
    """The listener as a process of its own, started as by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns once it takes connections."""
        command = [sys.executable, "-m", "cxr_core", "listen", "--only-receive", "--host", "127.0.0.1"]
        with (self.folder / "listen.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - ours, and dcmtk
                [*command, "--port", str(self.port)], cwd=ROOT, stdout=log, stderr=log,
                env=os.environ | {"CXR_DATA_DIR": str(self.folder / "data")},
            )  # fmt: skip
        wait_for(self.port)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def memory_mb(self) -> float:
        """What it holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) if self.process else 0
        return pages * os.sysconf("SC_PAGESIZE") / 1e6


def wait_for(port: int) -> None:
    """Until something listens there."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the listener did not start")


def write_films(folder: Path, count: int, pixels: int, seed: int) -> list[Path]:
    """Films of noise, each an instance of its own: nothing about them can be packed or guessed."""
    folder.mkdir(parents=True, exist_ok=True)
    film = pydicom.dcmread(BytesIO(as_dicom(phantom(1, height=64, width=64))))
    film.Rows = film.Columns = pixels
    noise = np.random.default_rng(seed)
    paths = []
    for number in range(count):
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"{_PREFIX}.{seed}.{number}"
        film.PixelData = noise.integers(0, 4096, pixels * pixels, np.uint16).tobytes()
        paths.append(folder / f"{seed}-{number:05d}.dcm")
        film.save_as(paths[-1], enforce_file_format=True)
    return paths


def send(port: int, films: Sequence[Path]) -> list[Path]:
    """Send films over one association; those that were answered with success."""
    command = ["storescu", "-v", "-to", "20", "-aec", "CXRSCREEN", "127.0.0.1", str(port)]
    done = subprocess.run([*command, *map(str, films)], capture_output=True, text=True, check=False, errors="replace")  # noqa: S603 - ours, and dcmtk
    said = re.findall(r"Sending file: (\S+)|Received Store Response \((\w+)", done.stderr + done.stdout)
    taken, current = [], None
    for path, response in said:
        current = Path(path) if path else current
        if response == "Success" and current is not None:
            taken.append(current)
            current = None
    return taken


def sender(port: int, films: Sequence[Path], outcome: Outcome, lock: threading.Lock) -> None:
    """Send a folder in batches, each again until all of it was answered with success."""
    for start in range(0, len(films), _BATCH):
        batch = films[start : start + _BATCH]
        missing, partly = set(batch), 0
        while missing:
            # At first all of it again, as an archive does that knows no better; then what is still missing.
            taken = send(port, batch if partly < 2 else sorted(missing))
            partly += bool(taken)
            with lock:
                outcome.acknowledged.update(path.name for path in taken)
                outcome.resent += len(set(taken) - missing)
            missing -= set(taken)
            if missing:
                time.sleep(0.5)


def under_kills(plan: Plan, folder: Path, outcome: Outcome) -> tuple[Listening, list[Path]]:
    """The whole amount, while the listener is killed and abused; the listener, no longer running, and the films."""
    films = write_films(folder / "films", plan.instances, plan.pixels, seed=1)
    listening, lock, over = Listening(folder), threading.Lock(), threading.Event()
    listening.start()
    shares = [films[number :: plan.senders] for number in range(plan.senders)]
    threads = [threading.Thread(target=sender, args=(listening.port, share, outcome, lock)) for share in shares]
    abuser = threading.Thread(target=keep_abusing, args=(listening.port, films[0], outcome, over))
    began = time.monotonic()
    for thread in (*threads, abuser):
        thread.start()
    next_kill = began + plan.kill_seconds
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        if time.monotonic() >= next_kill:
            listening.kill()
            outcome.kills += 1
            listening.start()
            next_kill = time.monotonic() + plan.kill_seconds
    outcome.seconds = time.monotonic() - began
    over.set()
    abuser.join()
    listening.kill()
    count(films, folder, outcome)
    return listening, films


def count(films: Sequence[Path], folder: Path, outcome: Outcome) -> None:
    """Compare what was acknowledged with what the store has: rows, files, and the files' content."""
    store = Store(Settings(data_dir=folder / "data"))
    rows = store.inbox_waiting(10 * len(films))
    held: dict[str, list[str]] = {}
    for row in rows:
        held.setdefault(row.instance, []).append(row.sha256)
    outcome.rows = len(rows)
    for film in films:
        if film.name not in outcome.acknowledged:
            continue
        seed, number = film.stem.split("-")
        found = held.get(digest(f"{_PREFIX}.{seed}.{int(number)}"), [])
        outcome.missing += not found
        outcome.twice += len(found) > 1
        for sha256 in found[:1]:
            data = (folder / "data" / "films" / sha256[:2] / sha256).read_bytes()
            pixels = pydicom.dcmread(film).PixelData
            outcome.damaged += hashlib.sha256(data).hexdigest() != sha256 or not data.endswith(pixels)
    store.close()


def steady(plan: Plan, listening: Listening, films: Sequence[Path], outcome: Outcome) -> None:
    """One listener for all of it once more, abused as before: its memory as it goes."""
    listening.start()
    over = threading.Event()
    abuser = threading.Thread(target=keep_abusing, args=(listening.port, films[0], outcome, over))
    abuser.start()
    fifth = max(1, len(films) // 5)
    try:
        for start in range(0, len(films), fifth):
            at_once(listening.port, films[start : start + fifth], plan.senders)
            outcome.memory_mb.append(listening.memory_mb())
    finally:
        over.set()
        abuser.join()
        listening.kill()


def at_once(port: int, films: Sequence[Path], senders: int) -> float:
    """All of it by several senders at once; the seconds it took. SystemExit if one was not taken."""
    taken: list[int] = []
    shares = [films[number::senders] for number in range(senders)]
    threads = [
        threading.Thread(target=lambda share=share: taken.append(len(send(port, share)))) for share in shares if share
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sum(taken) != len(films):
        raise SystemExit(f"{sum(taken)} of {len(films)} films were taken")
    return time.monotonic() - began


# Abuse ---------------------------------------------------------------------------------------------------------------


def keep_abusing(port: int, film: Path, outcome: Outcome, over: threading.Event) -> None:
    """One unkindness after the other until it is over; counts those that ended as they should."""
    while not over.wait(0.3):
        for name, unkind in UNKIND.items():
            with suppress(OSError):  # it is being killed meanwhile
                outcome.abuse[name] = outcome.abuse.get(name, 0) + bool(unkind(port, film))


def _garbage(port: int, _film: Path) -> bool:
    return _talk(port, os.urandom(4000)) in (b"", b"\7")


def _announced(port: int, _film: Path) -> bool:
    return _talk(port, struct.pack(">BBL", 1, 0, 2_000_000_000)) == b"\7"  # PS3.8 9.3.8: A-ABORT


def _talk(port: int, data: bytes) -> bytes:
    """Say something; the first byte of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(1)
        except ConnectionResetError:
            return b""


def _wrong_title(port: int, film: Path) -> bool:
    command = ["storescu", "-v", "-aec", "SOMEBODY", "127.0.0.1", str(port), str(film)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours, and dcmtk
    return "Called AE Title Not Recognized" in done.stderr + done.stdout


def _wrong_class(port: int, _film: Path) -> bool:
    """Dcmtk's echoscu asks with classes of its own; storescu with a CT's is refused before a byte is sent."""
    with tempfile.TemporaryDirectory() as folder:
        other = pydicom.dcmread(_film, stop_before_pixels=True)
        other.SOPClassUID = other.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        path = Path(folder) / "ct.dcm"
        other.save_as(path, enforce_file_format=True)
        command = ["storescu", "-v", "-R", "-aec", "CXRSCREEN", "127.0.0.1", str(port), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours, and dcmtk
    return "No Acceptable Presentation Contexts" in done.stderr + done.stdout


def _cut(port: int, film: Path) -> bool:
    """A sender that dies in the middle of a film."""
    command = ["storescu", "-aec", "CXRSCREEN", "-pdu", "4096", "127.0.0.1", str(port), *[str(film)] * 20]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours, and dcmtk
        time.sleep(0.05)
        process.kill()
    return True


UNKIND = {
    "garbage": _garbage, "2 GB announced": _announced, "wrong AE title": _wrong_title, "wrong class": _wrong_class,
    "cut": _cut,
}  # fmt: skip


# Speed ---------------------------------------------------------------------------------------------------------------


@contextmanager
def storescp(folder: Path) -> Iterator[int]:
    """The peer: takes every association in a process of its own and writes what comes, without waiting for the disk."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ["storescp", "--fork", "-od", str(folder), "+xa", "-pdu", "131072", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours, and dcmtk
        wait_for(port)
        yield port
        process.kill()


def speed(plan: Plan, folder: Path, outcome: Outcome) -> None:
    """Turn by turn, fresh films each time: films a second."""
    listening = Listening(folder)
    listening.start()
    with storescp(folder / "theirs") as theirs:
        for number in range(plan.rounds):
            for pixels, peer, ours in (
                (plan.pixels, outcome.theirs, outcome.ours),
                (plan.full_size, outcome.theirs_full, outcome.ours_full),
            ):
                amount = plan.at_once if pixels == plan.pixels else max(plan.senders, plan.at_once // 4)
                films = write_films(folder / "speed", amount, pixels, seed=1000 + 10 * number + (pixels == plan.pixels))
                turns = [(theirs, peer), (listening.port, ours)]
                for port, rates in turns if number % 2 == 0 else reversed(turns):
                    rates.append(len(films) / at_once(port, films, plan.senders))
                shutil.rmtree(folder / "speed")
    listening.kill()


def measure(plan: Plan, folder: Path) -> Outcome:
    """All three parts, in a folder of their own."""
    outcome = Outcome()
    listening, films = under_kills(plan, folder, outcome)
    steady(plan, listening, films, outcome)
    other = folder / "speed-run"
    other.mkdir()
    speed(plan, other, outcome)
    return outcome


def told(plan: Plan, outcome: Outcome) -> Section:
    """The section of the results."""
    megabytes = 2 * plan.pixels**2 / 1e6
    full = 2 * plan.full_size**2 / 1e6
    wrong = f"{outcome.missing} / {outcome.twice} / {outcome.damaged}"
    memory = " ".join(f"{item:.0f}" for item in outcome.memory_mb)
    growth = outcome.memory_mb[-1] - outcome.memory_mb[0]
    abuse = ", ".join(f"{count:,} x {name}" for name, count in outcome.abuse.items())
    rows = [
        ("what", "figure"),
        ("instances answered with success", f"{len(outcome.acknowledged):,}"),
        ("of these missing in the store / there twice / damaged", wrong),
        ("rows in the store, acknowledged or not", f"{outcome.rows:,}"),
        ("times the listener was killed, seconds in all", f"{outcome.kills} in {outcome.seconds:.0f} s"),
        ("instances sent again although acknowledged", f"{outcome.resent:,}"),
        ("memory of one listener, after each fifth of the instances, MB", memory),
        ("its growth from the first fifth to the last", f"{growth:+.0f} MB"),
        *_rates(f"films of {megabytes:.1f} MB", outcome.theirs, outcome.ours),
        *_rates(f"films of {full:.0f} MB", outcome.theirs_full, outcome.ours_full),
    ]  # fmt: skip
    how = (
        f"{plan.senders} storescu at once, {_BATCH} films an association, each batch sent again until all of it was "
        f"answered with success; the listener is killed every {plan.kill_seconds:g} s. Ended as they should, while the "
        f"listener was up: {abuse}. Speed in {plan.rounds} rounds, turn by turn, median (lowest to highest); storescp "
        "does not wait for the disk, the listener answers only when film and row are on it."
    )
    return Section("exchange", "python -m benchmarks.exchange --write", rows, how)


def _rates(what: str, theirs: Sequence[float], ours: Sequence[float]) -> Iterator[tuple[str, str]]:
    for name, rates in (("storescp --fork", theirs), ("the listener", ours)):
        yield f"{what} a second, {name}", f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    yield f"{what}: the listener's share of storescp's speed", f"{statistics.median(ratios):.2f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchange", description=(__doc__ or "").splitlines()[0])
    usual = Plan()
    parser.add_argument("--instances", type=int, default=usual.instances)
    parser.add_argument("--kill-seconds", type=float, default=usual.kill_seconds)
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    args = parser.parse_args(argv)
    missing = [name for name in DCMTK if not shutil.which(name)]
    if missing:
        print(f"needs {', '.join(missing)}: Debian's package dcmtk", file=sys.stderr)
        return 2
    plan = Plan(instances=args.instances, kill_seconds=args.kill_seconds, rounds=args.rounds)
    facts = report.facts()
    with tempfile.TemporaryDirectory() as folder:
        outcome = measure(plan, Path(folder))
    report.publish(told(plan, outcome), facts, write=args.write)
    return 0 if outcome.sound else 1


if __name__ == "__main__":
    sys.exit(main())
