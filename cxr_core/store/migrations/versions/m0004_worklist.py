"""Columns that the worklist is ranked by."""

revision = "0004_worklist"
down_revision = "0003_reviews"


def upgrade() -> None:
    """Nothing yet."""
