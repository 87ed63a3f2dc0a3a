"""The cost of a run as it grows, from bytes to stored rows, and the exponent that fits it: 1 is in proportion.

    python -m benchmarks growth --write

Small generated films (128 pixels a side), so that what is measured is not their reading. Every size starts with an
empty store. The exponent is the slope of log seconds over log films from a hundred on: below, the start counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks import films, report
from benchmarks.report import Section, publish
from benchmarks.site import arguments as of_site
from benchmarks.site import site
from cxr_core.intake import take_in

SIZES = (10, 100, 1_000, 10_000)


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description=__doc__.split("\n\n")[0])
    parser.add_argument("--most", type=int, default=10_000, help="largest run")
    of_site(parser)
    chosen = parser.parse_args(given)
    chosen.command = report.command("growth", given)
    facts, sizes = report.facts(), [size for size in SIZES if size <= chosen.most]
    seconds = [_seconds(size, chosen) for size in sizes]
    publish(_section(sizes, seconds, chosen), facts, write=chosen.write)
    return 0


def _seconds(size: int, chosen: argparse.Namespace) -> float:
    with (
        tempfile.TemporaryDirectory() as place,
        site(Path(place), chosen.networks, chosen.threads) as (screener, store),
    ):
        begin = time.perf_counter()
        count = sum(1 for _ in take_in(films.inputs(size), screener, store))
        taken = time.perf_counter() - begin
    if count != size:
        raise RuntimeError(f"{count} of {size} films came out")
    print(f"{size} films in {taken:.1f} s", file=sys.stderr)
    return taken


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """The slope of log seconds over log films, from a hundred films on where there are two such sizes."""
    pairs = [(n, s) for n, s in zip(sizes, seconds, strict=True) if n >= 100]
    if len(pairs) < 2:
        pairs = list(zip(sizes, seconds, strict=True))
    if len(pairs) < 2:
        return float("nan")
    return float(np.polyfit(*np.log(np.array(pairs)).T, 1)[0])


def _section(sizes: list[int], seconds: list[float], chosen: argparse.Namespace) -> Section:
    rows = [["Films", "seconds", "ms a film"]]
    rows += [[f"{n:,}", f"{s:.2f}", f"{1000 * s / n:.2f}"] for n, s in zip(sizes, seconds, strict=True)]
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}, one run a size. Networks: {chosen.networks}. "
        f"Exponent: {exponent(sizes, seconds):.2f} (1 is in proportion)."
    )
    name = "growth" if chosen.networks == "shipped" else "growth without the networks"
    return Section(name, chosen.command, rows, how)


if __name__ == "__main__":
    sys.exit(main())
