"""Reviews in full, with their versions."""

revision = "0003_reviews"
down_revision = "0002_audit_studies"


def upgrade() -> None:
    """Nothing yet."""
