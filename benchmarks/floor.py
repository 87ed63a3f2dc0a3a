"""Each stage beside what this machine allows: multiply-adds over its peak, bytes over its memory's bandwidth.

    python -m benchmarks floor --write

The peak is measured with a large single-precision matrix product, the bandwidth with a copy of an array that no cache
holds, each on as many threads as its library takes, in turns with the stages. A stage's floor is the larger of its
two times. Multiply-adds are counted from the LiteRT file: convolutions and dense layers. Bytes: what a stage must at
least read and write once; of a network its weights and every layer's output. In 8 bits a processor may do better than
its peak in single precision: a distance below 1 is possible there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks import films, report
from benchmarks.report import Section, publish
from benchmarks.site import arguments as of_site
from benchmarks.site import site
from cxr_core import gate
from cxr_core.detect import load_detectors, model_folders
from cxr_core.detect.decode import decode
from cxr_core.detect.runtimes import threads
from cxr_core.prepare import prepare
from cxr_core.read import read
from cxr_core.records import Screening
from cxr_core.settings import Settings
from cxr_core.store import Store

_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_WIDTH = {schema.TensorType.FLOAT32: 4, schema.TensorType.INT32: 4, schema.TensorType.INT8: 1}


@dataclass(frozen=True, slots=True)
class Stage:
    """What one film costs at least: ``work`` multiply-adds, ``moved`` bytes; and the call that does it."""

    name: str
    work: float
    moved: float
    call: Callable[[], object]


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks floor", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="turns of each; the median counts")
    of_site(parser)
    chosen = parser.parse_args(given)
    facts, count = report.facts(), chosen.threads or threads(Settings())
    with tempfile.TemporaryDirectory() as place, site(Path(place), "none") as (screener, store):
        (screening,) = screener.screen(films.inputs(1))
        stages = [*_reading(), *_networks(count), _storing(store, screening)]
        product, copy = _product(), _copy()
        seconds: dict[str, list[float]] = {}
        for _ in range(chosen.rounds):
            for name, call in (("product", product[1]), ("copy", copy[1]), *((s.name, s.call) for s in stages)):
                begin = time.perf_counter()
                call()
                seconds.setdefault(name, []).append(time.perf_counter() - begin)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    peak, bandwidth = product[0] / min(seconds["product"]), copy[0] / min(seconds["copy"])
    publish(_section(stages, middle, (peak, bandwidth), chosen.rounds), facts, write=chosen.write)
    return 0


def _product() -> tuple[float, Callable[[], object]]:
    """Multiply-adds of a large product, and the product."""
    side = 2048
    a, b = (np.random.default_rng(seed).standard_normal((side, side), np.float32) for seed in (0, 1))
    out = np.empty_like(a)
    return float(side**3), lambda: np.matmul(a, b, out=out)


def _copy() -> tuple[float, Callable[[], object]]:
    """Bytes read and written by a copy that no cache holds, and the copy."""
    source = np.ones(32_000_000, np.float64)
    target = np.zeros_like(source)
    return 2.0 * source.nbytes, lambda: np.copyto(target, source)


def _reading() -> list[Stage]:
    """Reading, judging and preparing one film of each kind that a mixed folder holds."""
    settings, stages = Settings(), []
    network = gate.load(settings)
    specs = tuple(dict.fromkeys(detector.card.input for detector in load_detectors(settings)))
    for kind in ("png", "jpeg", "dicom"):
        data = films.film(kind, 1)
        film = read(data, "film", settings)
        stages.append(Stage(f"read, {kind}", 0, len(data) + film.pixels.nbytes, _reads(data, settings)))
    pixels = film.pixels.nbytes
    macs, moved = counted(settings.models_dir / "gate" / "model.tflite") if network else (0.0, 0.0)
    stages.append(Stage("gate", macs, moved + pixels, lambda: gate.judge(film, settings, network)))
    written = sum(4 * spec.height * spec.width * spec.channels for spec in specs)
    stages.append(Stage("prepare", 0, pixels + written, lambda: [prepare((film,), spec) for spec in specs]))
    return stages


def _reads(data: bytes, settings: Settings) -> Callable[[], object]:
    return lambda: read(data, "film", settings)


def _networks(count: int) -> list[Stage]:
    """Each detector by LiteRT file, and its decoding."""
    stages: list[Stage] = []
    for runtime in ("litert", "litert_int8"):
        settings = Settings(runtime=runtime, threads=count)
        for detector in load_detectors(settings):
            if detector.runtime_name != runtime:
                continue
            folder = next(path for path in model_folders(settings.models_dir) if path.name == detector.card.name)
            macs, moved = counted(folder / detector.card.files[runtime].path)
            spec = detector.card.input
            film = np.full((1, spec.height, spec.width, spec.channels), 90, np.float32)
            stages.append(Stage(f"{detector.card.name}, {runtime}", macs, moved, _runs(detector.runtime, film)))
            if runtime == "litert":
                raw = detector.runtime.run(film)
                stages.append(
                    Stage(
                        f"decode, {detector.card.name}",
                        0,
                        raw.boxes.nbytes + raw.scores.nbytes,
                        _decodes(detector, raw),
                    )
                )
    return stages


def _runs(runtime: object, film: np.ndarray) -> Callable[[], object]:
    return lambda: runtime.run(film)  # type: ignore[attr-defined]


def _decodes(detector: object, raw: object) -> Callable[[], object]:
    card = detector.card  # type: ignore[attr-defined]
    return lambda: decode(raw.boxes, raw.scores, card.input, card.decoding, 0.05)  # type: ignore[attr-defined]


def _storing(store: Store, screening: Screening) -> Stage:
    """One row. A disk is slower than memory, so its distance tells of the disk."""
    numbers = iter(range(10**9))

    def call() -> None:
        store.save(replace(screening, sha256=f"{next(numbers):064x}"), datetime.now(UTC))

    return Stage("store one row", 0, 4096, call)


def counted(path: Path) -> tuple[float, float]:
    """Multiply-adds of a LiteRT file's convolutions and dense layers, and bytes of its weights and layers' outputs."""
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    macs = moved = 0.0
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = codes[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        out = graph.Tensors(operator.Outputs(0))
        moved += _size(out) * _WIDTH.get(out.Type(), 4)
        if kind in _CONVOLUTIONS:
            weights = graph.Tensors(operator.Inputs(1))
            moved += _size(weights) * _WIDTH.get(weights.Type(), 4)
            shape = weights.ShapeAsNumpy()
            # Weights are (out, h, w, in), of a depthwise layer (1, h, w, out), of a dense one (out, in).
            each = shape[1] * shape[2] if kind == "DEPTHWISE_CONV_2D" else int(np.prod(shape[1:]))
            macs += float(_size(out) * each)
    return macs, moved


def _size(tensor: object) -> int:
    return int(np.prod(tensor.ShapeAsNumpy()))  # type: ignore[attr-defined]


def _section(stages: list[Stage], middle: dict[str, float], limits: tuple[float, float], rounds: int) -> Section:
    peak, bandwidth = limits
    rows = [["Stage", "million multiply-adds", "MB moved", "limit", "floor, ms", "measured, ms", "times the floor"]]
    for stage in stages:
        by_work, by_bytes = stage.work / peak, stage.moved / bandwidth
        floor, limit = max(by_work, by_bytes), "arithmetic" if by_work > by_bytes else "memory"
        taken = middle[stage.name]
        cells = (f"{stage.work / 1e6:.0f}", f"{stage.moved / 1e6:.1f}", limit, f"{1000 * floor:.2f}")
        rows.append([stage.name, *cells, f"{1000 * taken:.2f}", f"{taken / floor:.1f}"])
    how = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {rounds} turns of each, median of the stages, best of the two limits. "
        f"Peak: {peak / 1e9:.0f} thousand million multiply-adds a second (a product of 2,048 x 2,048 in single "
        f"precision). Bandwidth: {bandwidth / 1e9:.1f} GB/s (a copy of 256 MB). Films of 1,024 pixels a side; each "
        "is read once, judged once, prepared once, and seen by each detector."
    )
    return Section("floor", "python -m benchmarks floor --write", rows, how)


if __name__ == "__main__":
    sys.exit(main())
