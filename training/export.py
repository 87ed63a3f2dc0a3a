"""Writes a model folder from a finished run: SavedModel, LiteRT file, label map, and the card's facts of the files.

In: a recipe, its run folder, the models folder. Out: models/<name>/ complete, with the run packed small in run/, so
that a site can train on from there. It measures nothing: figures, thresholds and calibration stay what ``evaluate``
wrote, or are absent.

Both runtimes hold the same numbers: the batch normalisation's scale is folded into the kernels and all weights are
rounded to half precision once, before either is written; so the files compress to half their size.
"""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from cxr_core.card import CARD_FILE, Decoding, InputSpec, LabelCard, ModelCard, WeightsFile, load_card, sha256_of
from training import network, runs
from training.errors import TrainingError
from training.recipe import Recipe, System
from training.serve import Raw, serving
from training.trunk import ScaledConv, values

LITERT, SAVED_MODEL, LABEL_MAP, RUN = "model.tflite", "saved_model", "label_map.pbtxt", "run"
FLOOR = 0.05
TOLERANCE = 1e-3
LARGEST = 20_000_000  # bytes a file
LICENCE = "research, non-commercial (because of the training data)"


def export(recipe: Recipe, run: Path, models: Path) -> Path:
    """Writes a detector's folder and checks that both runtimes agree; returns its path."""
    model, shape = runs.network_of(run)
    halve(model)

    def serve(raw: Raw, card: ModelCard) -> Any:
        return serving(raw, shape.size, card.decoding, FLOOR)

    return write_folder(recipe, run, models, network.inference(model, shape), serve)


def write_folder(
    recipe: System, run: Path, models: Path, inference: keras.Model, serve: Callable[[Raw, ModelCard], Any]
) -> Path:
    """Writes a model folder from a network whose weights are rounded; ``serve`` makes the SavedModel's function."""
    folder = models / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    card = card_for(recipe, folder, run)
    _write_saved_model(serve(frozen(inference, None), card), folder / SAVED_MODEL)
    (folder / LITERT).write_bytes(litert(frozen(inference, 1), recipe.size))
    (folder / LABEL_MAP).write_text(label_map(recipe))
    runs.pack(run, folder / RUN)
    _check_agreement(folder, recipe.size)
    _check_sizes(folder)
    files = {
        "litert": WeightsFile(LITERT, sha256_of(folder / LITERT)),
        "saved_model": WeightsFile(SAVED_MODEL, sha256_of(folder / SAVED_MODEL)),
    }
    replace(card, files=files).save(folder)
    return folder


def halve(model: keras.Model) -> None:
    """Folds every frozen scale into its kernel, then rounds all weights to half precision, in place."""
    for layer in model.layers:
        if isinstance(layer, ScaledConv):
            scale = values(layer.scale)
            layer.kernel.assign(values(layer.kernel) * (scale[:, None] if layer.depthwise else scale))
            layer.scale.assign(np.ones_like(scale))
    for variable in model.variables:
        if "seed_generator" not in variable.path:
            variable.assign(values(variable).astype(np.float16).astype(np.float32))


def frozen(model: keras.Model, batch: int | None) -> Callable[[Any], dict[str, Any]]:
    """The network as one function of constants.

    LiteRT's converter leaves Keras 3 variables without values in the file, and says nothing.
    """
    spec = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, "film")
    concrete = tf.function(lambda film: model(film, training=False)).get_concrete_function(spec)
    names = sorted(concrete.structured_outputs)
    constant = convert_variables_to_constants_v2(concrete)
    return lambda film: dict(zip(names, constant(film), strict=True))


def _write_saved_model(serve: Any, path: Path) -> None:
    module = tf.Module()
    module.serve = serve
    shutil.rmtree(path, ignore_errors=True)
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve.get_concrete_function()})
    (path / "fingerprint.pb").unlink(missing_ok=True)  # changes with every export of the same weights


def litert(raw: Callable[[Any], dict[str, Any]], size: int) -> bytes:
    """The LiteRT file, one image at a time.

    Its constants stay single precision: the converter's half precision would also round folded tables (positions,
    priors), and scores would differ between runtimes by more than a thousandth.
    """
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((1, size, size, 1), tf.float32, "film")])
    def serve(film: Any) -> dict[str, Any]:
        return raw(film)

    module.serve = serve
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": serve.get_concrete_function()})
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def label_map(recipe: System) -> str:
    """The classes as the Object Detection API's text format."""
    return "".join(f"item {{\n  id: {i}\n  name: '{x.name}'\n}}\n" for i, x in enumerate(recipe.labels, 1))


def card_for(recipe: System, folder: Path, run: Path) -> ModelCard:
    """The folder's card with this recipe's facts; figures of another run are dropped."""
    version = version_of(run)
    if (folder / CARD_FILE).is_file():
        card = load_card(folder)
        if card.version == version and card.decoding == _decoding(recipe):
            return _refreshed(card, recipe)
    return ModelCard(
        name=recipe.name,
        version=version,
        title=recipe.title,
        task=recipe.task,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        input=InputSpec(recipe.size, recipe.size),
        labels=tuple(
            LabelCard(index, label.name, label.finding, label.urgency) for index, label in enumerate(recipe.labels, 1)
        ),
        files={},
        decoding=_decoding(recipe),
        licence=LICENCE,
        limits=recipe.limits,
        data=dict(recipe.data),
        role=recipe.role,
    )


def _refreshed(card: ModelCard, recipe: System) -> ModelCard:
    """The same figures under what the recipe says today of urgency and limits."""
    pairs = zip(card.labels, recipe.labels, strict=True)
    labels = tuple(replace(old, name=new.name, finding=new.finding, urgency=new.urgency) for old, new in pairs)
    return replace(card, labels=labels, title=recipe.title, task=recipe.task, limits=recipe.limits, role=recipe.role)


def _decoding(recipe: System) -> Decoding:
    return recipe.decoding if isinstance(recipe, Recipe) else Decoding()


def version_of(run: Path) -> str:
    """Changes with the weights: 1.0 and the first digits of their digest."""
    runs.read_config(run)
    path = run / runs.WEIGHTS
    if not path.is_file():
        raise runs.RunError(f"the run {run.name} has no {runs.WEIGHTS}: it is not finished")
    return f"1.0+{sha256_of(path)[:8]}"


def _check_agreement(folder: Path, size: int) -> None:
    """Both runtimes on noise and on black; TrainingError says by how much they differ."""
    interpreter = Interpreter(model_path=str(folder / LITERT), num_threads=1)
    runner = interpreter.get_signature_runner("serving_default")
    serve = tf.saved_model.load(str(folder / SAVED_MODEL)).signatures["serving_default"]
    noise = np.random.default_rng(0).integers(0, 256, (1, size // 8, size // 8, 1)).astype(np.uint8)
    for film in (np.kron(noise, np.ones((1, 8, 8, 1), np.uint8)), np.zeros((1, size, size, 1), np.uint8)):
        mine = runner(film=film.astype(np.float32))
        other = serve(input_tensor=tf.constant(np.repeat(film, 3, -1)))
        for name, answer in mine.items():
            worst = float(np.abs(answer - other[name].numpy()).max())
            if not worst <= TOLERANCE:
                raise TrainingError(f"LiteRT and SavedModel differ by {worst:.2g} in {name}; expected {TOLERANCE}")


def _check_sizes(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGEST:
            raise TrainingError(f"{path.name} has {path.stat().st_size / 1e6:.1f} MB; expected at most 20 MB a file")
