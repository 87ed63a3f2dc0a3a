"""What a GPU wants that a CPU does not: batches of few sizes, met before the first film, and half precision.

In: TensorFlow's module and a function that runs a batch. Out: the device's name, padded batches, and whether half
precision answers as single precision does. It knows no model file.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Answer = Mapping[str, npt.NDArray[np.generic]]

TOLERANCE = 1e-2
"""Most that a score or a box's corner (a fraction of the input) may differ in half precision."""


def gpu_name(tf: Any) -> str:
    """The first GPU that TensorFlow may use, by its maker's name; empty where there is none."""
    for device in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(tf.errors.OpError, ValueError):
            return str(tf.config.experimental.get_device_details(device).get("device_name") or "GPU")
        return "GPU"
    return ""


def size_for(count: int) -> int:
    """The batch size that ``count`` images are padded to: a power of two.

    Each size that a GPU meets for the first time costs seconds of choosing kernels; so it meets few.
    """
    return 1 << (count - 1).bit_length()


def sizes(most: int) -> tuple[int, ...]:
    """Every size that batches of up to ``most`` images are padded to."""
    return tuple(1 << power for power in range(size_for(most).bit_length()))


def padded(batch: Floats) -> Floats:
    """The batch with black images behind it, up to its size."""
    missing = size_for(len(batch)) - len(batch)
    return np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)]) if missing else batch


def agree(mine: Answer, other: Answer) -> bool:
    """Whether two answers differ nowhere by more than the tolerance; class_maps, in log-odds, are not compared."""
    names = [name for name in mine if name != "class_maps"]
    return all(bool(np.allclose(mine[name], other[name], rtol=0, atol=TOLERANCE)) for name in names)


class HalfPrecision:
    """TensorFlow's switch for half precision where it is safe, one for all models of a process.

    A model that does not agree with itself turns it off for good.
    """

    def __init__(self) -> None:
        self.refused = False

    def settle(self, tf: Any, run: Callable[[Floats], Answer], probe: Floats, name: str) -> bool:
        """Turn it on if ``run`` then answers ``probe`` as it does without; whether it is on."""
        self._set(tf, on=False)
        plain = run(probe)
        if self.refused:
            return False
        self._set(tf, on=True)
        if agree(plain, run(probe)):
            return True
        _log.warning("%s answers differently in half precision, so all models run in single precision", name)
        self.refused = True
        self._set(tf, on=False)
        return False

    @staticmethod
    def _set(tf: Any, *, on: bool) -> None:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision": on})


half_precision = HalfPrecision()
