"""Reviews in full, with their versions; what stood in the table of decisions is the first version of each."""

import json
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003_reviews"
down_revision = "0002_audit_studies"

_DECISIONS = sa.table(
    "decisions",
    sa.column("image_id", sa.Integer),
    sa.column("about", sa.String),
    sa.column("decision", sa.String),
    sa.column("comment", sa.Text),
    sa.column("reviewed_at", sa.DateTime),
)


def upgrade() -> None:
    """Make the table, carry the decisions over, drop theirs."""
    reviews = op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("about", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("latest", sa.Boolean, nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("reviewed_at", sa.DateTime, nullable=False),
        sa.Column("signed_at", sa.DateTime, nullable=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_reviews_image_id_images", ondelete="CASCADE"),
        sa.UniqueConstraint("image_id", "about", "version", name="uq_reviews_image_id"),
    )
    op.create_index("ix_reviews_latest", "reviews", ["latest"])
    for row in op.get_bind().execute(sa.select(_DECISIONS)).all():
        op.execute(reviews.insert().values(**_first_version(row)))
    op.drop_table("decisions")


def _first_version(row: Any) -> dict[str, object]:
    """A decision as the review that it was; written out here, because a revision must not change with the program."""
    payload = {
        "decision": row.decision,
        "comment": row.comment,
        "reviewed_at": row.reviewed_at.replace(tzinfo=UTC).isoformat(),
        "findings": [],
        "impression": "",
        "context": None,
        "reader": "",
        "role": "",
        "blind": None,
        "signed_at": None,
        "version": 1,
        "thresholds": None,
        "preset": "",
    }
    columns = {name: getattr(row, name) for name in ("image_id", "about", "decision", "reviewed_at")}
    return columns | {"version": 1, "latest": True, "signed_at": None, "payload": json.dumps(payload)}
