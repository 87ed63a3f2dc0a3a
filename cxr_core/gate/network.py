"""The gate's model folder -> a network that says what kind of picture it sees; one copy a process.

In: models/gate/ (card.json, model.tflite) and a picture as see.py makes it. Out: Look, numbers from 0 to 1 by name. It
knows no thresholds but those that its card carries, and decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from cxr_core.card import CARD_FILE, ModelCard, load_card, sha256_of
from cxr_core.errors import ModelInvalid
from cxr_core.gate.see import see
from cxr_core.settings import Settings

FOLDER = "gate"
ASKED = ("on", "required")
"""Values of CXR_GATE that ask the network."""

NAMES = ("other", "turned_90", "turned_180", "turned_270", "mirrored", "inverted", "cut_off", "spoilt")
"""What ``image_scores`` says, in order."""

_DISTANCE = "distance"


@dataclass(frozen=True, slots=True)
class Look:
    """What the network says of a picture: ``scores`` by NAMES; ``distance`` of its features from those of films."""

    scores: Mapping[str, float]
    distance: float

    def __getitem__(self, name: str) -> float:
        return self.scores[name]


@dataclass(frozen=True, slots=True)
class Limits:
    """From which score on something is doubtful (``check``) and from which it is sure (``sure``), by name."""

    check: Mapping[str, float]
    sure: Mapping[str, float]
    distance: float


class Network:
    """One interpreter behind a lock."""

    def __init__(self, folder: Path) -> None:
        self.card = load_card(folder)
        self.limits = _limits(self.card)
        path = folder / self.card.files["litert"].path if "litert" in self.card.files else folder / "absent"
        if not path.is_file() or sha256_of(path) != self.card.files["litert"].sha256:
            raise ModelInvalid(f"the LiteRT file of {folder.name} is missing or is not the one that its card describes")
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=1)
            self._interpreter.allocate_tensors()
            runner = self._interpreter.get_signature_runner()
            given, told = runner.get_input_details(), runner.get_output_details()
            self._input = int(next(iter(given.values()))["index"])
            self._scores, self._distance = (int(told[name]["index"]) for name in ("image_scores", _DISTANCE))
        except (ValueError, RuntimeError, OSError, KeyError) as exc:
            raise ModelInvalid(f"{path.name} of {folder.name} is no gate that LiteRT can run: {exc}") from exc
        self._lock = threading.Lock()

    def __call__(self, pixels: npt.NDArray[np.uint16]) -> Look:
        """Look at a film, (H, W) uint16."""
        seen = see(pixels, self.card.input.height)
        with self._lock:
            self._interpreter.set_tensor(self._input, seen[None, ..., None])
            self._interpreter.invoke()
            scores = self._interpreter.get_tensor(self._scores)[0]
            distance = float(self._interpreter.get_tensor(self._distance).reshape(-1)[0])
        named = dict(zip(NAMES, (float(score) for score in scores), strict=True))
        return Look(MappingProxyType(named), distance)


_shelf: dict[Path, Network] = {}
_lock = threading.Lock()


def load(settings: Settings) -> Network | None:
    """The site's gate, loaded once a process; None where there is none or CXR_GATE does not ask for it.

    One that is loaded stays, whatever becomes of its folder. ModelInvalid where it is required and not there.
    """
    folder = (settings.models_dir / FOLDER).resolve()
    if settings.gate not in ASKED:
        return None
    with _lock:
        if folder not in _shelf and not (folder / CARD_FILE).is_file():
            if settings.gate == "required":
                raise ModelInvalid("the folder of the gate is gone, so pictures can no longer be checked; restore it")
            return None
        if folder not in _shelf:
            _shelf[folder] = Network(folder)
        return _shelf[folder]


def card_of(settings: Settings) -> ModelCard | None:
    """The card of the network that ``load`` gives, without loading it."""
    folder = settings.models_dir / FOLDER
    return load_card(folder) if settings.gate in ASKED and (folder / CARD_FILE).is_file() else None


def _limits(card: ModelCard) -> Limits:
    """The thresholds that training measured: an operating point "check" and "sure" for each of NAMES."""
    points = {label.name: label.operating_points for label in card.labels}
    try:
        check = {name: points[name]["check"].threshold for name in NAMES}
        sure = {name: points[name]["sure"].threshold for name in NAMES}
        distance = float(card.data["distance_limit"])
    except (KeyError, TypeError, ValueError) as exc:
        raise ModelInvalid(f"the card of {card.name} lacks a threshold of the gate: {exc}") from exc
    return Limits(MappingProxyType(check), MappingProxyType(sure), distance)
