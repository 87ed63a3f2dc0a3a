"""The audit trail, studies, and images that are removed but can be brought back."""

revision = "0002_audit_studies"
down_revision = "0001_first"


def upgrade() -> None:
    """Nothing yet."""
