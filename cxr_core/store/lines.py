"""Rows of the database -> entries of the worklist: an image, one screening of it, and what was said of its result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Select, select

from cxr_core.records import Review, Screening
from cxr_core.serial import from_json, review_from_json
from cxr_core.store.tables import ImageRow, ScreeningRow


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the worklist: its screening, when it arrived, and what a person said of this screening's result.

    ``key`` names the image in every method of Store: the SHA-256 of its bytes, or a name of its own if they could not
    be had. Times are UTC.
    """

    key: str
    screening: Screening
    received_at: datetime
    screened_at: datetime
    synthetic: bool
    review: Review | None


def result_of(screening: Screening) -> str:
    """A digest of what a person judges: refused and why, or the nine scores. A review holds for one result alone."""
    code = screening.refusal.code if screening.refusal else ""
    told = json.dumps([screening.status, code, sorted(screening.scores.items())])
    return hashlib.sha256(told.encode()).hexdigest()


ALL_LINES = (
    select(
        ImageRow.id.label("image_id"),
        ImageRow.key,
        ImageRow.received_at,
        ImageRow.synthetic,
        ScreeningRow.models_key,
        ScreeningRow.payload,
        ScreeningRow.screened_at,
    )
    .join(ScreeningRow, ScreeningRow.image_id == ImageRow.id)
    .order_by(ImageRow.received_at, ImageRow.id, ScreeningRow.screened_at, ScreeningRow.id)
)
"""A line a screening; images in order of arrival, the screenings of an image in order of time."""

Lines: TypeAlias = Select[int, str, datetime, bool, str, str, datetime]

LINES = ALL_LINES.where(ImageRow.removed_at.is_(None))
"""The same, without images that were taken out of the worklist."""

Reviews = dict[tuple[int, str], Review]
"""By image and by the result that was judged."""


def entry_of(line: Any, reviews: Reviews) -> Entry:
    """An entry of a row of ``LINES``."""
    screening = parsed(line.payload)
    return Entry(
        key=line.key,
        screening=screening,
        received_at=line.received_at,
        screened_at=line.screened_at,
        synthetic=line.synthetic,
        review=reviews.get((line.image_id, _result(line.payload))) if reviews else None,
    )


_KEPT = 2_000
"""Screenings and reviews kept as read, some 6 kB each: those of the rows a page shows, with room for a few pages."""


@lru_cache(maxsize=_KEPT)
def parsed(payload: str) -> Screening:
    """Screenings are frozen, so a page that lists thousands on every slider move may share them."""
    return from_json(json.loads(payload))


@lru_cache(maxsize=_KEPT)
def review_in(payload: str) -> Review:
    """Reviews are frozen too."""
    return review_from_json(json.loads(payload))


@lru_cache(maxsize=_KEPT)
def _result(payload: str) -> str:
    return result_of(parsed(payload))


def forget_parsed() -> None:
    """Forget what was read before: some of it was erased."""
    for known in (parsed, review_in, _result):
        known.cache_clear()
