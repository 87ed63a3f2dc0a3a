"""Which runtime serves a model folder, and its opening.

In: a card, its folder and the settings. Out: a loaded Runtime. The table below is the whole registry of runtimes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cxr_core.card import ModelCard, sha256_of
from cxr_core.card import Runtime as RuntimeKey
from cxr_core.detect.gpu import gpu_name
from cxr_core.detect.litert import Int8Runtime, LiteRTRuntime
from cxr_core.detect.raw import Runtime
from cxr_core.detect.saved_model import SavedModelRuntime, sees_gpu, tensorflow
from cxr_core.errors import ModelInvalid
from cxr_core.settings import Settings, physical_cores

RUNTIMES: dict[RuntimeKey, Callable[[Path, ModelCard, int], Runtime]] = {
    "litert": LiteRTRuntime,
    "litert_int8": Int8Runtime,
    "saved_model": SavedModelRuntime,
}


MOST_THREADS = 8
"""Networks of a few million weights have no work for more; a further thread waits for the others at every layer."""


def choose(card: ModelCard, settings: Settings) -> RuntimeKey:
    """The runtime of ``settings`` where the folder has its file, else the one that it has."""
    rounded = settings.runtime in ("auto", "litert_int8") and "litert_int8" in card.files
    wish: RuntimeKey = "litert_int8" if rounded else "litert"
    if settings.runtime == "tensorflow" or (
        settings.runtime == "auto" and "saved_model" in card.files and sees_gpu(threads(settings))
    ):
        wish = "saved_model"
    held = [key for key in RUNTIMES if key in card.files]
    if not held:
        found = ", ".join(card.files) or "none"
        raise ModelInvalid(f"card of {card.name} names files for {found}; expected {' or '.join(RUNTIMES)}")
    return wish if wish in held else held[0]


def runs_on(card: ModelCard, settings: Settings) -> str:
    """What a model is run with and on, for people; opens no network."""
    # Each reader asks the gate about its own film, so the films are what goes side by side.
    count = 1 if card.role == "gate" else threads(settings)
    cpu = f"CPU, {count} thread{'s' if count > 1 else ''}"
    match choose(card, settings):
        case "litert":
            return f"LiteRT in single precision on {cpu}"
        case "litert_int8":
            return f"LiteRT in 8 bits on {cpu}"
        case _:
            return f"TensorFlow on {gpu_name(tensorflow(count)) if sees_gpu(count) else cpu}"


def open_runtime(folder: Path, card: ModelCard, key: RuntimeKey, settings: Settings) -> Runtime:
    """Check the weights against the card's digest and load them."""
    weights = card.files[key]
    path = (folder / weights.path).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.exists():
        raise ModelInvalid(f"{card.name} has no {weights.path}, which its card names; restore it or export again")
    found = sha256_of(path)
    if found != weights.sha256.lower():
        raise ModelInvalid(
            f"{weights.path} of {card.name} is not the file its card describes: sha256 is {found[:12]}..., "
            f"expected {weights.sha256[:12]}...; copy the whole model folder again"
        )
    runtime = RUNTIMES[key](path, card, threads(settings))
    runtime.warm_up(settings.batch_size)
    return runtime


def threads(settings: Settings) -> int:
    """CPU threads a network may use: the setting, else one on each physical core this process may run on."""
    return settings.threads or min(MOST_THREADS, physical_cores())
