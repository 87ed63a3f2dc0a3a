"""One thing that is measured, alone in its process, so that its peak memory is its own.

In: a line ``BATCH SECONDS`` on stdin for each turn. Out: a JSON line for each: films done and seconds taken; at the end
of stdin the peak memory. ``benchmarks.inference`` starts it and gives the turns.

A subject is timed from prepared films to what a program can use: detections for ours (network, decoding, suppression,
calibration), scores for the peer (network alone).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Films = npt.NDArray[np.float32]


def main(arguments: list[str] | None = None) -> int:
    """Get ready, say so, then take turns until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtime", choices=[*OURS, *OTHERS])
    parser.add_argument("folders", nargs="*", type=Path, help="model folders, run one after the other on each film")
    parser.add_argument("--threads", type=int, required=True)
    chosen = parser.parse_args(arguments)
    run, sizes = OTHERS[chosen.runtime](chosen) if chosen.runtime in OTHERS else _ours(chosen)
    _say({"input": sizes})
    for line in sys.stdin:
        batch, seconds = line.split()
        _say(_turn(run, int(batch), float(seconds)))
    _say({"peak_mb": peak_mb()})
    return 0


def _turn(run: Callable[[int], None], batch: int, seconds: float) -> dict[str, float]:
    """Call ``run`` with batches of films until the time is over; one call first that does not count."""
    run(batch)
    done, begin, start = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        run(batch)
        done += batch
    return {"films": done, "seconds": time.perf_counter() - begin, "processor": time.process_time() - start}


def _ours(chosen: argparse.Namespace) -> tuple[Callable[[int], None], str]:
    from cxr_core.detect import load_detector  # noqa: PLC0415  (the peer's process must not pay for our imports)
    from cxr_core.settings import Settings  # noqa: PLC0415

    settings = Settings(runtime=chosen.runtime, threads=chosen.threads, batch_size=512)
    detectors = [load_detector(folder, settings) for folder in chosen.folders]
    specs = [detector.card.input for detector in detectors]

    def run(batch: int) -> None:
        for detector, spec in zip(detectors, specs, strict=True):
            detector.detect(_films((batch, spec.height, spec.width, spec.channels)))

    return run, " + ".join(f"{spec.width} x {spec.height}" for spec in specs)


def _torch(chosen: argparse.Namespace) -> tuple[Callable[[int], None], str]:
    """DenseNet121-224, the network alone."""
    import torch  # noqa: PLC0415  (not in our own subjects' memory)

    from benchmarks import densenet  # noqa: PLC0415

    densenet.check()
    torch.set_num_threads(chosen.threads)
    network = densenet.densenet121()

    def run(batch: int) -> None:
        with torch.inference_mode():
            network(torch.from_numpy(_films((batch, 1, densenet.SIZE, densenet.SIZE)))).sigmoid().numpy()

    return run, f"{densenet.SIZE} x {densenet.SIZE}"


def _keras(chosen: argparse.Namespace) -> tuple[Callable[[int], None], str]:
    """The zoo's SSD MobileNetV2 as a Keras script runs it, the network alone."""
    import tensorflow as tf  # noqa: PLC0415

    from benchmarks import zoo_ssd  # noqa: PLC0415

    tf.config.threading.set_intra_op_parallelism_threads(chosen.threads)
    network = zoo_ssd.ssd_mobilenet_v2()

    def run(batch: int) -> None:
        network.predict_on_batch(_films((batch, zoo_ssd.SIZE, zoo_ssd.SIZE, 3)))

    return run, f"{zoo_ssd.SIZE} x {zoo_ssd.SIZE}"


def _openvino(chosen: argparse.Namespace) -> tuple[Callable[[int], None], str]:
    """Our own networks on OpenVINO, which reads LiteRT files; the network alone, an image at a time as its file is."""
    import openvino  # noqa: PLC0415

    core = openvino.Core()
    facts = {"INFERENCE_NUM_THREADS": chosen.threads, "INFERENCE_PRECISION_HINT": "f32"}  # its default may be bf16
    networks = [core.compile_model(core.read_model(folder / "model.tflite"), "CPU", facts) for folder in chosen.folders]
    shapes = [tuple(network.input(0).shape) for network in networks]

    def run(batch: int) -> None:
        for network, shape in zip(networks, shapes, strict=True):
            for film in _films((batch, *shape[1:])):
                network([film[None]])

    return run, _sizes(shapes)


def _onnxruntime(chosen: argparse.Namespace) -> tuple[Callable[[int], None], str]:
    """Our own networks on ONNX Runtime, converted from the LiteRT files; likewise."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = chosen.threads
    sessions = []
    with tempfile.TemporaryDirectory() as place:
        for number, folder in enumerate(chosen.folders):
            path = f"{place}/{number}.onnx"  # in a process of its own: the converter brings TensorFlow along
            command = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(folder / "model.tflite")]
            subprocess.run(  # noqa: S603  (paths of the caller's)
                [*command, "--output", path, "--opset", "17"], check=True, capture_output=True
            )
            sessions.append(onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))
    inputs = [session.get_inputs()[0] for session in sessions]
    shapes = [tuple(given.shape) for given in inputs]

    def run(batch: int) -> None:
        for session, given, shape in zip(sessions, inputs, shapes, strict=True):
            for film in _films((batch, *shape[1:])):
                session.run(None, {given.name: film[None]})

    return run, _sizes(shapes)


def _sizes(shapes: list[tuple[int, ...]]) -> str:
    return " + ".join(f"{shape[2]} x {shape[1]}" for shape in shapes)


OURS = ("litert", "litert_int8", "tensorflow")
OTHERS: dict[str, Callable[[argparse.Namespace], tuple[Callable[[int], None], str]]] = {
    "torch": _torch,
    "keras": _keras,
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}


_cache: dict[tuple[int, ...], Films] = {}


def _films(shape: tuple[int, ...]) -> Films:
    """The same whole greys 0..255 each time; their making is not timed after the first turn."""
    if shape not in _cache:
        _cache[shape] = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    return _cache[shape]


def peak_mb() -> float:
    """The most memory this process ever held, MB.

    Linux's VmHWM begins anew with the program; ru_maxrss would pass on what the parent held when it forked.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource  # noqa: PLC0415  (not on Windows)

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _say(facts: dict[str, float] | dict[str, str]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
