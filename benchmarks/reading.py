"""How fast, and in how much memory, a film is read: ours beside pydicom's own way and OpenCV's, in one run.

    python -m benchmarks.reading                  tables on stdout
    python -m benchmarks.reading --write          and in benchmarks/READING.md

One film each: from bytes to model input, in processor time of one thread, every way in its own process, in short turns
round after round. A folder: from files to findings with the shipped models, read by threads or by processes, with the
memory of this process and its readers on the way. The films are generated phantoms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1

from benchmarks import machine
from cxr_core.phantom import as_dicom, as_png, phantom
from cxr_core.pipeline import Screener
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings, cores

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "READING.md"
GOAL = 1.2
NAMES = {"ours": "ours", "pydicom": "pydicom + apply_voi_lut", "opencv": "OpenCV"}


@dataclass(slots=True)
class Way:
    """One way of reading one film: a process that waits for its turns, and its milliseconds a film."""

    film: str
    way: str
    process: subprocess.Popen[str]
    milliseconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    imports_mb: float = 0.0

    def hear(self) -> dict[str, float]:
        """Its next line; RuntimeError if it ended instead."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError(f"reading {self.film} by {self.way} stopped; see the message above")
        return dict(json.loads(line))

    def turn(self, seconds: float) -> None:
        """Let it read for a moment."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        heard = self.hear()
        self.milliseconds.append(1000 * heard["seconds"] / heard["films"])

    def end(self) -> None:
        """No more turns."""
        self.process.stdin.close()
        heard = self.hear()
        self.peak_mb, self.imports_mb = heard["peak_mb"], heard["imports_mb"]
        self.process.wait()
        self.process.stdout.close()

    @property
    def median(self) -> float:
        """Milliseconds of processor time a film."""
        return statistics.median(self.milliseconds)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way; 0 leaves single films out")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--files", type=int, default=1000, help="files in the folder; 0 leaves it out")
    parser.add_argument("--write", action="store_true", help=f"also write {RESULTS.relative_to(ROOT)}")
    chosen = parser.parse_args(arguments)
    facts = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        paths = _films(Path(folder))
        ways = _measure(paths, chosen.rounds, chosen.seconds) if chosen.rounds else []
        runs = [_folder(Path(folder), paths, chosen.files, start) for start in (10**6, 0)] if chosen.files else []
    asked = " ".join(["python -m benchmarks.reading", *(sys.argv[1:] if arguments is None else arguments)])
    report = render(ways, runs, facts, asked)
    print(report)
    if chosen.write:
        RESULTS.write_text(report + "\n", encoding="utf-8")
    return 0


def _films(folder: Path) -> dict[str, Path]:
    """One film of each kind: what a digital X-ray room sends, and what research sets hold."""
    large, small = phantom(1, height=2500, width=2048), phantom(2, height=1024, width=1024)
    plain = pydicom.dcmread(BytesIO(as_dicom(large)))
    stored = np.frombuffer(plain.PixelData, "<u2").reshape(plain.Rows, plain.Columns)
    jpeg = pydicom.dcmread(BytesIO(as_dicom(large)))
    stream = imagecodecs.jpeg8_encode(stored, lossless=True, predictor=1, bitspersample=int(plain.BitsStored))
    jpeg.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
    jpeg["PixelData"].VR, jpeg["PixelData"].is_undefined_length = "OB", True
    jpeg.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    out = BytesIO()
    pydicom.dcmwrite(out, jpeg)
    made = {
        f"{plain.Columns} x {plain.Rows}, {plain.BitsStored} bits, DICOM uncompressed": as_dicom(large),
        f"{plain.Columns} x {plain.Rows}, {plain.BitsStored} bits, DICOM JPEG Lossless": out.getvalue(),
        "1024 x 1024, 8 bits, PNG": as_png(small, 8),
        "1024 x 1024, 16 bits, PNG": as_png(small),
    }
    paths = {name: folder / f"film-{number}" for number, name in enumerate(made)}
    for name, path in paths.items():
        path.write_bytes(made[name])
    return paths


def _measure(paths: dict[str, Path], rounds: int, seconds: float) -> list[Way]:
    """Each way of reading each film; all of one film take turns, then those of the next."""
    done = []
    for name, path in paths.items():
        peer = "pydicom" if "DICOM" in name else "opencv"
        ways = [Way(name, way, _process(way, path)) for way in ("ours", peer)]
        for way in ways:
            way.hear()
        for number in range(rounds):
            for way in ways if number % 2 else ways[::-1]:
                way.turn(seconds)
        for way in ways:
            way.end()
        done += ways
    return done


def _process(way: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.read_subject", way, str(path)]
    return subprocess.Popen(  # noqa: S603  (our own module, with a path of our own)
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A folder screened: by threads or processes, films a second, and megabytes held after every tenth of it."""

    how: str
    films: int
    per_second: float
    megabytes: tuple[float, ...]


