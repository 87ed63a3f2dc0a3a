"""What was received from and delivered to other systems."""

import sqlalchemy as sa
from alembic import op

revision = "0005_exchange"
down_revision = "0004_worklist"


def upgrade() -> None:
    """Make the inbox, the outbox and what stands beside them."""
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("instance", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Integer, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("instance", "sha256", name="uq_inbox_instance"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_inbox_image_id_images", ondelete="CASCADE"),
    )
    op.create_index("ix_inbox_state_id", "inbox", ["state", "id"])
    for column in ("sha256", "received_at", "image_id"):
        op.create_index(f"ix_inbox_{column}", "inbox", [column])
    op.create_table(
        "seen_files",
        sa.Column("path", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("changed_ns", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("path", name="pk_seen_files"),
    )
    _outgoing()


def _outgoing() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("next_at", sa.DateTime, nullable=False),
        sa.Column("sent_at", sa.DateTime, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("objects", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("image_id", "destination", "version", name="uq_outbox_image_id"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_outbox_image_id_images", ondelete="CASCADE"),
    )
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"])
    op.create_table(
        "destinations",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("looked_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_destinations"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeats"),
    )
