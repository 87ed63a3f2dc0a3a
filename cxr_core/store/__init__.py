"""What survives a restart: films by content hash on disk; screenings, reviews and site settings in a database."""

from cxr_core.store.store import Entry, Override, Store

__all__ = ["Entry", "Override", "Store"]
