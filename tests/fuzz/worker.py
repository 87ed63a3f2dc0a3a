"""Reads files that may be spoilt, one after the other, in a process that may die of them.

In, on standard input: a length of four bytes, then so many bytes, again and again. Out, on standard output: a line of
JSON for each: what came of it, seconds of processor time, megabytes at the peak. Memory is bounded by the system.
"""

import json
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

from cxr_core.errors import Refusal
from cxr_core.read import read
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings

# Small limits: a film of 60 megapixels may take what it takes; the seeds are of 80 x 72.
SETTINGS = Settings(max_file_mb=8, max_megapixels=4, max_upload_mb=32, max_files=50)
_HEADROOM = 1_500_000_000
_SECRET = "SYNTHETIC"


def main():
    """Answer until the input ends."""
    source, answers = sys.stdin.buffer, sys.stdout
    _bound_memory()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        print("ready", file=answers, flush=True)
        while len(head := source.read(4)) == 4:
            path.write_bytes(source.read(struct.unpack("<I", head)[0]))
            started = time.process_time()
            outcomes = _outcomes(path)
            seconds, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
            print(json.dumps({"outcomes": outcomes, "seconds": seconds, "peak": peak}), file=answers, flush=True)


def _bound_memory():
    with Path("/proc/self/statm").open(encoding="ascii") as stream:
        now = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + _HEADROOM, now + _HEADROOM))


def _outcomes(path):
    """What came of each input in the file: "read", a refusal's code, or what should never be."""
    try:
        return [_outcome(item) for item in from_paths([path], SETTINGS)] or ["nothing"]
    except Exception as exc:  # noqa: BLE001 - whatever leaves the reader is what is looked for
        return [f"raised {type(exc).__name__}"]


def _outcome(item):
    try:
        film = read(item.load(), item.name, SETTINGS)
    except Refusal as refusal:
        if _SECRET in refusal.message:
            return "leak"
        return "memory" if "MemoryError" in refusal.message else refusal.code
    except Exception as exc:  # noqa: BLE001 - as above
        return f"raised {type(exc).__name__}"
    warned = "+".join(sorted(warning.code for warning in film.warnings))
    return f"read, warned {warned}" if warned else "read"


if __name__ == "__main__":
    main()
