"""One way of reading one film, alone in its process, so that its peak memory is its own.

In: a line ``SECONDS`` on stdin for each turn. Out: a JSON line for each: films read and processor seconds; at the end
of stdin the peak memory and what the imports alone had taken. ``benchmarks.reading`` starts it and gives the turns.

All go from bytes in memory to float32 greys 0 to 255 that fit into 320 x 320. The peers do what scripts do: pydicom's
pixel_array, apply_modality_lut, apply_voi_lut and a resize; OpenCV's decoder and a resize. They check nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np

from benchmarks.subject import peak_mb

SIDE = 320

Read = Callable[[bytes], object]


def main(arguments: list[str] | None = None) -> int:
    """Get ready, say so, then take turns until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=["ours", "pydicom", "opencv"])
    parser.add_argument("film", type=Path)
    chosen = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    read = {"ours": _ours, "pydicom": _pydicom, "opencv": _opencv}[chosen.way]()
    bare, data = peak_mb(), chosen.film.read_bytes()
    _say({"ready": 1})
    for line in sys.stdin:
        _say(_turn(read, data, float(line)))
    _say({"peak_mb": peak_mb(), "imports_mb": bare})
    return 0


def _turn(read: Read, data: bytes, seconds: float) -> dict[str, float]:
    """Read the film until the time is over; once before that does not count."""
    read(data)
    films, begin, start = 0, time.perf_counter(), time.process_time()
    while not films or time.perf_counter() - begin < seconds:
        read(data)
        films += 1
    return {"films": films, "seconds": time.process_time() - start}


def _ours() -> Read:
    from cxr_core.card import InputSpec  # noqa: PLC0415  (the peers must not pay for our imports)
    from cxr_core.prepare import prepare  # noqa: PLC0415
    from cxr_core.read import read  # noqa: PLC0415
    from cxr_core.settings import Settings  # noqa: PLC0415

    spec, settings = InputSpec(SIDE, SIDE), Settings()
    return lambda data: prepare((read(data, "film", settings),), spec)


def _pydicom() -> Read:
    import pydicom  # noqa: PLC0415
    from pydicom.pixels import apply_modality_lut, apply_voi_lut  # noqa: PLC0415

    def read(data: bytes) -> object:
        dataset = pydicom.dcmread(BytesIO(data))
        shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        shown = shown.astype(np.float32)
        return _fitted((shown - shown.min()) * (255 / np.ptp(shown)))

    return read


def _opencv() -> Read:
    def read(data: bytes) -> object:
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
        return _fitted(shown).astype(np.float32) / (257 if shown.dtype == np.uint16 else 1)

    return read


def _fitted(shown: np.ndarray) -> np.ndarray:
    scale = SIDE / max(shown.shape)
    size = (round(shown.shape[1] * scale), round(shown.shape[0] * scale))
    return cv2.resize(shown, size, interpolation=cv2.INTER_AREA)


def _say(facts: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
