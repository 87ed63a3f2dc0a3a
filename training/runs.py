"""A run folder: what was trained, how, and how far it got.

In and out: runs/<name>/ with config.json (recipe, seed, data digest, versions, network shape), checkpoint.npz (all a
resumed run needs), weights.npz (the averaged weights of a finished run), patients.json and log.csv. It trains nothing.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training import network
from training.errors import RunError
from training.recipe import Recipe, System
from training.trunk import ScaledConv, values

CONFIG, CHECKPOINT, WEIGHTS, LOG = "config.json", "checkpoint.npz", "weights.npz", "log.csv"
PATIENTS = "patients.json"
_PACKAGES = ("keras", "tensorflow-cpu", "tensorflow", "numpy", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps done and planned, seconds spent."""

    step: int
    total: int
    seconds: float


def shape_of(recipe: Recipe, priors: tuple[tuple[float, float], ...]) -> network.Shape:
    """The network's shape for a recipe and its data's priors."""
    return network.Shape(
        size=recipe.size,
        priors=priors,
        targets=len(recipe.targets),
        attended=recipe.attended,
        scored=len(recipe.labels),
        place=recipe.place,
        width=recipe.width,
        depth=recipe.depth,
        fine=recipe.fine,
    )


def describe(recipe: System, shape: Any, digest: str, held_out: int | None, history: list[str]) -> dict[str, Any]:
    """The configuration that stands beside the weights; ``shape`` is the record its network is built from."""
    facts = {key: value for key, value in asdict(recipe).items() if key not in ("read", "classes")}
    return {
        "recipe": facts,
        "shape": asdict(shape),
        "held_out_fold": held_out,
        "history": history,
        "data_sha256": digest,
        "seed": recipe.seed,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Writes config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / CONFIG, json.dumps(config, indent=1).encode())


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a run; RunError if there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / CONFIG).read_text())
    except FileNotFoundError as exc:
        raise RunError(f"no run in {folder.name}: fit the recipe first") from exc
    return found


def shape_from(config: dict[str, Any]) -> network.Shape:
    """The network shape a run was trained with."""
    raw = dict(config["shape"])
    raw["priors"] = tuple(tuple(item) for item in raw["priors"])
    return network.Shape(**raw)


def save_checkpoint(folder: Path, arrays: list[np.ndarray], progress: Progress) -> None:
    """Writes checkpoint.npz whole or not at all: a kill in between leaves the one before."""
    named = {f"v{index}": value for index, value in enumerate(arrays)}
    facts = np.array([progress.step, progress.total, progress.seconds], np.float64)
    _save(folder / CHECKPOINT, {"progress": facts, **named})


def load_checkpoint(folder: Path) -> tuple[list[np.ndarray], Progress] | None:
    """What save_checkpoint wrote, or None."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    with np.load(path) as stored:
        step, total, seconds = stored["progress"]
        arrays = [stored[f"v{index}"] for index in range(len(stored.files) - 1)]
    return arrays, Progress(int(step), int(total), float(seconds))


def save_weights(folder: Path, model: keras.Model) -> None:
    """Writes weights.npz by variable path."""
    _save(folder / WEIGHTS, {variable.path: values(variable) for variable in _lasting(model)})


def load_weights(folder: Path, model: keras.Model) -> None:
    """Fills a network from weights.npz; RunError if it is absent or of another network."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise RunError(f"the run {folder.name} has no {WEIGHTS}: it is not finished")
    with np.load(path) as stored:
        wanted = {variable.path: variable for variable in _lasting(model)}
        lacking = set(wanted) - set(stored.files)
        if lacking:
            raise RunError(f"{WEIGHTS} of {folder.name} is of another network: it lacks {min(lacking)}")
        for name, variable in wanted.items():
            if stored[name].shape != tuple(variable.shape):
                raise RunError(
                    f"{WEIGHTS} of {folder.name} is of another network: {name} has the shape {stored[name].shape}, "
                    f"expected {tuple(variable.shape)}; --trunk takes the trunk alone"
                )
            variable.assign(stored[name])


def load_trunk(folder: Path, model: keras.Model) -> None:
    """Fills only the trunk from the finished run of another recipe: its features were taught by other films."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise RunError(f"the run {folder.name} has no {WEIGHTS}: it is not finished")
    with np.load(path) as stored:
        for layer in model.layers:
            if isinstance(layer, ScaledConv):
                for variable in layer.weights:
                    variable.assign(stored[variable.path])


def _lasting(model: keras.Model) -> list[Any]:
    """Variables that inference needs: all but the dropout's random state."""
    return [variable for variable in model.variables if "seed_generator" not in variable.path]


def pack(run: Path, folder: Path) -> None:
    """Writes what a run elsewhere may start from: configuration, patients, and the weights in half precision.

    Their rounding is far below what the first step of training changes.
    """
    stored = load_checkpoint(run)
    write_config(folder, read_config(run) | ({"steps": stored[1].step} if stored else {}))
    with np.load(run / WEIGHTS) as weights:
        part = folder / f"{WEIGHTS}.part"
        with part.open("wb") as stream:
            np.savez_compressed(stream, **{name: weights[name].astype(np.float16) for name in weights.files})
        part.replace(folder / WEIGHTS)
    (folder / PATIENTS).unlink(missing_ok=True)
    if (run / PATIENTS).is_file():  # without it nobody may start from here with a fold held out
        write_whole(folder / PATIENTS, (run / PATIENTS).read_bytes())


def steps_of(folder: Path) -> int:
    """How many steps a run has done; a packed one has no checkpoint, and says so itself."""
    stored = load_checkpoint(folder)
    return stored[1].step if stored else int(read_config(folder).get("steps", 0))


def network_of(folder: Path) -> tuple[keras.Model, network.Shape]:
    """The trained network of a finished run."""
    shape = shape_from(read_config(folder))
    model = network.build(shape)
    load_weights(folder, model)
    return model, shape


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)  # type: ignore[arg-type]  # numpy's stub confuses the names with its options
    part.replace(path)


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)