def _folder(folder: Path, paths: dict[str, Path], files: int, processes_from: int) -> Run:
    """Screen ``files`` names of the two PNG films and the two DICOM films, one of these in five."""
    many = folder / f"many-{processes_from}"
    many.mkdir()
    kinds = list(paths.values())
    for number in range(files):
        (many / f"{number:05d}").hardlink_to(kinds[number % 2] if number % 5 == 0 else kinds[2 + number % 2])
    settings = Settings(processes_from=processes_from, threads=cores(), second_opinions="none")
    screener, held = Screener(settings), []
    with closing(screener.screen(from_paths([many], settings))) as screenings:
        start = time.perf_counter()
        for number, screening in enumerate(screenings, 1):
            if screening.status != "screened":
                raise RuntimeError(f"a phantom was refused: {screening.refusal}")
            if number % max(1, files // 10) == 0:
                held.append(machine.resident_mb())
        seconds = time.perf_counter() - start
    how = "threads" if processes_from else "processes"
    return Run(f"{screener.readers} {how}", files, files / seconds, tuple(held))


def render(ways: list[Way], runs: list[Run], facts: list[str], asked: str) -> str:
    """The tables as Markdown, what was asked for, and the machine."""
    lines = ["# Reading speed", "", f"`{asked}`", "", *(_films_table(ways) if ways else [])]
    if runs:
        rows = [
            ["Folder read by", "films", "films/s", "MB held after each tenth, all processes"],
            ["---", *["---:"] * 3],
        ]
        rows += [
            [run.how, str(run.films), f"{run.per_second:.1f}", " ".join(f"{mb:.0f}" for mb in run.megabytes)]
            for run in runs
        ]
        lines += [
            *_table(rows),
            "",
            "Of five films four are the PNG ones, one a DICOM one; both shipped detectors run.",
            "",
        ]
    return "\n".join(lines + [f"- {fact}" for fact in facts])


def _films_table(ways: list[Way]) -> list[str]:
    peers = {way.film: way for way in ways if way.way != "ours"}
    rows = [["Film", "Way", "ms a film", "peak MB above imports", f"times the peer (goal {GOAL})"]]
    rows.append(["---", "---", "---:", "---:", "---:"])
    for way in ways:
        times = f"{way.median:.1f} ({min(way.milliseconds):.1f}-{max(way.milliseconds):.1f})"
        ratio = f"{way.median / peers[way.film].median:.2f}" if way.way == "ours" else "1"
        rows.append([way.film, NAMES[way.way], times, f"{way.peak_mb - way.imports_mb:.0f}", ratio])
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}, from bytes to float32 model input of 320 x 320; processor time of one "
        f"thread, median, lowest and highest of {len(ways[0].milliseconds)} interleaved turns. Ours checks sizes and "
        "checksums, hashes the bytes, reads the patient, looks for borders and mends what is broken; the peers do not."
    )
    return [*_table(rows), "", how, ""]


def _table(rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in rows]


if __name__ == "__main__":
    sys.exit(main())
