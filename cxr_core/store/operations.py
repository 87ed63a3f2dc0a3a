"""What the operations page asks: when films were screened, why some were refused, how long it took, what readers said.

In: a moment to look back to. Out: arrays and counts; no entry is parsed but those that were refused or doubted. Removed
images count too where work was done on them: this is about the machine, not about patients.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from cxr_core.records import LABELS
from cxr_core.store.packing import unpacked
from cxr_core.store.part import Part
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.tables import ImageRow, ScreeningRow

_UNSAID = -1

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


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """N results that a person said something of, each with the latest that was said.

    ``blind`` and ``verdicts`` (N, 9) in the order of LABELS: 1 seen, 0 not seen, -1 nothing said; the first before the
    model's answer was shown, the second beside it. ``scores`` (N, 9); ``thresholds`` (N, 9) those that stood beside
    the film, NaN where none did.
    """

    blind: npt.NDArray[np.int8]
    verdicts: npt.NDArray[np.int8]
    scores: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.blind)


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

    def judged(self) -> Judged:
        """What readers said of screened films; removed ones do not count."""
        rows = (
            select(ReviewRow.id, ReviewRow.payload, ReviewRow.thresholds, ScreeningRow.scores)
            .join(ImageRow, ImageRow.id == ReviewRow.image_id)
            .join(
                ScreeningRow,
                and_(ScreeningRow.image_id == ReviewRow.image_id, ScreeningRow.result == ReviewRow.about),
            )
            .where(ReviewRow.latest, ScreeningRow.status == "screened", ImageRow.removed_at.is_(None))
        )
        # Two sets of models may have said the very same: then the review is of both, and counts once.
        found = {row.id: row for row in self._database.read(lambda session: session.execute(rows).all())}
        told = [json.loads(row.payload) for row in found.values()]
        return Judged(
            blind=_words(map(_seen_blind, told)),
            verdicts=_words(map(_verdicts, told)),
            scores=unpacked([row.scores for row in found.values()]),
            thresholds=unpacked([row.thresholds for row in found.values()]),
        )


def _words(rows: Iterable[list[int]]) -> npt.NDArray[np.int8]:
    return np.array(list(rows), np.int8).reshape(-1, len(LABELS))


def _seen_blind(told: Any) -> list[int]:
    """Of a stored review; a Review of each would cost as much again."""
    if not told["blind"]:
        return [_UNSAID] * len(LABELS)
    return [int(label in told["blind"]["flagged"]) for label in LABELS]


def _verdicts(told: Any) -> list[int]:
    said: dict[str, int] = {}
    for item in told["findings"]:
        if item["box"] is None and item["model_box"] is None:
            said.setdefault(item["label"], int(item["status"] != "disagree"))
    return [said.get(label, _UNSAID) for label in LABELS]


def _since(rows: Any, since: datetime | None) -> Any:
    """Of screenings with their images, from a moment on."""
    rows = rows.join(ImageRow, ImageRow.id == ScreeningRow.image_id)
    return rows.where(ScreeningRow.screened_at >= since) if since else rows
