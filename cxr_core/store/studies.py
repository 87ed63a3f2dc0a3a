"""Studies: the films of one examination together, a patient's earlier ones, and films that leave the worklist.

In: an image's key. Out: its Study, the earlier entries of the same patient. ``remove`` takes an image out of the
worklist and keeps it, ``restore`` brings it back, ``purge`` erases it. This module compares patients by what their
files say, and shows two films together only if nothing speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.records import Identity
from cxr_core.store.audit import append
from cxr_core.store.lines import ALL_LINES, Entry, forget_parsed
from cxr_core.store.screenings import ScreeningsPart
from cxr_core.store.study_rows import StudyRow, forget_empty, kept
from cxr_core.store.tables import ImageRow


@dataclass(frozen=True, slots=True)
class Study:
    """One examination: ``images`` in order of arrival. ``uid`` is its UID, or made of the image's key without one.

    Like Identity, it is for the eyes of the clinician: its repr shows no patient.
    """

    uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    study_date: str
    accession: str = field(repr=False)
    requested_priority: str
    images: tuple[Entry, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Removed:
    """An entry that was taken out of the worklist, and when."""

    entry: Entry
    removed_at: datetime


class StudiesPart(ScreeningsPart):
    """Studies, and the leaving and coming back of their images."""

    def study(self, key: str, models_key: str | None = None) -> Study | None:
        """The study of an image, with all its images as ``entries`` gives them; None if the image is not here."""
        with self._database.reading() as session:
            row = session.scalar(_study_of(key))
        if row is None:
            return None
        images = self._entries(ImageRow.study_id == row.id, preferred=models_key)
        facts = (row.uid, row.patient_id, row.issuer, row.study_date, row.accession, row.requested_priority)
        return Study(*facts, images=images)

    def keys(self, text: str) -> tuple[str, ...]:
        """Keys of the images of the study with this UID, else of those whose key begins so; in order of arrival."""
        rows = select(ImageRow.key).where(ImageRow.removed_at.is_(None)).order_by(ImageRow.received_at, ImageRow.id)
        of_study = rows.join(StudyRow, StudyRow.id == ImageRow.study_id).where(StudyRow.uid == text)
        begins = rows.where(ImageRow.key.startswith(text.lower(), autoescape=True))
        with self._database.reading() as session:
            return tuple(session.scalars(of_study)) or tuple(session.scalars(begins))

    def earlier(self, key: str, models_key: str | None = None) -> tuple[Entry, ...]:
        """Images of the same patient's earlier studies, the latest first; () where the patient is not known.

        The same patient: the same number, and no other issuer, birth date or sex where both films say one. Earlier: by
        the study's date; where one says none, or both the same, by arrival.
        """
        with self._database.reading() as session:
            mine = session.scalar(_study_of(key))
            if mine is None or not mine.patient_id:
                return ()
            same = (StudyRow.patient_id == mine.patient_id, StudyRow.id != mine.id)
            others = {row.id: row for row in session.scalars(select(StudyRow).where(*same))}
            rows = select(ImageRow.key, ImageRow.study_id).where(ImageRow.study_id.in_(others))
            dates = {found.key: others[found.study_id].study_date for found in session.execute(rows)}
        this = self.entry(key, models_key)
        if this is None or not dates:
            return ()
        found = self._entries(ImageRow.key.in_(dates), preferred=models_key)
        mine_too = [
            entry
            for entry in found
            if _may_be_the_same(this.screening.identity, entry.screening.identity)
            and _is_earlier((dates[entry.key], entry.received_at), (mine.study_date, this.received_at))
        ]
        return tuple(sorted(mine_too, key=lambda entry: (dates[entry.key], entry.received_at), reverse=True))

    def remove(self, key: str, actor: str = "") -> None:
        """Take an image out of the worklist; it is kept until it is purged. No error if it is not there."""

        def change(session: Session) -> None:
            image = session.scalar(select(ImageRow).where(ImageRow.key == key, ImageRow.removed_at.is_(None)))
            if image is not None:
                image.removed_at = datetime.now(UTC)
                session.flush()
                append(session, "removed", key, {}, actor)

        self._change(change)

    def restore(self, key: str, actor: str = "") -> Entry:
        """Bring a removed image back to its place, with its review; StoreError if it was purged meanwhile."""

        def change(session: Session) -> None:
            image = session.scalar(select(ImageRow).where(ImageRow.key == key))
            if image is None:
                raise StoreError("this image was erased and cannot be brought back; send the film again")
            if image.removed_at is not None:
                image.removed_at = None
                session.flush()
                append(session, "restored", key, {}, actor)

        self._change(change)
        entry = self.entry(key)
        if entry is None:
            raise StoreError("this image is no longer in the worklist; reload the page")
        return entry

    def removed(self) -> tuple[Removed, ...]:
        """What was taken out of the worklist and can be brought back, the latest first."""
        with self._database.reading() as session:
            rows = session.execute(select(ImageRow.key, ImageRow.removed_at).where(ImageRow.removed_at.is_not(None)))
            times = {row.key: row.removed_at for row in rows}
        found = self._entries(ImageRow.removed_at.is_not(None), lines=ALL_LINES) if times else ()
        gone = [Removed(entry, times[entry.key]) for entry in found if entry.key in times]
        return tuple(sorted(gone, key=lambda item: item.removed_at, reverse=True))

    def purge(self, key: str, *, why: str = "purged", actor: str = "") -> None:
        """Erase an image: its rows, its film, all that was made of it; the audit trail keeps its digest.

        No error if it is not here. The film goes before the rows do: what was interrupted is found, and done again.
        """
        self._purge([key], why, actor)

    def _purge(self, keys: list[str], why: str, actor: str) -> None:
        def change(session: Session) -> None:
            images = session.scalars(select(ImageRow).where(ImageRow.key.in_(keys))).all()
            studies = {image.study_id for image in images if image.study_id is not None}
            session.execute(delete(ImageRow).where(ImageRow.id.in_([image.id for image in images])))
            for study in studies:
                forget_empty(session, study)
            for image in images:
                append(session, "erased", image.key, {"why": why}, actor)
            for key in keys:
                if not key.startswith("unread-"):
                    self._films.remove(key)

        self._change(change)
        self._database.wipe()
        forget_parsed()


def _may_be_the_same(one: Identity | None, other: Identity | None) -> bool:
    """Whether nothing that both films say of their patient differs; hospitals give the same numbers to two people."""
    if one is None or other is None:
        return False
    said = ((getattr(one, name), getattr(other, name)) for name in ("patient_id", "issuer", "birth_date", "sex"))
    return all(not mine or not theirs or kept(mine) == kept(theirs) for mine, theirs in said)


def _is_earlier(other: tuple[str, datetime], this: tuple[str, datetime]) -> bool:
    """By the day of the study, then by arrival; by arrival alone where a film names no day."""
    (day, arrived), (my_day, my_arrival) = other, this
    return (day, arrived) < (my_day, my_arrival) if day and my_day else arrived < my_arrival


def _study_of(key: str) -> Select[StudyRow]:
    return select(StudyRow).join(ImageRow, ImageRow.study_id == StudyRow.id).where(ImageRow.key == key)
