"""Drawn pictures as the frozen trunk sees them, kept in chunks: seen once, learnt from many times.

In: batches, the trunk as a LiteRT file. Out: run/seen-NNN.npz, each with ``map`` (M, G, G, 112) float16 and the truth
(flags, known, turn). A stopped collection goes on with the chunk it was at; a chunk is a matter of the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tqdm import tqdm

from training.gate.batches import Batch, Batches

STEPS = 16
"""Batches in a chunk."""


class Eyes:
    """The trunk's LiteRT file: one picture after the other, on one thread."""

    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, film: np.ndarray) -> np.ndarray:
        """(N, S, S, 1) float32 -> (N, G, G, 112) float16, G = S / 16."""
        return np.stack([self._one(picture) for picture in film])

    def _one(self, picture: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output)[0], np.float16)


def collect(batches: Batches, eyes: Eyes, run: Path, chunks: int) -> None:
    """Writes the chunks that are not there yet."""
    for chunk in tqdm(range(chunks), desc="looking", unit="chunk"):
        path = run / f"seen-{chunk:03d}.npz"
        if path.is_file():
            continue
        made = [batches.make(step) for step in range(chunk * STEPS, (chunk + 1) * STEPS)]
        facts = {key: np.concatenate([batch[key] for batch in made]) for key in ("flags", "known", "turn")}
        part = path.with_suffix(".part.npz")
        np.savez(part, map=np.concatenate([eyes(batch["film"]) for batch in made]), **facts)  # type: ignore[arg-type]  # numpy's stub
        part.replace(path)


def collected(run: Path) -> Iterator[Batch]:
    """The chunks in order."""
    for path in sorted(run.glob("seen-???.npz")):
        with np.load(path) as stored:
            yield {key: stored[key] for key in stored.files}
