"""A mixed folder from file bytes to stored rows, beside two ways of doing it one file after the other.

    python -m benchmarks folder --write

The folder is cut into as many parts as there are rounds; each part goes every way in turn, each way into a store of its
own. "One by one": our own reading, gate, networks and store, one file after the other. "Script": what scripts do,
pydicom or OpenCV, a resize, TensorFlow's serving function of each detector, a row in SQLite; no gate, no identity, no
checks. "Detectors alone": prepared films through the detectors, for what the rest costs beyond them. "All networks":
the gate's and the shortcut alarm's too, which look at each of these films as well. "Decoding alone": OpenCV or pydicom
unpack each file and nothing else: the least that anyone must spend beside the networks.

Processor time is of all threads and of the processes that ended with a way; a busy machine does not lengthen it.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pydicom

from benchmarks import films, report
from benchmarks.report import Section, publish, spread
from benchmarks.site import arguments as of_site
from benchmarks.site import site
from cxr_core import gate
from cxr_core.detect import Detector
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.read import read
from cxr_core.read.sources import from_paths
from cxr_core.records import COVID
from cxr_core.settings import Settings
from cxr_core.store import Store

_NETWORKS = {"detectors alone": "the detectors alone", "all networks": "all networks"}

Way = Callable[[Sequence[Path]], None]


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks folder", description=__doc__.split("\n\n")[0])
    parser.add_argument("--files", type=int, default=1000, help="files in the folder")
    parser.add_argument("--rounds", type=int, default=5, help="parts that it is cut into; the median over them counts")
    parser.add_argument("--no-script", action="store_true", help="leave the script on TensorFlow out")
    of_site(parser)
    chosen = parser.parse_args(given)
    chosen.command = report.command("folder", given)
    facts = report.facts()
    with tempfile.TemporaryDirectory() as place:
        paths = films.written(Path(place) / "films", chosen.files)
        times = _measure(Path(place), paths, chosen)
    publish(_section(times, chosen), facts, write=chosen.write)
    return 0


def _measure(place: Path, paths: Sequence[Path], chosen: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds a film of each way and part, by the clock and of the processor."""
    with (
        site(place / "a", chosen.networks, chosen.threads) as (screener, store),
        site(place / "b", chosen.networks, chosen.threads) as (_, other),
    ):
        ways: dict[str, Way] = {
            "ours": lambda part: _ours(part, screener, store),
            "one by one": lambda part: _one_by_one(part, screener, other),
            "detectors alone": lambda part: _networks(len(part), screener),
            "decoding alone": _decoding,
        }
        if chosen.networks == "shipped":
            ways["all networks"] = _all_networks(screener)
        if not chosen.no_script:
            ways["script"] = _script(screener, place / "script.sqlite3")
        for way in ways.values():
            way(films.written(place / "warm", 4, first=10**6))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        size = max(1, len(paths) // chosen.rounds)
        for number in range(chosen.rounds):
            part = paths[number * size : (number + 1) * size]
            for name in list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]:
                begin, used = time.perf_counter(), _processor()
                ways[name](part)
                spent = time.perf_counter() - begin, _processor() - used
                times[name].append((1000 * spent[0] / len(part), 1000 * spent[1] / len(part)))
            print(f"part {number + 1} of {chosen.rounds}", file=sys.stderr)
    return times


