"""What leaves as files: rows of a queue little by little, however long it is, and pictures of its films.

In: a Queue, the store, the models' cards. Out: Rows for export/, annotated pictures; and the queue as a command line
wants it, without a network. Nothing is screened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cxr_core.card import LabelCard, ModelCard
from cxr_core.export.picture import annotated, png
from cxr_core.export.result import NOTICE, Result
from cxr_core.export.table import Row
from cxr_core.gate import mended
from cxr_core.queueing import Queue, Queued, Rows, Terms, Worklist
from cxr_core.read import read
from cxr_core.records import models_key
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.triage import Policy
from cxr_core.voices import speakers

_UNKNOWN = datetime.min.replace(tzinfo=UTC)


def rows_of(queue: Queue, chosen: Rows | None = None) -> Iterator[Row]:
    """These rows of a queue, in their order, all of it by default; those that are gone meanwhile are left out."""
    for item in queue.each(queue.order.rows if chosen is None else chosen):
        yield row_of(item)


def row_of(item: Queued) -> Row:
    """One image as export/ wants it, with the thresholds that flag it."""
    entry = item.entry
    return Row(item.ranked, entry.received_at, entry.screened_at, entry.review, item.thresholds)


def queue_of(store: Store, cards: Sequence[ModelCard], preset: str, policy: Policy, now: datetime) -> Queue:
    """The whole worklist at a preset of the detectors' cards; ModelNotFound if a label has no speaker."""
    labels = label_cards(cards)
    points = {label: card.operating_points.get(preset) for label, card in labels.items()}
    terms = Terms(
        thresholds={label: point.threshold if point else 0.5 for label, point in points.items()},
        urgencies={label: card.urgency for label, card in labels.items()},
        policy=policy,
    )
    spoken = zip(cards, speakers(cards), strict=True)
    return Worklist(store).queue(terms, models_key(card.ref() for card, said in spoken if said), now)


def label_cards(cards: Sequence[ModelCard]) -> dict[str, LabelCard]:
    """The class card of each finding, of the detector that speaks for it."""
    return {
        str(item.finding): item
        for card, spoken in zip(cards, speakers(cards), strict=True)
        for item in card.finding_labels
        if item.finding in spoken
    }


@dataclass(frozen=True, slots=True)
class Painter:
    """Makes a row's annotated picture from the film in the store. ``preset`` is the name of the thresholds."""

    store: Store
    settings: Settings
    preset: str
    cards: Mapping[str, LabelCard] = field(default_factory=dict)
    identity: bool = False

    def __call__(self, row: Row) -> bytes:
        """The PNG; StoreError or Refusal if the film cannot be had."""
        screening = row.ranked.screening
        film = read(self.store.film(screening.sha256), "", self.settings)
        upright = mended(film, (notice.code for notice in screening.warnings))
        result = Result(
            key=screening.sha256,
            screening=screening,
            assessment=row.ranked.assessment,
            thresholds=row.thresholds or {},
            preset=self.preset,
            received_at=row.received_at or _UNKNOWN,
            screened_at=row.screened_at or _UNKNOWN,
            review=row.review,
            box_thresholds={label: card.box_threshold for label, card in self.cards.items()},
        )
        return png(annotated(upright.pixels, result, lines=tuple(self._lines(row))))

    def _lines(self, row: Row) -> Iterator[str]:
        screening, assessment = row.ranked.screening, row.ranked.assessment
        yield NOTICE
        flagged = ", ".join(f"{label} {screening.scores[label]:.2f}" for label in assessment.flagged)
        lane = "refused" if screening.status == "refused" else assessment.urgency
        yield f"Rank {row.ranked.rank}, {lane}. Flagged at the {self.preset} thresholds: {flagged or 'nothing'}."
        yield " · ".join(f"{ref.name} {ref.version}" for ref in screening.models) or "screened by no model"
        known = screening.identity
        if self.identity and known:
            yield " · ".join(part for part in (known.shown_name, known.patient_id, known.study_date) if part)
