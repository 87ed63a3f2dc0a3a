"""The audit trail, studies, and images that are removed but can be brought back."""

import json
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002_audit_studies"
down_revision = "0001_first"


def upgrade() -> None:
    """Make them; every image that is here already gets into the study that its latest screening names."""
    _audit()
    studies = op.create_table(
        "studies",
        sa.Column("id", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String(200), nullable=False) for name in ("uid", "patient_id", "issuer")),
        sa.Column("study_date", sa.String(8), nullable=False),
        sa.Column("accession", sa.String(200), nullable=False),
        sa.Column("requested_priority", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
        sa.UniqueConstraint("uid", "patient_id", "issuer", name="uq_studies_uid"),
    )
    op.create_index("ix_studies_patient_id", "studies", ["patient_id"])
    # Both databases read this; Alembic's own words would copy the table on SQLite.
    op.execute(
        "ALTER TABLE images ADD COLUMN study_id INTEGER CONSTRAINT fk_images_study_id_studies REFERENCES studies (id)"
    )
    op.add_column("images", sa.Column("removed_at", sa.DateTime, nullable=True))
    op.create_index("ix_images_study_id", "images", ["study_id"])
    _link(op.get_bind(), studies)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(160), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    for name in ("at", "action", "subject"):
        op.create_index(f"ix_audit_{name}", "audit", [name])
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def _link(connection: sa.Connection, studies: sa.Table) -> None:
    images = sa.table("images", sa.column("id", sa.Integer), sa.column("key", sa.String), sa.column("study_id"))
    known: dict[tuple[str, str], int] = {}
    for image_id, key in connection.execute(sa.select(images.c.id, images.c.key).order_by(images.c.id)).all():
        said = _identity(connection, image_id)
        uid = _kept(said.get("study_uid")) or f"image:{key}"
        patient = _kept(said.get("patient_id"))
        if (uid, patient) not in known:
            row = {"uid": uid, "patient_id": patient, "issuer": "", "study_date": _kept(said.get("study_date"))[:8]}
            row |= {"accession": _kept(said.get("accession")), "requested_priority": ""}
            known[uid, patient] = connection.execute(
                studies.insert().values(**row).returning(studies.c.id)
            ).scalar_one()
        connection.execute(images.update().where(images.c.id == image_id).values(study_id=known[uid, patient]))


def _identity(connection: sa.Connection, image_id: int) -> dict[str, Any]:
    """What the latest screening that says anything of its patient says; {} if none does."""
    lines = sa.text("SELECT payload FROM screenings WHERE image_id = :image ORDER BY screened_at DESC, id DESC")
    for payload in connection.execute(lines, {"image": image_id}).scalars().all():
        said = json.loads(payload).get("identity")
        if said:
            return dict(said)
    return {}


def _kept(text: str | None) -> str:
    return "".join(char for char in text or "" if unicodedata.category(char)[0] != "C").strip()[:200]


_REFUSAL = "the audit trail is append-only"
_GUARDS = {
    "sqlite": (
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
        "CREATE TRIGGER audit_in_order BEFORE INSERT ON audit "
        "WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit) "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refused()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()",
    ),
}
"""Written out here: a revision must not change with the program. A test holds that both make the same triggers."""
