"""Every measurement by its name: ``python -m benchmarks NAME [options]``; ``NAME --help`` tells the options.

Each prints one table with the machine's description and writes it into RESULTS.md with ``--write``. What is compared is
measured in one run, in turns, so that whatever else the machine does meets all alike. Peers: requirements-bench.txt.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "detectors": ("inference", "the networks by runtime, beside DenseNet121-224 and the zoo's SSD MobileNetV2"),
        "reading": ("reading", "bytes to model input, beside pydicom and OpenCV"),
        "folder": ("folder", "a mixed folder from file bytes to stored rows, beside one file after the other"),
        "growth": ("growth", "the cost of a run as it grows, and its exponent"),
        "memory": ("memory", "memory held over thousands of images"),
        "start": ("start", "the app's start to its first page, beside a bare Streamlit page"),
        "upload": ("upload", "a film's way from upload to drawn boxes in a real browser"),
        "exchange": ("exchange", "the DICOM listener under stress, and its speed beside dcmtk's storescp"),
        "worklist": ("worklist", "a worklist of 100,000 films: opened, ranked, filtered, paged"),
        "floor": ("floor", "each stage beside what this processor and its memory allow"),
    }
)
"""Names, the modules whose ``main(arguments)`` measures, and what."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one measurement; 2 for a name that is not known."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in ([], ["-h"], ["--help"]):
        print(__doc__ + "\n" + "\n".join(f"  {name:10} {meaning}" for name, (_, meaning) in COMMANDS.items()))
        return 0 if given else 2
    name, *rest = given
    if name not in COMMANDS:
        print(f"{name} is none of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"benchmarks.{COMMANDS[name][0]}").main(rest))


if __name__ == "__main__":
    sys.exit(main())
