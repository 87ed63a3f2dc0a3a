"""EfficientNet-Lite0 (Tan & Le 2019; the Lite variant: ReLU6, no squeeze-and-excite) for grey films.

In: float32 (N, H, W, 1), 0-255. Out: features at strides 8, 16 and 32 with 40, 112 and 320 channels, and the 1,280
channel map the classifier pools. It knows no heads. Batch normalisation is frozen into a fixed scale of each kernel
and a trainable bias: with 16 images a step its statistics would only add noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

_EPSILON = 1e-3  # of the original's batch normalisation

# kernel, stride, expansion, channels in, channels out: one row a block
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_TAPS = {4: "stride8", 10: "stride16", 15: "stride32"}


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted residual: expand, depthwise, project."""

    kernel: int
    stride: int
    expansion: int
    inside: int
    outside: int

    @property
    def residual(self) -> bool:
        """Whether input and output have one shape and are added."""
        return self.stride == 1 and self.inside == self.outside


def blocks() -> tuple[Block, ...]:
    """The sixteen blocks in order; only the first of a stage changes stride and width."""
    found = []
    for repeats, kernel, stride, expansion, inside, outside in _STAGES:
        found.append(Block(kernel, stride, expansion, inside, outside))
        found += [Block(kernel, 1, expansion, outside, outside)] * (repeats - 1)
    return tuple(found)


@keras.saving.register_keras_serializable("cxr_training")
class ScaledConv(keras.layers.Layer):
    """Convolution with TensorFlow's "same" padding whose kernel carries a frozen per-channel scale, and a bias.

    Kernel (H, W, I, O), or (H, W, I, 1) when depthwise.
    """

    def __init__(self, filters: int, kernel: int, stride: int = 1, depthwise: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.stride, self.depthwise = filters, kernel, stride, depthwise

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Kernel and bias, learned; scale, fixed."""
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], 1 if self.depthwise else self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="he_normal")
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.scale = self.add_weight(name="scale", shape=(self.filters,), initializer="ones", trainable=False)

    def call(self, inputs: Any) -> Any:
        """Features (N, ceil(H / stride), ceil(W / stride), filters)."""
        if self.depthwise:
            kernel = self.kernel * ops.reshape(self.scale, (1, 1, -1, 1))
            out = ops.depthwise_conv(inputs, kernel, self.stride, "same")
        else:
            out = ops.conv(inputs, self.kernel * self.scale, self.stride, "same")
        return ops.add(out, self.bias)  # which TensorFlow fuses; the operator would not


def features(film: Any) -> dict[str, Any]:
    """Keras tensors by name (stride8, stride16, stride32, pooled) of a (N, H, W, 1) film with values 0-255."""
    x = keras.layers.Rescaling(1 / 128, -127 / 128, name="normalise")(film)
    x = _relu6(ScaledConv(32, 3, 2, name="stem")(x))
    taps: dict[str, Any] = {}
    for index, block in enumerate(blocks()):
        x = _block(x, block, f"block{index}")
        if index in _TAPS:
            taps[_TAPS[index]] = x
    taps["pooled"] = _relu6(ScaledConv(1280, 1, name="top")(x))
    return taps


def _relu6(x: Any) -> Any:
    return keras.layers.ReLU(max_value=6.0)(x)


def _block(x: Any, block: Block, name: str) -> Any:
    inside = x
    width = block.inside * block.expansion
    if block.expansion > 1:
        x = _relu6(ScaledConv(width, 1, name=f"{name}_expand")(x))
    x = _relu6(ScaledConv(width, block.kernel, block.stride, depthwise=True, name=f"{name}_depthwise")(x))
    x = ScaledConv(block.outside, 1, name=f"{name}_project")(x)
    return keras.layers.Add()([inside, x]) if block.residual else x


def freeze(network: keras.Model, count: int) -> None:
    """Fixes the stem and the first ``count`` blocks: they see edges, which X-rays share with photographs."""
    fixed = ("stem", *(f"block{index}_" for index in range(count)))
    for layer in network.layers:
        if isinstance(layer, ScaledConv) and layer.name.startswith(fixed):
            layer.trainable = False


def load_imagenet(network: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Fills every ScaledConv of the trunk from a state dictionary; the stem's three colours are summed to grey."""
    for layer in network.layers:
        if isinstance(layer, ScaledConv):
            conv, norm = _names(layer.name)
            kernel = state[f"{conv}.weight"].transpose((2, 3, 0, 1) if layer.depthwise else (2, 3, 1, 0))
            if layer.name == "stem":
                kernel = kernel.sum(axis=2, keepdims=True)
            scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + _EPSILON)
            bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
            layer.kernel.assign(kernel)
            layer.scale.assign(scale)
            layer.bias.assign(bias)


def values(variable: Any) -> np.ndarray:
    """A variable's numbers; numpy 2 warns where it converts a Keras 3.15 variable itself."""
    return np.asarray(variable.numpy())


def _names(layer: str) -> tuple[str, str]:
    """A layer's convolution and batch normalisation in the state dictionary."""
    if layer == "stem":
        return "_conv_stem", "_bn0"
    if layer == "top":
        return "_conv_head", "_bn1"
    block, part = layer.removeprefix("block").split("_")
    number = {"expand": 0, "depthwise": 1, "project": 2}[part]
    return f"_blocks.{block}._{part}_conv", f"_blocks.{block}._bn{number}"
