"""A site for measurements: the shipped models, or networks that cost nothing, over a store of its own.

In: what is chosen. Out: a Screener and a Store. With ``none`` in the place of the networks everything else is measured:
queues, reading, preparing, decoding, storing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxr_core.detect import Detector, load_cards
from cxr_core.detect.raw import Floats, RawOutput
from cxr_core.pipeline import Screener
from cxr_core.settings import Settings
from cxr_core.store import Store


@dataclass
class NoNetwork:
    """Answers at once: one box of each class, every score a tenth."""

    classes: int
    name: str = "none"
    has_maps: bool = False

    def warm_up(self, most: int) -> None:
        """Nothing to do."""

    def run(self, batch: Floats, *, maps: bool = False) -> RawOutput:
        """The same for every film."""
        del maps
        scores = np.full((len(batch), self.classes), 0.1, np.float32)
        boxes = np.broadcast_to(np.float32((0.25, 0.25, 0.5, 0.5)), (len(batch), 1, 1, 4))
        return RawOutput(scores, boxes, scores[:, None])


def arguments(parser: argparse.ArgumentParser) -> None:
    """What every measurement over a site may be told."""
    parser.add_argument("--networks", choices=("shipped", "none"), default="shipped", help="none: all but the networks")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of a network; 0: as the app chooses")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")


@contextmanager
def site(
    folder: Path, networks: str = "shipped", threads: int = 0, **facts: object
) -> Iterator[tuple[Screener, Store]]:
    """Screener and store of a data folder, the detectors alone."""
    settings = Settings(data_dir=folder, threads=threads, second_opinions="none", **facts)  # type: ignore[arg-type]
    idle = (
        [Detector(card, NoNetwork(len(card.labels))) for card in load_cards(settings)] if networks == "none" else None
    )
    store = Store(settings)
    try:
        yield Screener(settings, idle), store
    finally:
        store.close()