def _processor() -> float:
    """Seconds of the processor that this process and its ended children have used."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def _ours(part: Sequence[Path], screener: Screener, store: Store) -> None:
    for arrival in take_in(from_paths(part, Settings()), screener, store):
        if arrival.entry.screening.status != "screened":
            raise RuntimeError(f"a phantom was refused: {arrival.entry.screening.refusal}")


def _one_by_one(part: Sequence[Path], screener: Screener, store: Store) -> None:
    """Each file is read, screened and kept before the next one is opened."""
    for path in part:
        _ours([path], screener, store)


def _networks(count: int, screener: Screener) -> None:
    for detector in screener.detectors:
        _asked(detector, count)


def _asked(detector: Detector, count: int) -> None:
    spec = detector.card.input
    film = np.random.default_rng(0).integers(0, 256, (1, spec.height, spec.width, spec.channels)).astype(np.float32)
    for _ in range(count):
        detector.detect(film)


def _all_networks(screener: Screener) -> Way:
    """The gate's look, the detectors, and the alarm's second look: every generated film is flagged for COVID-19."""
    network, pixels = gate.load(Settings()), read(films.film("png", 1), "film", Settings()).pixels
    alarmed = [item for item in screener.detectors if COVID in {label.finding for label in item.card.labels}]

    def run(part: Sequence[Path]) -> None:
        for _ in part:
            if network:
                network(pixels)
        _networks(len(part), screener)
        for detector in alarmed:
            _asked(detector, len(part))

    return run


def _decoding(part: Sequence[Path]) -> None:
    for path in part:
        _pixels(path.read_bytes())


def _script(screener: Screener, database: Path) -> Way:
    """Files to rows as a script does it; the detectors' SavedModels give decoded boxes."""
    import tensorflow as tf  # noqa: PLC0415  (only this way pays for it)

    folder = Settings().models_dir
    serve = [
        tf.saved_model.load(str(folder / card.name / "saved_model")).signatures["serving_default"]
        for card in screener.cards
    ]

    def run(part: Sequence[Path]) -> None:
        with sqlite3.connect(database) as rows:
            rows.execute("create table if not exists found (file text, scores blob, boxes blob)")
            for path in part:
                data = path.read_bytes()
                grey = _pixels(data)
                for function, card in zip(serve, screener.cards, strict=True):
                    side = (card.input.width, card.input.height)
                    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA)
                    said = function(input_tensor=tf.constant(np.repeat(small[None, :, :, None], 3, -1)))
                    answer = [said[name].numpy().tobytes() for name in ("detection_scores", "detection_boxes")]
                    rows.execute("insert into found values (?, ?, ?)", (path.name, *answer))
                rows.commit()

    return run


def _pixels(data: bytes) -> np.ndarray:
    """(H, W) uint8, as scripts read it."""
    if data[128:132] != b"DICM":
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    made = pydicom.dcmread(BytesIO(data))
    return np.asarray(cv2.convertScaleAbs(made.pixel_array, alpha=255 / ((1 << made.BitsStored) - 1)))


def _section(times: dict[str, list[tuple[float, float]]], chosen: argparse.Namespace) -> Section:
    clock, used = ({name: [pair[k] for pair in values] for name, values in times.items()} for k in (0, 1))
    middle = {name: float(np.median(values)) for name, values in clock.items()}
    spent = {name: float(np.median(values)) for name, values in used.items()}
    rows = [["Way", "ms a film", "films/s", "times ours", "processor, ms a film", "times ours"]]
    rows += [
        [
            name,
            spread(clock[name]),
            f"{1000 / middle[name]:.1f}",
            f"{middle[name] / middle['ours']:.2f}",
            spread(used[name]),
            f"{spent[name] / spent['ours']:.2f}",
        ]
        for name in times
    ]
    told = [
        f"beyond {called} {100 * (middle['ours'] / middle[name] - 1):.0f}% by the clock and "
        f"{100 * (spent['ours'] / spent[name] - 1):.0f}% in processor time"
        for name, called in _NETWORKS.items()
        if name in times
    ]
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {chosen.files} files of 1,024 pixels a side (of ten six PNG, two "
        f"JPEG, two DICOM), in {chosen.rounds} parts that each went every way in turn; median, lowest and highest. "
        f"Networks: {chosen.networks}, without second opinions. Ours costs {', '.join(told)} (goal: less than 30%); "
        f"unpacking the files alone is {100 * spent['decoding alone'] / spent['detectors alone']:.0f}% of what the "
        "detectors take."
    )
    return Section("folder", chosen.command, rows, how)


if __name__ == "__main__":
    sys.exit(main())
