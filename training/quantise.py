"""A detector's LiteRT file in mostly 8 bits, made from its shipped weights, and what that costs on real films.

In: a model folder with its SavedModel, a data folder. Out: model_int8.tflite beside model.tflite, and in the card both
files' figures on the same films. It is kept only where it loses no more than LIMITS; else the folder stays as it was.

Convolutions and additions count in 8 bits, their ranges taken from training films of one fold; the films that the two
files are compared on are of other folds. The shipped weights have learnt from all of them, so neither figure is an
honest one of the detector: their difference is what counts. What stays in single precision: the layers whose rounding
costs boxes (KEPT, found by trying), and everything behind the last convolutions, where differences of scores are made.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

from cxr_core.card import InputSpec, ModelCard, WeightsFile, load_card, sha256_of
from cxr_core.detect.litert import LiteRTRuntime
from cxr_core.prepare import letterbox
from training import report, sources
from training.data import Example
from training.errors import TrainingError
from training.export import LITERT, SAVED_MODEL
from training.predict import film
from training.recipe import Recipe
from training.rounding import Loss, losses

INT8 = "model_int8.tflite"
KEY = "litert_int8"
CALIBRATION_FOLD, FILMS, MEASURED = 0, 200, (1, 2, 3, 4)

ROUNDED = re.compile(r"/functional(?:_\d+)*/(block|top_|add_|Add|re_lu|head_(mid|coarse|fine|depthwise|point))")
"""Layers that may count in 8 bits: the trunk, and the head up to its answers; Keras numbers a process's networks."""

KEPT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"nih_ssd": ("stem", "block0_", "block1_", "block2_", "head_"), "covid_ssd": ()}
)
"""Layers in single precision all the same. nih_ssd's first blocks: in 8 bits they cost 0.003 AUC and 0.009 mAP; its
head places boxes and is hardly slower so."""

_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")
LIMITS = MappingProxyType({"auc": 0.002, "map": 0.005})


def quantise(recipe: Recipe, data: Path, models: Path, threads: int = 1) -> Mapping[str, Loss]:
    """Writes the file and the card's figures; returns these. TrainingError if it loses too much: nothing is kept."""
    folder = models / recipe.name
    card = load_card(folder)
    examples = [item for item in sources.examples_of(recipe, data) if item.stratum]
    path = folder / f".{INT8}"
    try:
        path.write_bytes(rounded(folder, card, _pick(examples, card.input)))
        compared = [item for item in examples if item.fold in MEASURED]
        both = LiteRTRuntime(folder / LITERT, card, threads), LiteRTRuntime(path, card, threads)
        found = losses(recipe, card, both, compared)
        _check(found)
        path.replace(folder / INT8)
    finally:
        path.unlink(missing_ok=True)
    write(folder, card, found)
    return found


def write(folder: Path, card: ModelCard, found: Mapping[str, Loss]) -> None:
    """The file's digest and both figures into card.json and card.md."""
    films = max(loss.difference.n for loss in found.values())
    sizes = {name: (folder / name).stat().st_size for name in (LITERT, INT8)}
    figures = {
        "films": f"{films} of folds {', '.join(map(str, MEASURED))}; these weights have learnt from them: only the "
        "difference tells",
        "calibrated_on": f"{FILMS} training films of fold {CALIBRATION_FOLD}",
        "megabytes": {"single_precision": sizes[LITERT] / 1e6, "in_8_bits": sizes[INT8] / 1e6},
        **{name: loss.as_dict() for name, loss in found.items()},
    }
    files = {**card.files, KEY: WeightsFile(INT8, sha256_of(folder / INT8))}
    card = replace(card, files=files, metrics={**card.metrics, "in_8_bits_beside_single_precision": figures})
    (folder / report.CARD).write_text(report.card_text(card))
    card.save(folder)


def rounded(folder: Path, card: ModelCard, films: Sequence[np.ndarray]) -> bytes:
    """The LiteRT file; ``films`` (1, h, w, 1) float32 tell the ranges."""
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        # TensorFlow's own debugger uses its own interpreter, which it tells others to leave.
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated", UserWarning)
        tf.saved_model.save(*network(folder / SAVED_MODEL, card.input.height, place))
        kept = _names_kept(bytes(tf.lite.TFLiteConverter.from_saved_model(place).convert()), KEPT.get(card.name, ()))

        def ranges() -> Iterator[list[np.ndarray]]:
            yield from ([film] for film in films)

        converter = tf.lite.TFLiteConverter.from_saved_model(place)
        converter.optimizations, converter.representative_dataset = [tf.lite.Optimize.DEFAULT], ranges
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept)
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=ranges, debug_options=options
        )
        return bytes(debugger.get_nondebug_quantized_model())


def network(saved_model: Path, size: int, place: str) -> tuple[Any, str, dict[str, Any]]:
    """The network inside a shipped SavedModel, without letterboxing and suppression, as ``tf.saved_model.save`` asks.

    Export wrote it as one function of constants from ``film`` to the raw outputs, in the order of their names.
    """
    graph = tf.saved_model.load(str(saved_model)).signatures["serving_default"].graph
    inner = [item for item in graph.as_graph_def().library.function if _takes_film(item)]
    if len(inner) != 1:
        raise TrainingError(f"{saved_model.parent.name}: found {len(inner)} networks in its SavedModel, expected 1")
    whole = function_def_to_graph(inner[0])
    definition, taken, said = whole.as_graph_def(), whole.inputs[0].name, [item.name for item in whole.outputs]
    names = sorted(name for name in graph.structured_outputs if not name.startswith(("detection_", "num_")))

    def raw(film: Any) -> dict[str, Any]:
        found = tf.graph_util.import_graph_def(definition, input_map={taken: film}, return_elements=said, name="n")
        return dict(zip(names, found, strict=True))

    spec = tf.TensorSpec((1, size, size, 1), tf.float32, "film")
    module = tf.Module()
    module.raw = tf.compat.v1.wrap_function(raw, [spec])

    @tf.function(input_signature=[spec])
    def serve(film: Any) -> dict[str, Any]:
        return dict(module.raw(film))

    module.serve = serve
    return module, place, {"serving_default": module.serve.get_concrete_function()}


def _takes_film(function: Any) -> bool:
    return [item.name for item in function.signature.input_arg] == ["film"]


def _names_kept(plain: bytes, layers: Sequence[str]) -> list[str]:
    """The operations of a LiteRT file that stay in single precision, by the name of what they give."""
    model = schema.Model.GetRootAs(plain, 0)
    graph = model.Subgraphs(0)
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    kept = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = codes[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        name = graph.Tensors(operator.Outputs(0)).Name().decode()
        if kind not in _KINDS or not ROUNDED.search(name) or any(f"/{layer}" in name for layer in layers):
            kept.append(name)
    return kept


def _pick(examples: Sequence[Example], spec: InputSpec) -> list[np.ndarray]:
    """Films of one training fold, as the network sees them."""
    mine = [item for item in examples if item.fold == CALIBRATION_FOLD]
    order = np.random.default_rng(0).permutation(len(mine))[:FILMS]
    return [letterbox(film(mine[index]), spec)[0][None] for index in order]


def _check(found: Mapping[str, Loss]) -> None:
    for name, loss in found.items():
        limit = LIMITS["auc" if "auc" in name else "map"]
        if loss.difference.value < -limit:
            raise TrainingError(
                f"in 8 bits {name} falls by {-loss.difference.value:.4f}, expected at most {limit}: keep more layers"
            )
