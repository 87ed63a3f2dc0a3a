"""TensorFlow: on a GPU, and for any SavedModel; our own and foreign exports of the Object Detection API.

In: a SavedModel folder whose ``serving_default`` takes uint8 (or float32) pictures (N, H, W, 3). Out: RawOutput. Our
own models answer with the raw outputs, so that they share every later step with LiteRT. A foreign export answers with
``detection_*``, already decoded; each of its boxes becomes a candidate of its one class. TensorFlow is imported when
the first SavedModel is opened, not before: it costs seconds and 700 MB.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cxr_core.card import InputSpec, ModelCard
from cxr_core.detect import gpu
from cxr_core.detect.raw import (
    API_OUTPUTS,
    CLASS_MAPS,
    RAW_OUTPUTS,
    Floats,
    RawOutput,
    Shape,
    check_outputs,
    collect,
    describe,
    wanted,
)
from cxr_core.errors import ModelError, ModelInvalid

SIGNATURE = "serving_default"


def tensorflow(threads: int) -> Any:
    """The module, quiet, taking GPU memory as it needs it instead of all at once (tensorflow/models#10759)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf  # noqa: PLC0415  (seconds and 700 MB, only when a SavedModel is served)

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Once TensorFlow has run anything its settings are fixed; then the first caller's stay.
    with contextlib.suppress(RuntimeError):
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    return tf


def sees_gpu(threads: int) -> bool:
    """Whether TensorFlow has a GPU to run on; TensorFlow is imported only where the system shows a device."""
    devices = [*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("dxg")]
    return bool(devices) and bool(tensorflow(threads).config.list_physical_devices("GPU"))


class SavedModelRuntime:
    """A SavedModel's serving function; TensorFlow lets many threads call it at once.

    ``on``: the GPU's name; found out unless said. There, batches are padded to few sizes, and precision is halved where
    the answers stay the same.
    """

    name = "tensorflow"

    def __init__(self, path: Path, card: ModelCard, threads: int, on: str | None = None) -> None:
        self._tf = tensorflow(threads)
        self._gpu = gpu.gpu_name(self._tf) if on is None else on
        self._card = card
        self._loaded = _load(self._tf, path, card)  # the function dies with the object it came from
        self._function = self._loaded.signatures[SIGNATURE]
        self._input, self._one_by_one, self._channels, self._uint8 = _input_of(self._function, card)
        outputs = {name: _shape(spec) for name, spec in self._function.structured_outputs.items()}
        self._foreign = set(API_OUTPUTS) <= set(outputs) and not set(RAW_OUTPUTS) <= set(outputs)
        if not self._foreign:
            check_outputs(card, outputs, " or " + ", ".join(API_OUTPUTS))
        self._outputs = tuple(outputs)
        self.has_maps = CLASS_MAPS in outputs and not self._foreign

    def warm_up(self, most: int) -> None:
        """On a GPU: settle the precision, then meet every batch size once."""
        if not self._gpu or self._one_by_one:
            return
        spec = self._card.input
        shape = (spec.height, spec.width, spec.channels)
        greys = np.random.default_rng(0).uniform(*spec.value_range, (1, *shape)).astype(np.float32)
        names = API_OUTPUTS if self._foreign else wanted(self._outputs, maps=False)
        if not self._foreign:  # a decoded export lists other boxes for the least difference: nothing to compare
            run = partial(self._answer, names=names)
            gpu.half_precision.settle(self._tf, run, greys, self._card.name)
        for size in gpu.sizes(most):
            self._answer(np.zeros((size, *shape), np.float32), names=names)

    def _answer(self, batch: Floats, *, names: tuple[str, ...]) -> dict[str, Any]:
        return self._call(self._pictures(batch), names)

    def run(self, batch: Floats, *, maps: bool = False) -> RawOutput:
        """All images at once, or one by one where the export accepts no more."""
        count = len(batch)
        pictures = self._pictures(gpu.padded(batch) if self._gpu and not self._one_by_one else batch)
        names = API_OUTPUTS if self._foreign else wanted(self._outputs, maps)
        if self._one_by_one:
            each = [self._call(picture[None], names) for picture in pictures]
            answer = {name: np.concatenate([one[name] for one in each]) for name in names}
        else:
            answer = {name: values[:count] for name, values in self._call(pictures, names).items()}
        return from_api(answer, self._card) if self._foreign else collect(answer, maps)

    def _pictures(self, batch: Floats) -> Any:
        """The batch as the export wants it: greys 0..255, its number of channels, its dtype."""
        pictures = np.asarray(_to_grey(batch, self._card.input))
        if pictures.shape[-1] != self._channels:
            pictures = np.repeat(pictures[..., :1], self._channels, axis=-1)
        return pictures.astype(np.uint8 if self._uint8 else np.float32)

    def _call(self, pictures: Any, names: tuple[str, ...]) -> dict[str, Any]:
        try:
            answer = self._function(**{self._input: self._tf.constant(pictures)})
        except self._tf.errors.OpError as exc:
            raise ModelError(f"TensorFlow could not run {self._card.name}: {exc.message}") from exc
        return {name: answer[name].numpy() for name in names}


def from_api(answer: Mapping[str, Any], card: ModelCard) -> RawOutput:
    """Decoded boxes of an Object Detection API export as candidates, each of its one class.

    ``detection_boxes`` (N, K, 4), ``detection_scores`` (N, K), ``detection_classes`` (N, K) from 1, ``num_detections``
    (N,). Such an export has no image-level score: the best box of a label stands for it.
    """
    boxes = np.asarray(answer["detection_boxes"], np.float32)
    count = np.asarray(answer["num_detections"]).reshape(-1, 1)
    valid = np.arange(boxes.shape[1])[None] < count
    scores = np.where(valid, np.asarray(answer["detection_scores"], np.float32), 0)
    classes = np.asarray(answer["detection_classes"]).astype(np.int64)
    stray = np.setdiff1d(classes[scores > 0], np.arange(1, len(card.labels) + 1))
    if len(stray):
        raise ModelInvalid(f"{card.name} answers with class {stray[0]}, its label map names 1 to {len(card.labels)}")
    each = np.where(classes[..., None] == np.arange(1, len(card.labels) + 1), scores[..., None], np.float32(0))
    best = each.max(axis=1, initial=0)
    return RawOutput(best, boxes[:, :, None, :], each)


def _load(tf: Any, path: Path, card: ModelCard) -> Any:
    try:
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, tf.errors.OpError) as exc:
        raise ModelInvalid(f"{path.name} of {card.name} is not a SavedModel that TensorFlow can load: {exc}") from exc
    if SIGNATURE not in loaded.signatures:
        found = ", ".join(loaded.signatures) or "none"
        raise ModelInvalid(f"{card.name}: found signatures {found}; expected {SIGNATURE}")
    return loaded


