"""Memory held over thousands of images, by this process and all that it starts: it must be flat.

python -m benchmarks memory --write
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks import films, machine, report
from benchmarks.report import Section, publish
from benchmarks.site import arguments as of_site
from benchmarks.site import site
from cxr_core.intake import take_in


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__.split("\n\n")[0])
    parser.add_argument("--films", type=int, default=5_000, help="images in the run")
    parser.add_argument("--kind", choices=("mixed", "small"), default="mixed", help="1,024 pixels a side, or 128")
    of_site(parser)
    chosen = parser.parse_args(given)
    chosen.command = report.command("memory", given)
    facts, kinds = report.facts(), films.MIXED if chosen.kind == "mixed" else films.SMALL
    held: list[float] = []
    with (
        tempfile.TemporaryDirectory() as place,
        site(Path(place), chosen.networks, chosen.threads) as (screener, store),
    ):
        for number, _ in enumerate(take_in(films.inputs(chosen.films, kinds), screener, store), 1):
            if number % max(1, chosen.films // 10) == 0:
                held.append(machine.resident_mb())
                print(f"{number} films, {held[-1]:.0f} MB", file=sys.stderr)
    publish(_section(held, chosen), facts, write=chosen.write)
    return 0


def slope(held: list[float], films_each: float) -> float:
    """Megabytes a thousand films, fitted over all but the first two tenths, when the last buffers have been filled."""
    later = held[2:] or held
    if len(later) < 2:
        return 0.0
    return float(np.polyfit(np.arange(len(later)) * films_each / 1000, later, 1)[0])


def _section(held: list[float], chosen: argparse.Namespace) -> Section:
    step = chosen.films // 10
    rows = [["Films", "MB held"]] + [[f"{step * (place + 1):,}", f"{mb:.0f}"] for place, mb in enumerate(held)]
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {chosen.films:,} films ({chosen.kind}), networks: {chosen.networks}; "
        f"resident memory of all processes. From the third tenth on {slope(held, step):+.1f} MB a thousand films."
    )
    return Section("memory", chosen.command, rows, how, words=0)


if __name__ == "__main__":
    sys.exit(main())
