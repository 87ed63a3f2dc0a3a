"""What the site chose in the app: a JSON value a name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from cxr_core.errors import RecordError
from cxr_core.store.part import Part
from cxr_core.store.tables import SettingRow


class ChoicesPart(Part):
    """Settings that the app keeps; what a site writes by hand stands in its site file."""

    def get_setting(self, name: str, default: Any = None) -> Any:
        """A value kept by ``put_setting``, or the default."""
        with self._database.reading() as session:
            row = session.get(SettingRow, name)
            return json.loads(row.value) if row else default

    def put_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value (None, bool, number, text, list, dict with text keys); RecordError if it is none."""
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as exc:
            raise RecordError(f"setting {name} must be a JSON value: {exc}") from exc
        self._change(lambda session: session.merge(SettingRow(name=name, value=text, changed_at=datetime.now(UTC))))
