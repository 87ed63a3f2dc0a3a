"""What survives a restart: films by content hash on disk; screenings, reviews and site settings in a database."""

from cxr_core.store.lines import Entry
from cxr_core.store.overrides import Override
from cxr_core.store.store import Store
from cxr_core.store.worklist import Columns, Names

__all__ = ["Columns", "Entry", "Names", "Override", "Store"]
