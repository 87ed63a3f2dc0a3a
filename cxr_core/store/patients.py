"""One patient's data: all of it in a folder, or none of it left.

In: the patient's number as the films say it. Out: a private folder with the films and ``patient.json``, or an erasure.
What belongs to an image is found by the foreign keys of the tables, so that a table that is added is never forgotten:

    patient.json   the studies, a record an image with its rows in every table, the audit trail's rows of these images,
                   and the SHA-256 of every film beside it
    films/         the bytes as received

Pictures that never said whose they are (PNG, JPEG) are found by their keys alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, Table, select
from sqlalchemy.orm import Session

from cxr_core.errors import StoreError
from cxr_core.store.audit import AuditRow, append
from cxr_core.store.studies import StudiesPart
from cxr_core.store.study_rows import StudyRow, kept
from cxr_core.store.tables import Base, ImageRow

FORMAT = "cxr-patient-1"

_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"II*\0": "tif", b"MM\0*": "tif", b"BM": "bmp"}


@dataclass(frozen=True, slots=True)
class PatientExport:
    """What was written: the images, how many of their films, and those that are damaged or gone, by key."""

    images: int
    films: int
    missing: tuple[str, ...]


class PatientsPart(StudiesPart):
    """Giving a patient's data out, and erasing it."""

    def patient_keys(self, patient_id: str, issuer: str | None = None) -> tuple[str, ...]:
        """The images of a patient, removed ones too, in order of arrival.

        StoreError if two places have given this number, which may be two people, and ``issuer`` does not say which.
        """
        number = kept(patient_id)
        if not number:
            raise StoreError("a patient is found by a number that is not empty")

        def read(session: Session) -> tuple[str, ...]:
            whose = [StudyRow.patient_id == number]
            if issuer is not None:
                whose.append(StudyRow.issuer == kept(issuer))
            elif len(session.scalars(select(StudyRow.issuer).distinct().where(*whose)).all()) > 1:
                raise StoreError("films of several issuers carry this number; say with --issuer whose are meant")
            rows = select(ImageRow.key).join(StudyRow, StudyRow.id == ImageRow.study_id).where(*whose)
            return tuple(session.scalars(rows.order_by(ImageRow.received_at, ImageRow.id)))

        return self._database.read(read)

    def patient_export(
        self, patient_id: str, folder: Path, *, issuer: str | None = None, actor: str = ""
    ) -> PatientExport:
        """Write all that is here about a patient into a new or empty folder; StoreError if nothing is."""
        return self.export_images(self.patient_keys(patient_id, issuer), folder, actor=actor)

    def export_images(self, keys: Sequence[str], folder: Path, *, actor: str = "") -> PatientExport:
        """Write all that is here about these images; the folder holds a patient's name and number, and is private."""
        told = self._database.read(lambda session: _all_of(session, keys))
        if not told["images"]:
            raise StoreError("there is nothing of this patient here")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise StoreError("the folder to write to is not empty; name another")
            folder.chmod(0o700)
            (folder / "films").mkdir(mode=0o700)
            missing = [image["key"] for image in told["images"] if not self._write_film(image, folder)]
            _write(folder / "patient.json", json.dumps(told, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
        except OSError as exc:
            raise StoreError(f"the export is incomplete ({exc.strerror}); delete that folder and try again") from exc
        self._change(lambda session: _note(session, [image["key"] for image in told["images"]], actor))
        return PatientExport(len(told["images"]), len(told["images"]) - len(missing), tuple(missing))

    def erase_patient(self, patient_id: str, *, issuer: str | None = None, actor: str = "") -> int:
        """Erase all that is here about a patient, also what was removed before; gives the number of images.

        The audit trail keeps the digests of the films, and that they were erased.
        """
        keys = self.patient_keys(patient_id, issuer)
        self._films.forget_exports()
        self._purge(list(keys), "patient", actor)
        return len(keys)

    def _write_film(self, image: dict[str, Any], folder: Path) -> bool:
        """Put a film beside the record, and its name into the record; False if it is not to be had."""
        key = image["key"]
        try:
            data = self._films.get(key) if not key.startswith("unread-") else None
        except StoreError:
            data = None
        image["film"] = f"films/{key}.{_extension(data)}" if data is not None else None
        if data is not None:
            _write(folder / str(image["film"]), data)
        return data is not None


def _all_of(session: Session, keys: Sequence[str]) -> dict[str, Any]:
    """Everything that any table says of these images, as JSON values."""
    rows = [_as_json(row) for row in session.execute(_of(Base.metadata.tables["images"], "key", keys)).mappings()]
    ids = [row["id"] for row in rows]
    below = {
        table.name: [
            dict(found) for found in session.execute(_of(table, mine, keys if theirs == "key" else ids)).mappings()
        ]
        for table, mine, theirs in _tables_below()
    }
    for row in rows:
        row["tables"] = {
            table.name: [_as_json(found) for found in below[table.name] if found[mine] == row[theirs]]
            for table, mine, theirs in _tables_below()
        }
    studies = [row["study_id"] for row in rows if row["study_id"] is not None]
    return {
        "format": FORMAT,
        "exported_at": datetime.now(UTC).isoformat(),
        "studies": [_as_json(row) for row in session.execute(_of(StudyRow.__table__, "id", studies)).mappings()],
        "images": rows,
        "audit": [_as_json(row) for row in session.execute(_of(AuditRow.__table__, "subject", keys)).mappings()],
    }


def _tables_below() -> list[tuple[Table, str, str]]:
    """Every table with rows of one image: the table, its column, and the image's column that it names."""
    return [
        (table, key.parent.name, key.column.name)
        for table in Base.metadata.sorted_tables
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if key.column.table.name == "images"
    ]


def _of(table: Any, column: str, values: Sequence[Any]) -> Select[Any]:
    return select(table).where(table.c[column].in_(list(values))).order_by(*table.primary_key.columns)


def _as_json(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain(str(name), value) for name, value in row.items()}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, str) and name in ("payload", "facts", "objects"):  # columns of JSON
        return json.loads(value)
    return value


def _note(session: Session, keys: Sequence[str], actor: str) -> None:
    for key in keys:
        append(session, "exported", key, {"what": "patient", "identity": True}, actor)


def _extension(data: bytes | None) -> str:
    found = [name for start, name in _SIGNATURES.items() if data and data.startswith(start)]
    return found[0] if found else ("dcm" if data and data[128:132] == b"DICM" else "bin")


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
