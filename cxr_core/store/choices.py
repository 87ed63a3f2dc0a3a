"""What the site chose in the app: a JSON value a name."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cxr_core.errors import RecordError
from cxr_core.store.audit import append
from cxr_core.store.part import Part
from cxr_core.store.tables import SettingRow

_MOST_TOLD = 2000  # characters; the trail is kept for ever


class ChoicesPart(Part):
    """Settings that the app keeps; what a site writes by hand stands in its site file."""

    def get_setting(self, name: str, default: Any = None) -> Any:
        """A value kept by ``put_setting``, or the default."""
        row = self._database.read(lambda session: session.get(SettingRow, name))
        return json.loads(row.value) if row else default

    def settings_under(self, prefix: str) -> dict[str, Any]:
        """Every value whose name begins so, by name, in order of their names."""
        rows = select(SettingRow).where(SettingRow.name.startswith(prefix, autoescape=True)).order_by(SettingRow.name)
        found = self._database.read(lambda session: session.scalars(rows).all())
        return {row.name: json.loads(row.value) for row in found}

    def drop_setting(self, name: str, actor: str = "") -> None:
        """Forget a value; no error if there is none."""

        def change(session: Session) -> None:
            row = session.get(SettingRow, name)
            if row is not None:
                session.delete(row)
                session.flush()
                append(session, "setting", name, {"dropped": True}, actor)

        self._change(change)

    def put_setting(self, name: str, value: Any, actor: str = "") -> None:
        """Keep a JSON value (None, bool, number, text, list, dict with text keys); RecordError if it is none."""
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as exc:
            raise RecordError(f"setting {name} must be a JSON value: {exc}") from exc

        def change(session: Session) -> None:
            row = session.get(SettingRow, name)
            if row is not None and row.value == text:
                return
            session.merge(SettingRow(name=name, value=text, changed_at=datetime.now(UTC)))
            session.flush()
            append(session, "setting", name, _told(text), actor)

        self._change(change)


def _told(text: str) -> dict[str, Any]:
    """What the audit trail keeps of a value: all of it where it is short, such as a threshold, else its digest."""
    if len(text) <= _MOST_TOLD:
        return {"value": json.loads(text)}
    return {"digest": hashlib.sha256(text.encode()).hexdigest()}
