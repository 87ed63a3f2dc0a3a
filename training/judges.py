"""Who judges which film: each finished run the fold it never saw, its answers kept on disk.

In: run folders, examples. Out: Answers in the examples' order. It knows no truth. Answers stand in RUN/answers/, under
a name that changes with the weights, the films and the code that makes answers, so a second evaluation is quick and an
interrupted one goes on where it was.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from cxr_core import prepare
from cxr_core.card import Decoding, sha256_of
from cxr_core.detect import decode
from training import network, predict, runs, trunk
from training.data import Example
from training.errors import MissingData, RunError
from training.predict import Answers, Edit, Found

ANSWERS = "answers"
NOTHING = Answers(np.zeros((0, 0)), ())
_AT_ONCE = 128  # films whose answers are lost if the evaluation is stopped
_CODE = (network, trunk, predict, prepare, decode)
"""Modules whose change may change an answer."""


class Looking(Protocol):
    """What can answer for films."""

    def look(self, examples: Sequence[Example], what: str, edit: Edit | None = None) -> Answers:
        """The answers for ``examples`` in order."""
        ...


Make = Callable[[Path, Decoding], Looking]


class Judge:
    """One finished run; its network is built only when an answer is not on disk."""

    def __init__(self, run: Path, decoding: Decoding, make: Make = predict.Predictor) -> None:
        self.run, self.fold = run, runs.read_config(run)["held_out_fold"]
        self._decoding, self._make = decoding, make
        self._predictor: Looking | None = None
        weights = run / runs.WEIGHTS
        if not weights.is_file():
            raise RunError(f"the run {run.name} has no {runs.WEIGHTS}: it is not finished")
        self._weights = sha256_of(weights)

    def look(self, examples: Sequence[Example], what: str, edit: Edit | None = None) -> Answers:
        """The answers for ``examples``; ``what`` names the set of films, and the edit if there is one."""
        parts = [examples[start : start + _AT_ONCE] for start in range(0, len(examples), _AT_ONCE)]
        answers = [self._part(part, what, edit) for part in parts]
        found = tuple(item for part in answers for item in part.found)
        return Answers(np.concatenate([part.image for part in answers]), found) if answers else NOTHING

    def _part(self, examples: Sequence[Example], what: str, edit: Edit | None) -> Answers:
        path = self.run / ANSWERS / f"{what.replace(' ', '_')}-{self._key(examples, edit)}.npz"
        if not path.is_file():
            if self._predictor is None:
                self._predictor = self._make(self.run, self._decoding)
            save(path, self._predictor.look(examples, f"{self.run.name}: {what}", edit))
        return load(path)

    def _key(self, examples: Sequence[Example], edit: Edit | None) -> str:
        digest = hashlib.sha256(f"{self._weights} {self._decoding} {edit.__name__ if edit else ''}".encode())
        for module in (*_CODE, *([sys.modules[edit.__module__]] if edit else ())):
            digest.update(_meaning(Path(str(module.__file__))))
        for example in examples:
            areas = example.areas if edit else ()
            digest.update(f"{example.name}|{_state(example)}|{example.span}|{areas}\n".encode())
        return digest.hexdigest()[:16]


def _state(example: Example) -> tuple[int, int]:
    """Changes with the film's file; MissingData if it is not there."""
    try:
        status = example.path.stat()
    except OSError as exc:
        raise MissingData(f"{example.name} cannot be opened ({type(exc).__name__})") from exc
    return status.st_size, status.st_mtime_ns


def _meaning(path: Path) -> bytes:
    """A module's code without comments and docstrings: those change no answer."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree).encode()


class Judges:
    """Several runs of one recipe, each for the films of its own fold; a single run is a court of one."""

    def __init__(self, each: Mapping[int, Looking], beside: Mapping[str, Judge] | None = None) -> None:
        """``each``: who answers for the films of a fold. ``beside``: further runs, by what they are asked for."""
        self._each, self.beside = dict(sorted(each.items())), dict(beside or {})

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds that can be judged."""
        return tuple(self._each)

    def look(self, examples: Sequence[Example], what: str, edit: Edit | None = None) -> Answers:
        """Each film answered by the network that never saw its fold; RunError for a film of another fold."""
        strangers = {item.fold for item in examples} - set(self._each)
        if strangers:
            raise RunError(f"no run held out fold {min(strangers)}, so none may judge its films")
        places, parts = [], []
        for fold, judge in self._each.items():
            mine = [index for index, item in enumerate(examples) if item.fold == fold]
            if mine:
                places.append(mine)
                parts.append(judge.look([examples[index] for index in mine], what, edit))
        return _joined(places, parts)

    def all_look(self, examples: Sequence[Example], what: str) -> list[Answers]:
        """Films nobody was trained on, answered by every network."""
        return [judge.look(examples, what) for judge in self._each.values()]


def court(folders: Sequence[Path], decoding: Decoding, recipe: str, make: Make = predict.Predictor) -> Judges:
    """Judges from run folders; RunError where two held out the same fold, or one none, or one is of another recipe."""
    each: dict[int, Looking] = {}
    digests = set()
    for folder in folders:
        config = runs.read_config(folder)
        fold, name = config["held_out_fold"], config["recipe"]["name"]
        if name != recipe:
            raise RunError(f"{folder.name} is a run of {name}, not of {recipe}")
        if fold is None:
            raise RunError(
                f"{folder.name} was trained on every fold: there is nothing honest to measure it on. "
                "Name runs that held out a fold with --runs, and this one with --run"
            )
        if fold in each:
            raise RunError(f"{folder.name} held out fold {fold}, as another run did; one run a fold")
        each[fold] = Judge(folder, decoding, make)
        digests.add(config["data_sha256"])
    if len(digests) > 1:
        raise RunError("the runs were trained on different data; their folds cannot be pooled")
    return Judges(each)


def _joined(places: Sequence[Sequence[int]], parts: Sequence[Answers]) -> Answers:
    """The parts' answers in the order of the films."""
    if not parts:
        return NOTHING
    order = np.argsort(np.concatenate([np.array(place, int) for place in places]))
    found = [item for part in parts for item in part.found]
    image = np.concatenate([part.image for part in parts])[order]
    return Answers(image, tuple(found[index] for index in order) if found else ())


def save(path: Path, answers: Answers) -> None:
    """Writes answers whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    found = answers.found
    np.savez_compressed(
        part,
        image=answers.image,
        count=np.array([len(item.scores) for item in found], np.int64),
        boxes=np.concatenate([item.boxes for item in found]) if found else np.zeros((0, 4)),
        classes=np.concatenate([item.classes for item in found]) if found else np.zeros(0, np.int64),
        scores=np.concatenate([item.scores for item in found]) if found else np.zeros(0),
    )
    part.replace(path)


def load(path: Path) -> Answers:
    """What ``save`` wrote."""
    with np.load(path) as stored:
        ends = np.cumsum(stored["count"])[:-1]
        columns = (np.split(stored[name], ends) for name in ("boxes", "classes", "scores"))
        found = tuple(Found(*each) for each in zip(*columns, strict=True)) if len(stored["count"]) else ()
        return Answers(stored["image"], found)
