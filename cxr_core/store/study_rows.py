"""The table of studies, and how an image gets into one: by what its file says of itself.

studies      one row an examination of one patient; films without a study's UID are one each
"""

from __future__ import annotations

import unicodedata

from sqlalchemy import String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from cxr_core.records import Identity
from cxr_core.store.tables import Base, ImageRow

MOST_CHARACTERS = 200
"""Longer values are cut; DICOM allows 64 characters, and read/identity.py lets 194 through."""


class StudyRow(Base):
    """One examination. A UID that two patients share (it happens) stands twice: their films are never joined."""

    __tablename__ = "studies"
    __table_args__ = (UniqueConstraint("uid", "patient_id", "issuer"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(MOST_CHARACTERS))
    patient_id: Mapped[str] = mapped_column(String(MOST_CHARACTERS), index=True)
    issuer: Mapped[str] = mapped_column(String(MOST_CHARACTERS))
    study_date: Mapped[str] = mapped_column(String(8))
    accession: Mapped[str] = mapped_column(String(MOST_CHARACTERS))
    requested_priority: Mapped[str] = mapped_column(String(16))


def link(session: Session, image: ImageRow, identity: Identity | None) -> None:
    """Put an image into the study that its file names; what an earlier reading of it said stays if this says nothing.

    Two values differ: the later one counts, as a corrected file is sent after the wrong one.
    """
    if identity is None and image.study_id is not None:
        return
    said = identity or Identity()
    uid, patient, issuer = kept(said.study_uid) or f"image:{image.key}", kept(said.patient_id), kept(said.issuer)
    mine = (StudyRow.uid == uid, StudyRow.patient_id == patient, StudyRow.issuer == issuer)
    row = session.scalar(select(StudyRow).where(*mine))
    if row is None:
        row = StudyRow(uid=uid, patient_id=patient, issuer=issuer, study_date="", accession="", requested_priority="")
        session.add(row)
    row.study_date = kept(said.study_date)[:8] or row.study_date
    row.accession = kept(said.accession) or row.accession
    row.requested_priority = kept(said.priority)[:16] or row.requested_priority
    session.flush()
    before, image.study_id = image.study_id, row.id
    session.flush()
    if before not in (None, row.id):
        forget_empty(session, before)


def forget_empty(session: Session, study_id: int | None) -> None:
    """Delete a study that has no image left: it names a patient."""
    if session.scalar(select(ImageRow.id).where(ImageRow.study_id == study_id).limit(1)) is None:
        session.execute(delete(StudyRow).where(StudyRow.id == study_id))


def kept(text: str) -> str:
    """A value as every database keeps it: no control characters, no halves of surrogate pairs, not too long."""
    return "".join(char for char in text if unicodedata.category(char)[0] != "C").strip()[:MOST_CHARACTERS]
