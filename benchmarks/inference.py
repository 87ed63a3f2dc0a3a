"""How fast, and in how much memory: our detectors by runtime, beside other networks and other runtimes.

    python -m benchmarks detectors                  one table on stdout
    python -m benchmarks detectors --write          and in benchmarks/RESULTS.md

Beside them: a DenseNet121-224 in torch, the zoo's SSD MobileNetV2 in plain Keras, and our own networks on OpenVINO and
ONNX Runtime. Each subject runs in its own process; all are started first, then take short turns round after round, so
that whatever else the machine does meets them alike. A figure is the median over the rounds. Peers that are not
installed are named and left out: requirements-bench.txt.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.report import Section, publish, spread
from cxr_core.card import ModelCard
from cxr_core.detect import folder_card, model_folders
from cxr_core.errors import ModelError
from cxr_core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PEER, ZOO = "DenseNet121-224", "SSD MobileNetV2 320, zoo's shape"
RUNTIMES = {
    "litert": "LiteRT",
    "litert_int8": "LiteRT, 8 bits",
    "tensorflow": "TensorFlow",
    "torch": "torch",
    "keras": "Keras predict",
    "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime",
}
FILES = {"litert": "litert", "litert_int8": "litert_int8", "tensorflow": "saved_model"}
PEERS = {"torch": PEER, "keras": ZOO}
"""Networks of others, by the package that runs them."""
OTHER_RUNTIMES = {"openvino": "openvino", "onnxruntime": "tf2onnx"}
"""Runtimes of others for our own networks, and the package that each needs beside itself."""


@dataclass(slots=True)
class Subject:
    """One row: a process that waits for its turns, and what came of them; milliseconds a film by batch size."""

    name: str
    runtime: str
    process: subprocess.Popen[str]
    input: str = ""
    peak_mb: float = 0.0
    milliseconds: dict[int, list[float]] = field(default_factory=dict)

    def hear(self) -> dict[str, Any]:
        """Its next line; RuntimeError if it ended instead (its own message is on stderr)."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError(f"{self.name} on {self.runtime} stopped without an answer; see the message above")
        return dict(json.loads(line))

    def turn(self, batch: int, seconds: float, clock: str) -> None:
        """Let it work for a moment; ``clock``: "seconds" that pass, or those of the "processor"."""
        self.process.stdin.write(f"{batch} {seconds}\n")
        self.process.stdin.flush()
        heard = self.hear()
        self.milliseconds.setdefault(batch, []).append(1000 * heard[clock] / heard["films"])

    def end(self) -> None:
        """No more turns."""
        self.process.stdin.close()
        self.peak_mb = self.hear()["peak_mb"]

    def stop(self) -> None:
        """End the process, wherever it is."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def median(self, batch: int) -> float:
        """Milliseconds a film."""
        return statistics.median(self.milliseconds[batch])

    @property
    def best(self) -> float:
        """Milliseconds a film at the batch size that suits it."""
        return min(self.median(batch) for batch in self.milliseconds)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 if there is no model to measure."""
    chosen = _parse(arguments)
    try:
        models = [(folder_card(folder), folder) for folder in model_folders(chosen.models)]
    except ModelError as exc:
        print(f"nothing to measure: {exc}", file=sys.stderr)
        return 1
    facts = report.facts()
    subjects = _plan(models, chosen.threads, chosen.runtime)
    try:
        _measure(subjects, chosen)
    finally:
        for subject in subjects:
            subject.stop()
    publish(render(subjects, chosen), facts, write=chosen.write)
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks detectors", description=__doc__.split("\n\n")[0])
    parser.add_argument("--models", type=Path, default=Settings().models_dir, help="folder of model folders")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each subject and batch size")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="films given at once")
    parser.add_argument("--threads", type=int, default=machine.cores(), help="CPU threads of each subject")
    clock = "which milliseconds: those that pass, or the processor's (with --threads 1, where others keep it busy)"
    parser.add_argument("--clock", choices=("seconds", "processor"), default="seconds", help=clock)
    parser.add_argument("--runtime", choices=tuple(FILES), nargs="+", default=list(FILES))
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    return parser.parse_args(arguments)


