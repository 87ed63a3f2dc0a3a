"""What a detection test found of each film, and the file that remembers it.

In: Seen records, one by one. Out: after a stop, the same records again. One JSON line a film, handed to the operating
system at once; a last line cut short by a kill is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

FILE = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Mark:
    """A box of one class: fractions of the film, its score, and whether it was drawn into the picture."""

    label: str
    score: float
    corners: tuple[float, float, float, float]
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One film: the model's scores and boxes, and what is known of it. ``refusal`` says why it could not be read.

    ``scores`` and ``truth`` are by finding; ``boxes`` and ``true_boxes`` by class; ``picture`` is the annotated file.
    """

    file: str
    sha256: str
    refusal: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    boxes: tuple[Mark, ...] = ()
    truth: Mapping[str, int] = field(default_factory=dict)
    true_boxes: tuple[Mark, ...] = ()
    group: str = ""
    picture: str = ""


class Journal:
    """The file of one test in ``folder``; use it in a ``with`` block. Lines of other weights are not used."""

    def __init__(self, folder: Path, model: str) -> None:
        self._model, self._path = model, folder / FILE
        self._pictures = folder
        self._done: dict[tuple[str, str], Seen] = {}
        before = self._path.read_bytes() if self._path.exists() else b""
        for line in before.splitlines():
            self._recall(line)
        self._stream = self._path.open("ab")
        if before and not before.endswith(b"\n"):
            self._stream.write(b"\n")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()

    def known(self, file: str, sha256: str) -> Seen | None:
        """What was found of these bytes under this name, if its picture still stands."""
        seen = self._done.get((file, sha256))
        return seen if seen and (not seen.picture or (self._pictures / seen.picture).is_file()) else None

    def add(self, seen: Seen) -> None:
        """Writes one film down."""
        line = json.dumps({"model": self._model} | asdict(seen), allow_nan=False)
        self._stream.write(line.encode() + b"\n")
        self._stream.flush()

    def _recall(self, line: bytes) -> None:
        try:
            raw = json.loads(line)
            if raw.pop("model") != self._model:
                return
            for key in ("boxes", "true_boxes"):
                raw[key] = tuple(Mark(**item | {"corners": tuple(item["corners"])}) for item in raw[key])
            seen = Seen(**raw)
        except (ValueError, KeyError, TypeError):
            return  # cut short, or not ours: that film is looked at again
        self._done[seen.file, seen.sha256] = seen
