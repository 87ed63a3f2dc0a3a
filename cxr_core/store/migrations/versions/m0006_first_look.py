"""Indices that hold all that the worklist's first look and the first search read, so that they touch no payload."""

from alembic import op

revision = "0006_first_look"
down_revision = "0005_exchange"


def upgrade() -> None:
    """Make them; the one of reviews takes the place of another that begins as it does."""
    standing = ["latest", "image_id", "about", "decision", "signed_at", "thresholds"]
    op.create_index("ix_reviews_standing", "reviews", standing)
    op.drop_index("ix_reviews_latest", "reviews")
    op.create_index("ix_screenings_search", "screenings", ["image_id", "id", "searched"])
