"""A film's way in a real browser: from the upload to its row, and to its boxes on the picture.

python -m benchmarks upload --write
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks import browser, films, report
from benchmarks.report import Section, publish


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks upload", description=__doc__.split("\n\n")[0])
    parser.add_argument("--uploads", type=int, default=50, help="films, one after the other")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    chosen = parser.parse_args(given)
    facts = report.facts()
    with tempfile.TemporaryDirectory() as place, browser.page() as page:
        paths = films.written(Path(place) / "films", chosen.uploads + 1)
        with browser.served(browser.ROOT / "streamlit_app.py", Path(place) / "data") as address:
            browser.answering(address)
            times = []
            for number, path in enumerate(paths):
                times.append(_upload(page, address, path))
                print(f"upload {number}: row {times[-1][0]:.2f} s, boxes {times[-1][1]:.2f} s", file=sys.stderr)
    publish(_section(np.array(times[1:]), times[0]), facts, write=chosen.write)
    return 0


def _upload(page: browser.Page, address: str, path: Path) -> tuple[float, float]:
    """Seconds from choosing the file until its row stands, and until the film stands with its boxes."""
    page.goto(f"{address}/Screen")
    page.get_by_text("Drop chest films here").first.wait_for()
    browser.settle(page)
    begin = time.perf_counter()
    page.locator('input[type="file"]').set_input_files(path)
    row = page.locator(".row").filter(has_text=path.name)
    row.wait_for()
    shown = time.perf_counter() - begin
    row.click()
    page.locator('.viewer[data-ready="true"]').wait_for()
    return shown, time.perf_counter() - begin


def _section(times: np.ndarray, first: tuple[float, float]) -> Section:
    rows = [["Upload to", "p50, s", "p95, s", "the very first, s"]]
    for place, name in enumerate(("its row", "its boxes, drawn on the picture")):
        low, high = np.percentile(times[:, place], (50, 95))
        rows.append([name, f"{low:.2f}", f"{high:.2f}", f"{first[place]:.2f}"])
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {len(times)} films of 1,024 pixels a side (PNG, JPEG, DICOM), one by "
        "one in one Chromium; the second row holds the first, the click on it and the film's page. The first, "
        "which loads the networks, is not among them."
    )
    return Section("upload", "python -m benchmarks upload --write", rows, how)


if __name__ == "__main__":
    sys.exit(main())
