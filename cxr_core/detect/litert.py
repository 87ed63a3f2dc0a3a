"""LiteRT on the CPU: 100 MB of memory and no TensorFlow.

In: a .tflite file with the contract's signature, input float32 (1, h, w, c). Out: RawOutput. TensorFlow is never
imported here. Inside, a file may count in 8 bits: training writes such a file only where its answers are as good.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from cxr_core.card import ModelCard
from cxr_core.detect.quiet import without_chatter
from cxr_core.detect.raw import CLASS_MAPS, Floats, RawOutput, check_outputs, collect, describe, wanted
from cxr_core.errors import ModelError, ModelInvalid


class LiteRTRuntime:
    """One interpreter behind a lock: an interpreter holds its tensors itself, so two calls at once would mix images."""

    name = "litert"

    def __init__(self, path: Path, card: ModelCard, threads: int) -> None:
        try:
            with without_chatter():
                self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as exc:
            raise ModelInvalid(f"{path.name} of {card.name} is not a model that LiteRT can load: {exc}") from exc
        _check_frozen(path, card)
        self._lock = threading.Lock()
        self._input, self._outputs = self._signature(card)
        self.has_maps = CLASS_MAPS in self._outputs

    def run(self, batch: Floats, *, maps: bool = False) -> RawOutput:
        """One image after the other: the file's batch is one, and a larger one is no faster on a CPU."""
        answers: dict[str, list[Floats]] = {name: [] for name in wanted(self._outputs, maps)}
        with self._lock:
            for image in batch:
                self._interpreter.set_tensor(self._input, image[None])
                try:
                    self._interpreter.invoke()
                except RuntimeError as exc:
                    raise ModelError(f"LiteRT could not run the network: {exc}") from exc
                for name, rows in answers.items():
                    rows.append(self._interpreter.get_tensor(self._outputs[name])[0])
        return collect({name: np.stack(rows) for name, rows in answers.items()}, maps)

    def warm_up(self, most: int) -> None:
        """Nothing to do: the first film costs what every film does."""

    def _signature(self, card: ModelCard) -> tuple[int, dict[str, int]]:
        """Tensor numbers of the one input and of the outputs by name; ModelInvalid where they break the contract."""
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1:
            raise ModelInvalid(f"{card.name}: found {len(signatures)} signatures in the LiteRT file, expected 1")
        runner = self._interpreter.get_signature_runner()
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        expected = (1, card.input.height, card.input.width, card.input.channels)
        found = {name: tuple(int(n) for n in detail["shape"]) for name, detail in inputs.items()}
        if list(found.values()) != [expected] or any(d["dtype"] is not np.float32 for d in inputs.values()):
            kinds = ", ".join(np.dtype(detail["dtype"]).name for detail in inputs.values())
            raise ModelInvalid(f"{card.name}: LiteRT input is {describe(found)} {kinds}, expected float32 {expected}")
        check_outputs(card, {name: tuple(int(n) for n in detail["shape"]) for name, detail in outputs.items()})
        index = next(iter(inputs.values()))["index"]
        return int(index), {name: int(detail["index"]) for name, detail in outputs.items()}


class Int8Runtime(LiteRTRuntime):
    """The same, of a file whose layers count in 8 bits wherever training found that to cost nothing."""

    name = "litert_int8"


def _check_frozen(path: Path, card: ModelCard) -> None:
    """Refuse a file whose weights are variables: it has no values for them, and LiteRT runs on what memory holds.

    ``path`` must already be known as a sound flatbuffer.
    """
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    operators = {model.OperatorCodes(number).BuiltinCode() for number in range(model.OperatorCodesLength())}
    if operators & {schema.BuiltinOperator.VAR_HANDLE, schema.BuiltinOperator.READ_VARIABLE}:
        raise ModelInvalid(
            f"{path.name} of {card.name} holds variables instead of weights, so its answers would be chance; "
            "freeze the network to constants before converting it"
        )
