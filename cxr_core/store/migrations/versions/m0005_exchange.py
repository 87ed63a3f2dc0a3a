"""What was received from and delivered to other systems."""

revision = "0005_exchange"
down_revision = "0004_worklist"


def upgrade() -> None:
    """Nothing yet."""
