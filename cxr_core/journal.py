"""What a batch run has finished so far, so that a killed run goes on where it was.

In: screenings, one by one. Out: after a restart, the same screenings by content hash. One JSON line an image, handed to
the operating system at once; a last line cut short by a kill is passed over. Lines of other models or of another floor
stay in the file and are not used.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from cxr_core.errors import RecordError
from cxr_core.records import Identity, Screening
from cxr_core.serial import from_json, screening_to_json


class Journal:
    """The file of one run; use it in a ``with`` block. OSError where it cannot be read or written."""

    def __init__(self, path: Path, models_key: str, floor: float) -> None:
        self.path = path
        self._of = {"models": models_key, "floor": floor}
        self._done: dict[str, tuple[Screening, datetime]] = {}
        before = path.read_bytes() if path.exists() else b""
        for line in before.splitlines():
            self._recall(line)
        self._stream = path.open("ab")
        if before and not before.endswith(b"\n"):
            self._stream.write(b"\n")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()

    @property
    def finished(self) -> int:
        """How many images are written down."""
        return len(self._done)

    def known(self, sha256: str) -> Screening | None:
        """The screening of these bytes by these models, if an earlier run finished it."""
        done = self._done.get(sha256)
        return done[0] if done else None

    def add(self, screening: Screening) -> datetime:
        """Write a screening down; returns when it was screened, which for one that was known is the earlier time."""
        if screening.sha256 in self._done:
            return self._done[screening.sha256][1]
        now = datetime.now(UTC)
        if screening.sha256:  # an input whose bytes could not be had has no name to recall it by, and costs nothing
            line = self._of | {"at": now.isoformat(), "screening": screening_to_json(screening)}
            if screening.identity and screening.identity.priority:  # of all that names a patient's study, this ranks it
                line["priority"] = screening.identity.priority
            self._stream.write(json.dumps(line, allow_nan=False).encode() + b"\n")
            self._stream.flush()
            self._done[screening.sha256] = (screening, now)
        return now

    def remove(self) -> None:
        """The run is complete and its output written: nothing to go on with."""
        self._stream.close()
        self.path.unlink(missing_ok=True)

    def _recall(self, text: bytes) -> None:
        try:
            line = json.loads(text)
            if all(line[name] == value for name, value in self._of.items()):
                screening = from_json(line["screening"])
                if line.get("priority"):
                    screening = replace(screening, identity=Identity(priority=str(line["priority"])))
                self._done[screening.sha256] = (screening, datetime.fromisoformat(line["at"]))
        except (ValueError, KeyError, TypeError, RecordError):
            return  # cut short, or not ours: that image is screened again