def _plan(models: list[tuple[ModelCard, Path]], threads: int, runtimes: list[str]) -> list[Subject]:
    """All subjects, their processes started: each model, the detectors on one film, all models on it, the peers."""
    plan = []
    for runtime in runtimes:
        held = [(card, folder) for card, folder in models if FILES[runtime] in card.files]  # foreign: TensorFlow alone
        detectors = [item for item in held if item[0].role == "detector"]
        groups = {
            " + ".join(card.name for card, _ in group): group for group in (*([item] for item in held), detectors)
        }
        if len(detectors) < len(held):
            groups["the same and the second opinions"] = held
        plan += [(name, runtime, [folder for _, folder in group]) for name, group in groups.items() if group]
    plan += [(name, runtime, []) for runtime, name in PEERS.items() if _there(name, runtime)]
    ours = [(card.name, folder) for card, folder in models if card.role == "detector" and "litert" in card.files]
    together, folders = " + ".join(name for name, _ in ours), [folder for _, folder in ours]
    plan += [(together, runtime, folders) for runtime, more in OTHER_RUNTIMES.items() if _there(runtime, runtime, more)]
    return [Subject(name, runtime, _process(runtime, paths, threads)) for name, runtime, paths in plan]


def _there(name: str, *packages: str) -> bool:
    """Whether what a peer needs is installed; said if not."""
    there = all(importlib.util.find_spec(package) for package in packages)
    if not there:
        print(f"{name} is left out: pip install -r requirements-bench.txt", file=sys.stderr)
    return there


def _process(runtime: str, folders: list[Path], threads: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.subject", runtime, *map(str, folders), "--threads", str(threads)]
    return subprocess.Popen(  # noqa: S603  (our own module, with paths of the caller's)
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _measure(subjects: list[Subject], chosen: argparse.Namespace) -> None:
    """Wait until all are loaded; then round after round, each subject once, every round beginning with another."""
    for subject in subjects:
        subject.input = subject.hear()["input"]
    for number in range(chosen.rounds):
        start = number % len(subjects)
        for subject in subjects[start:] + subjects[:start]:
            for batch in chosen.batch:
                subject.turn(batch, chosen.seconds, chosen.clock)
        print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
    for subject in subjects:
        subject.end()


_CLOCKS = {"seconds": "time that passed", "processor": "time of the processor, which waiting for it does not lengthen"}


def render(subjects: list[Subject], chosen: argparse.Namespace) -> Section:
    """The table, and what a row means."""
    peer = next((subject.best for subject in subjects if subject.name == PEER), None)
    heads = ["Network", "Runtime", "Input", *(f"ms an image, batch {size}" for size in chosen.batch)]
    rows = [[*heads, "images/s", "peak MB", f"times {PEER}"]]
    rows += [_row(subject, chosen.batch, peer) for subject in subjects]
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {chosen.rounds} rounds of {chosen.seconds:g} s a subject and batch "
        f"size, interleaved; median, lowest and highest in brackets; {_CLOCKS[chosen.clock]}. Threads each: "
        f"{chosen.threads}. Ours from prepared film to decoded, calibrated findings; others without "
        "decoding. Images a second and the ratio are at the batch size that suits each subject best. Peak memory is of "
        "the whole process."
    )
    command = f"python -m benchmarks detectors --threads {chosen.threads} --clock {chosen.clock} --write"
    return Section("detectors", command, rows, how, words=3)


def _row(subject: Subject, batches: list[int], peer: float | None) -> list[str]:
    times = [spread(subject.milliseconds[size]) for size in batches]
    ratio = f"{peer / subject.best:.1f} as fast" if peer else "not measured"
    rate, memory = f"{1000 / subject.best:.1f}", f"{subject.peak_mb:.0f}"
    return [subject.name, RUNTIMES[subject.runtime], subject.input, *times, rate, memory, ratio]


if __name__ == "__main__":
    sys.exit(main())
