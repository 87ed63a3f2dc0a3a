"""The first tables: images, screenings, decisions, overrides, settings."""

import sqlalchemy as sa
from alembic import op

revision = "0001_first"
down_revision = None


def upgrade() -> None:
    """Make them, named as SQLAlchemy's convention of ``Base`` names constraints and indexes."""
    op.create_table(
        "images",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("synthetic", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("key", name="uq_images_key"),
    )
    op.create_index("ix_images_received_at", "images", ["received_at"])
    op.create_table(
        "screenings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("models_key", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("screened_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_screenings"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_screenings_image_id_images", ondelete="CASCADE"),
        sa.UniqueConstraint("image_id", "models_key", name="uq_screenings_image_id"),
    )
    op.create_index("ix_screenings_screened_at", "screenings", ["screened_at"])
    op.create_table(
        "decisions",
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("about", sa.String(64), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("reviewed_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("image_id", "about", name="pk_decisions"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_decisions_image_id_images", ondelete="CASCADE"),
    )
    op.create_table(
        "overrides",
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("image_id", "code", name="pk_overrides"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_overrides_image_id_images", ondelete="CASCADE"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
