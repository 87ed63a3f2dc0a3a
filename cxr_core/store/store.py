"""The store: what came in, what the models said of it, what people said of that.

In: film bytes, screenings, reviews, settings. Out: the same again, also after a restart and from another process.
Several threads and several Stores on one folder may work at once. This module knows no model and no page.
"""

from __future__ import annotations

from pathlib import Path

from cxr_core.store.audit import AuditPart
from cxr_core.store.choices import ChoicesPart
from cxr_core.store.heartbeats import HeartbeatsPart
from cxr_core.store.inbox import InboxPart
from cxr_core.store.operations import OperationsPart
from cxr_core.store.outbox import OutboxPart
from cxr_core.store.overrides import OverridesPart
from cxr_core.store.retention import RetentionPart
from cxr_core.store.reviews import ReviewsPart
from cxr_core.store.worklist import WorklistPart


class Store(
    RetentionPart,
    ReviewsPart,
    WorklistPart,
    AuditPart,
    OverridesPart,
    ChoicesPart,
    OperationsPart,
    InboxPart,
    OutboxPart,
    HeartbeatsPart,
):
    """The data folder and the database of one site; StoreError when they cannot be used."""

    def add_film(self, data: bytes) -> str:
        """Keep the bytes as received, safely on disk before this returns; gives their SHA-256."""
        return self._films.add(data)

    def film(self, sha256: str) -> bytes:
        """The bytes as received; StoreError if they are not here or were damaged."""
        return self._films.get(sha256)

    def cache_path(self, sha256: str, kind: str) -> Path:
        """Where a derived file belongs, such as kind "thumb.png"; the caller makes it and may lose it any time."""
        return self._films.cache_path(sha256, kind)
