"""What every part of the store stands on: the film folder, the database, and the one way to change it.

A part is a class with the methods of one area (screenings, reviews, settings, ...); Store is all of them together. A
part knows the tables of its area and no other part's methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from cxr_core.settings import Settings
from cxr_core.store.database import Database
from cxr_core.store.films import Films

T = TypeVar("T")


class Part:
    """The data folder and the database of one site; StoreError when they cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self._films = Films(settings.data_dir)
        self._database = Database(settings.resolved_database_url, settings.database_seconds)

    def close(self) -> None:
        """Give the database's connections back; the Store can still be used and opens new ones."""
        self._database.close()

    def _change(self, change: Callable[[Session], T]) -> T:
        """Run a change in one transaction, alone; once more if the connection breaks before it is kept."""
        return self._database.write(change)
