"""What the operations page asks: when films were screened, why some were refused or doubted, how long stages took.

In: a moment to look back to. Out: arrays and counts; no entry is parsed but those that were refused or doubted. Removed
images count too where work was done on them: this is about the machine, not about patients.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from cxr_core.store.part import Part
from cxr_core.store.tables import ImageRow, ScreeningRow

MOST_REASONS = 20_000
"""Refused or doubted films that are looked into, the newest first; beyond, shares hardly move."""


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """N screenings in order of time: ``at`` UTC, microseconds; ``refused`` and ``synthetic`` (N,) bool."""

    at: npt.NDArray[np.datetime64]
    refused: npt.NDArray[np.bool_]
    synthetic: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class Reasons:
    """Films by code: why they were refused, and what made a reading doubtful or was told of it."""

    refusals: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)


class OperationsPart(Part):
    """Figures of the work that was done."""

    def screened_since(self, since: datetime | None = None) -> Screened:
        """Every screening from that moment on, the first ever by default."""

        def read(session: Session) -> Screened:
            rows = _since(select(ScreeningRow.screened_at, ScreeningRow.status, ImageRow.synthetic), since)
            # The driver's own rows: SQLAlchemy's would take several times as long for 100,000 of them.
            result = session.connection().execute(rows.order_by(ScreeningRow.screened_at))
            found = result.cursor.fetchall() if result.cursor is not None else []
            at, status, synthetic = zip(*found, strict=True) if found else ((), (), ())
            return Screened(
                np.array(at, "datetime64[us]"), np.array(status, object) == "refused", np.array(synthetic, bool)
            )

        return self._database.read(read)

    def reasons_since(self, since: datetime | None = None) -> Reasons:
        """Codes of refusals and of warnings, by how many films have them."""
        rows = _since(select(ScreeningRow.payload), since)
        rows = rows.where((ScreeningRow.status == "refused") | ScreeningRow.doubtful)
        rows = rows.order_by(ScreeningRow.screened_at.desc()).limit(MOST_REASONS)
        found = Reasons()
        for payload in self._database.read(lambda session: session.scalars(rows).all()):
            told = json.loads(payload)
            if told["refusal"]:
                found.refusals[told["refusal"]["code"]] += 1
            found.warnings.update({notice["code"] for notice in told["warnings"]})
        return found

    def stage_seconds(self, films: int = 1000) -> npt.NDArray[np.float64]:
        """(N, 3) seconds of reading, preparing and detecting, of the latest screened films."""
        rows = _since(select(ScreeningRow.payload), None).where(ScreeningRow.status == "screened")
        rows = rows.order_by(ScreeningRow.screened_at.desc()).limit(films)
        told = (json.loads(payload)["seconds"] for payload in self._database.read(lambda s: s.scalars(rows).all()))
        values = [(item["read"], item["prepare"], item["detect"]) for item in told]
        return np.array(values, np.float64).reshape(-1, 3)


def _since(rows: Any, since: datetime | None) -> Any:
    """Of screenings with their images, from a moment on."""
    rows = rows.join(ImageRow, ImageRow.id == ScreeningRow.image_id)
    return rows.where(ScreeningRow.screened_at >= since) if since else rows
