"""Writes models/gate/: the LiteRT file, and the card's facts of it. Figures and limits come from measure.py.

In: a finished run. Out: the model folder. All weights are rounded to half precision once, so that the file compresses.
"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import numpy as np

from cxr_core.card import InputSpec, LabelCard, ModelCard, WeightsFile, sha256_of
from cxr_core.records import OperatingPoint
from training import runs
from training.errors import TrainingError
from training.export import LICENCE, LITERT, frozen, halve, litert
from training.gate import fit, learn, network, side
from training.gate.recipe import OUTPUTS, Recipe
from training.trunk import values

LARGEST = 6_000_000  # bytes

_UNMEASURED = {"check": OperatingPoint(0.5), "sure": OperatingPoint(0.9)}

_DATA = {
    "training": "NIH ChestX-ray14, SIIM-FISABIO-RSNA COVID-19, COVID-19 Radiography Database, folds 0 to 3, against "
    "pictures drawn by training/gate",
    "held_out": "fold 4: half for the limits, half for the figures; ieee8023 never used before",
}

LIMITS = (
    "No lateral film, no abdomen, no limb and no CT of a patient was at hand to train on: such pictures were drawn by "
    "code. Lateral views are known by DICOM entries; by pixels alone nothing is proven.",
    "A heart on the right side looks like a mirrored film: the gate only says that left and right may be exchanged. "
    "Some of the public films that it says so of were never mirrored here, and their own marker agrees with it; they "
    "count as false alarms. A mirrored film whose heart is hidden, by white lungs on both sides or by its position, "
    "passes.",
    "Overexposed, drowned, noisy or blurred pictures are caught when they are far gone; milder ones pass. Pale ones do "
    "not matter: greys are stretched before anything looks at them.",
    "Generated phantoms of this product pass on purpose, though no patient is on them.",
    "It stops and marks pictures; it never clears one.",
)


def export(recipe: Recipe, run: Path, models: Path) -> Path:
    """Writes the model folder; returns its path. TrainingError if the file is too large."""
    folder = models / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    eyes = network.eyes(recipe)
    halve(eyes)
    head, centre, whitening = learn.restore(recipe, run)
    for variable in head.trainable_variables:
        variable.assign(values(variable).astype(np.float16).astype(np.float32))
    heart = side.trained(recipe.side, run / fit.SIDE)
    halve(heart)
    whole = network.inference(eyes, head, side.both_ways(heart), centre, whitening)
    (folder / LITERT).write_bytes(litert(frozen(whole, 1), recipe.size))
    size = (folder / LITERT).stat().st_size
    if size > LARGEST:
        raise TrainingError(f"{LITERT} has {size / 1e6:.1f} MB; a gate may have at most {LARGEST / 1e6:.0f}")
    card(recipe, folder, run).save(folder)
    return folder


def _digest(run: Path) -> str:
    both = sha256_of(run / learn.WEIGHTS) + sha256_of(run / fit.SIDE / runs.WEIGHTS)
    return hashlib.sha256(both.encode()).hexdigest()


def card(recipe: Recipe, folder: Path, run: Path) -> ModelCard:
    """The card without figures."""
    return ModelCard(
        name=recipe.name,
        version=f"1.1+{_digest(run)[:8]}",
        title=recipe.title,
        task="what kind of picture is it",
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        input=InputSpec(recipe.size, recipe.size),
        labels=tuple(
            LabelCard(number, name, None, "check", operating_points=_UNMEASURED)
            for number, name in enumerate(OUTPUTS, 1)
        ),
        data={"distance_limit": 1e9} | _DATA,
        files={"litert": WeightsFile(LITERT, sha256_of(folder / LITERT))},
        licence=LICENCE,
        limits=LIMITS,
        role="gate",
    )
