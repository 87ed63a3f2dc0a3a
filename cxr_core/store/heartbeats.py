"""Which processes beside the app are alive, and what they last said of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cxr_core.store.exchange_tables import HeartbeatRow
from cxr_core.store.part import Part


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a process last said that it is alive, and what it said; no identity stands in it."""

    name: str
    at: datetime
    facts: Mapping[str, Any]


class HeartbeatsPart(Part):
    """One row a process."""

    def beat(self, name: str, facts: Mapping[str, Any]) -> None:
        """Say that a process is alive; ``facts`` is a JSON object."""
        row = HeartbeatRow(name=name, at=datetime.now(UTC), facts=json.dumps(dict(facts)))
        self._change(lambda session: session.merge(row))

    def heartbeat(self, name: str) -> Heartbeat | None:
        """What a process last said; None if it never ran."""
        with self._database.reading() as session:
            row = session.get(HeartbeatRow, name)
            return Heartbeat(row.name, row.at, json.loads(row.facts)) if row else None