def _input_of(function: Any, card: ModelCard) -> tuple[str, bool, int, bool]:
    """Name of the one input, whether it takes one picture only, its channels, whether it is uint8."""
    inputs = function.structured_input_signature[1]
    found = describe({name: _shape(spec) for name, spec in inputs.items()})
    kinds = ", ".join(spec.dtype.name for spec in inputs.values())
    wrong = ModelInvalid(
        f"{card.name}: SavedModel input is {found} {kinds}; expected one, uint8 or float32 (N, "
        f"{card.input.height} or any, {card.input.width} or any, 1 or 3), N any or 1"
    )
    if len(inputs) != 1:
        raise wrong
    (name, spec), = inputs.items()  # fmt: skip
    shape = _shape(spec)
    if len(shape) != 4 or spec.dtype.name not in {"uint8", "float32"} or shape[0] not in {None, 1}:
        raise wrong
    if any(fixed not in {None, want} for fixed, want in zip(shape[1:3], _size(card.input), strict=True)):
        raise wrong
    channels = shape[3] or 3
    if channels not in {1, 3}:
        raise wrong
    return name, shape[0] == 1, channels, spec.dtype.name == "uint8"


def _size(spec: InputSpec) -> tuple[int, int]:
    return spec.height, spec.width


def _shape(spec: Any) -> Shape:
    """A TensorSpec's shape as a tuple; an unknown rank as one unknown size."""
    return tuple(spec.shape) if spec.shape.rank is not None else (None,)


def _to_grey(batch: Floats, spec: InputSpec) -> Floats:
    """Prepared floats as the 8-bit greys that prepare rounded them to, still float32; padding clipped to 0..255."""
    low, high = spec.value_range
    return np.asarray(
        np.clip(np.rint((batch - np.float32(low)) * np.float32(255.0 / (high - low))), 0, 255), np.float32
    )
