"""What survives a restart: films by content hash on disk; screenings, reviews and site settings in a database."""

from cxr_core.store.store import Entry, Store

__all__ = ["Entry", "Store"]
