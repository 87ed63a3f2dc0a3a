"""Whose films a run has learnt from, by itself and through the runs it started from.

In: examples, a run folder. Out: patients.json beside its weights. A fold may only be judged by a network whose whole
line of ancestors never saw its patients; equal fold numbers need not be asked for, so one trunk taught on another
collection serves all five folds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from training.data import Example
from training.errors import RunError
from training.runs import PATIENTS


def patient(example: Example) -> str:
    """An example's group under one name in every table: what nih/ calls 123, covid/ calls n123."""
    own = example.source == "nih" and not example.group.startswith("n")
    return f"n{example.group}" if own else example.group


def of(examples: Iterable[Example]) -> frozenset[str]:
    """The patients of films."""
    return frozenset(map(patient, examples))


def seen(run: Path) -> frozenset[str]:
    """The patients whose films taught a run and its ancestors; RunError if it wrote none down."""
    path = run / PATIENTS
    if not path.is_file():
        raise RunError(f"{run.name} has no {PATIENTS}: nobody can tell whose films taught it; train it anew")
    return frozenset(json.loads(path.read_text()))


def write(run: Path, taught: Iterable[Example], origin: Path | None) -> None:
    """Writes down the patients of ``taught`` and of the run it starts from."""
    everyone = of(taught) | (seen(origin) if origin else frozenset())
    (run / PATIENTS).write_text(json.dumps(sorted(everyone), indent=0))


def refuse_seen(origin: Path | None, held_out: Iterable[Example]) -> None:
    """RunError if the run to start from has seen a patient of the films held out: their figures would be of memory."""
    known = (seen(origin) & of(held_out)) if origin else frozenset()
    if origin and known:
        raise RunError(
            f"{origin.name} has learnt from {len(known)} patients of the fold to be held out; start elsewhere"
        )
