"""python -m tests.fuzz [--minutes 10] [--seed N] [--keep DIR]: mutated films, each read in a bounded process.

Prints a summary in Markdown. Exit code 1 if anything was found: a process that died, a film that took too long or too
much memory, an exception that is no refusal, a message with something of a patient in it. What was found is made small
and written to DIR.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.mutate import spoil
from tests.fuzz.seeds import seeds

ROOT = Path(__file__).resolve().parents[2]
# Processor time of one file of at most a few kilobytes; wall time only ends what sleeps for ever.
CPU_SECONDS, WALL_SECONDS = 5.0, 120.0
# Above the process at its start. The largest film allowed here takes 4 megapixels x 10 bytes, and a decoder beside it.
MEGABYTES = 300
_TRIES = 60


class Pool:
    """One process that reads files; a new one after each that died."""

    def __init__(self, command=(sys.executable, "-m", "tests.fuzz.worker"), seconds=CPU_SECONDS, wall=WALL_SECONDS):
        self._command, self._seconds, self._wall = command, seconds, wall
        self._process = None
        self._peak = 0

    def outcome(self, data):
        """What came of the bytes: outcomes as text, or the kind of find."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        try:
            self._process.stdin.write(struct.pack("<I", len(data)) + data)
            self._process.stdin.flush()
            line = self._line()
        except (BrokenPipeError, TimeoutError) as exc:
            self.close()
            return "hang" if isinstance(exc, TimeoutError) else "crash"
        if not line:
            code = self._process.wait()
            self.close()
            return f"crash (signal {-code})" if code < 0 else f"crash (exit {code})"
        told = json.loads(line)
        grown = told["peak"] - (self._peak or told["peak"])
        self._peak = max(told["peak"], self._peak)
        if grown > MEGABYTES:
            self.close()
            return "memory"
        if told["seconds"] > self._seconds:
            return "slow"
        return " / ".join(sorted(set(told["outcomes"])))

    def _start(self):
        self.close()
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "SILENT"}
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=quiet, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the reading process does not start: python -m tests.fuzz.worker says why")
        self.outcome(next(iter(seeds().values())))  # what a first film takes is not counted

    def _line(self):
        """The answer; TimeoutError where it takes too much processor time or never comes."""
        started, spent = time.monotonic(), self._cpu()
        while not select.select([self._process.stdout], [], [], 1.0)[0]:
            if self._cpu() - spent > 2 * self._seconds or time.monotonic() - started > self._wall:
                raise TimeoutError
        return self._process.stdout.readline()

    def _cpu(self):
        """Seconds of processor time the process has taken (proc(5): fields 14 and 15)."""
        with contextlib.suppress(OSError, IndexError):
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def close(self):
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
            self._peak = 0


def is_find(outcome):
    """Whether an outcome should never be."""
    return outcome.startswith(("crash", "hang", "memory", "slow", "nothing")) or any(
        word in outcome for word in ("raised", "leak", "refused", "memory")
    )


def small(pool, data, kind):
    """The bytes with what does not matter taken out, as long as the outcome stays of the same kind."""
    size, tries = len(data) // 2, 0
    while size >= 16 and tries < _TRIES:
        at = 0
        while at < len(data) and tries < _TRIES:
            shorter, tries = data[:at] + data[at + size :], tries + 1
            if pool.outcome(shorter).split(" ")[0] == kind.split(" ")[0]:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def fuzz(minutes, seed, keep):
    """(outcome counts, finds by kind and format) of a run; the finds are written to ``keep``."""
    rng, pool, counts, finds = random.Random(seed), Pool(), Counter(), Counter()
    until = time.monotonic() + 60 * minutes
    try:
        while time.monotonic() < until:
            name, whole = rng.choice(sorted(seeds().items()))
            data = spoil(rng, whole)
            outcome = pool.outcome(data)
            counts[outcome] += 1
            if is_find(outcome):
                outcome_again = pool.outcome(data)
                kind = f"{outcome} in {name}" + ("" if is_find(outcome_again) else " (not repeated)")
                finds[kind] += 1
                if finds[kind] <= 2:
                    _write(keep, kind, small(pool, data, outcome) if is_find(outcome_again) else data)
    finally:
        pool.close()
    return counts, finds


def _write(keep, kind, data):
    keep.mkdir(parents=True, exist_ok=True)
    slug = "".join(letter if letter.isalnum() else "-" for letter in kind)
    (keep / f"{slug}-{hashlib.sha256(data).hexdigest()[:8]}").write_bytes(data)


def summary(counts, finds, minutes, seed):
    """The run in Markdown."""
    total = sum(counts.values())
    lines = [f"{total:,} files in {minutes:g} minutes (seed {seed}), {sum(finds.values())} finds.", ""]
    lines += ["| outcome | files |", "|---|---|"]
    lines += [f"| {outcome} | {count:,} |" for outcome, count in counts.most_common()]
    return "\n".join([*lines, "", *(f"- {kind}: {count}" for kind, count in finds.most_common())])


def main():
    """Run and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, default=Path("fuzz-finds"), metavar="DIR")
    args = parser.parse_args()
    counts, finds = fuzz(args.minutes, args.seed, args.keep)
    print(summary(counts, finds, args.minutes, args.seed))
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
