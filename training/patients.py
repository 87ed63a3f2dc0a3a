"""Whose films a run has learnt from, by itself and through the runs it started from.

In: examples, a run folder. Out: patients.json beside its weights, digests of groups. A fold may only be judged by a
network whose whole line of ancestors never saw its patients; equal fold numbers need not be asked for, so one trunk
taught on another collection serves all five folds. A patient is known again as far as two collections name one alike:
within the shared layout by the group, elsewhere within one layout, and NIH's films everywhere by the number in their
names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from training.data import Example, nih_number
from training.errors import RunError
from training.runs import PATIENTS, write_whole

_SHARED = ("nih", "siim", "radiography", "ieee8023")


def names(example: Example) -> Iterator[str]:
    """Under what an example's patient is known; what nih/ calls group 123, covid/ calls n123."""
    shared = example.source in _SHARED
    own = example.source == "nih" and not example.group.startswith("n")
    yield f"{'shared' if shared else example.source}:{'n' if own else ''}{example.group}"
    number = nih_number(example.name)
    if number:
        yield f"nih:{number}"


def of(examples: Iterable[Example]) -> frozenset[str]:
    """The patients of films, as digests: a group's name may be a person's, and a run may leave in a model folder."""
    found = {name for example in examples for name in names(example)}
    return frozenset(hashlib.sha256(name.encode()).hexdigest()[:16] for name in found)


def strangers(examples: Iterable[Example], others: Iterable[Example]) -> list[Example]:
    """The examples of patients who have no film among ``others``."""
    theirs = of(others)
    return [item for item in examples if not of([item]) & theirs]


def seen(run: Path) -> frozenset[str]:
    """The patients whose films taught a run and its ancestors; RunError if it wrote none down."""
    path = run / PATIENTS
    if not path.is_file():
        raise RunError(f"{run.name} has no {PATIENTS}: nobody can tell whose films taught it; train it anew")
    return frozenset(json.loads(path.read_text()))


def write(run: Path, taught: Iterable[Example], origin: Path | None) -> None:
    """Writes down the patients of ``taught`` and of the run it starts from."""
    everyone = of(taught) | (seen(origin) if origin else frozenset())
    write_whole(run / PATIENTS, json.dumps(sorted(everyone), indent=0).encode())


def refuse_seen(run: Path | None, films: Iterable[Example]) -> None:
    """RunError if a run has seen a patient of ``films``: what it says of them would be memory."""
    known = (seen(run) & of(films)) if run else frozenset()
    if run and known:
        raise RunError(
            f"{run.name} has learnt from patients of the fold held out ({len(known)} of their names); "
            "take a run that has not"
        )
