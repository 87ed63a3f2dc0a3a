"""From the command that starts the app to its first page, drawn; beside a bare Streamlit page.

python -m benchmarks start --write
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import browser, report
from benchmarks.report import Section, publish, spread

_BARE = 'import streamlit as st\n\nst.title("Bare")\n'


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks start", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="starts of each")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    chosen = parser.parse_args(given)
    facts = report.facts()
    times: dict[str, list[tuple[float, float]]] = {"the app": [], "a bare page": []}
    with tempfile.TemporaryDirectory() as place, browser.page() as page:
        bare = Path(place) / "bare.py"
        bare.write_text(_BARE, encoding="utf-8")
        scripts = {"the app": browser.ROOT / "streamlit_app.py", "a bare page": bare}
        for number in range(chosen.rounds):
            for name in list(scripts) if number % 2 else list(scripts)[::-1]:
                times[name].append(_start(scripts[name], Path(place) / "data", page))
                print(f"{name}: {times[name][-1][1]:.2f} s", file=sys.stderr)
    publish(_section(times, chosen.rounds), facts, write=chosen.write)
    return 0


def _start(script: Path, data: Path, page: browser.Page) -> tuple[float, float]:
    """Seconds until the server answers, and until its first page stands."""
    begin = time.perf_counter()
    with browser.served(script, data) as address:
        browser.answering(address)
        answers = time.perf_counter() - begin
        page.goto(address)
        page.locator("h1").first.wait_for()
        browser.settle(page)
        return answers, time.perf_counter() - begin


def _section(times: dict[str, list[tuple[float, float]]], rounds: int) -> Section:
    rows = [["Start of", "server answers, s", "first page drawn, s", "times a bare page"]]
    bare = statistics.median(whole for _, whole in times["a bare page"])
    for name, pairs in times.items():
        answers, whole = zip(*pairs, strict=True)
        rows.append([name, spread(answers, 2), spread(whole, 2), f"{statistics.median(whole) / bare:.2f}"])
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {rounds} starts of each in turn, the same Chromium; from command to "
        "heading and to the last word from the server. The app's first page loads no network; the first screening "
        "does."
    )
    return Section("start", "python -m benchmarks start --write", rows, how)


if __name__ == "__main__":
    sys.exit(main())
