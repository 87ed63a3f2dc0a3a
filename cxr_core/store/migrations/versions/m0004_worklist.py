"""Columns that the worklist is ranked by, beside the payloads that hold everything."""

import hashlib
import json
import struct
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004_worklist"
down_revision = "0003_reviews"

# Written out here, as all of this: a revision must not change with the program.
_LABELS = (
    "COVID-19", "Atelectasis", "Cardiomegaly", "Effusion", "Infiltrate", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
)  # fmt: skip
_INFORMS = {"burned_in_text"}
_AT_ONCE = 1000

_SCREENINGS = sa.table(
    "screenings",
    sa.column("id", sa.Integer),
    sa.column("payload", sa.Text),
    sa.column("scores", sa.LargeBinary),
    sa.column("doubtful", sa.Boolean),
    sa.column("requested", sa.Integer),
    sa.column("result", sa.String),
    sa.column("searched", sa.Text),
)


def upgrade() -> None:
    """Add them and fill them from the payloads that are here."""
    op.add_column("screenings", sa.Column("scores", sa.LargeBinary, nullable=True))
    op.add_column("screenings", sa.Column("doubtful", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("screenings", sa.Column("requested", sa.Integer, nullable=False, server_default="0"))
    op.add_column("screenings", sa.Column("result", sa.String(64), nullable=False, server_default=""))
    op.add_column("screenings", sa.Column("searched", sa.Text, nullable=False, server_default=""))
    op.add_column("reviews", sa.Column("thresholds", sa.LargeBinary, nullable=True))
    connection, done = op.get_bind(), 0
    rows = sa.select(_SCREENINGS.c.id, _SCREENINGS.c.payload).order_by(_SCREENINGS.c.id).limit(_AT_ONCE)
    change = _SCREENINGS.update().where(_SCREENINGS.c.id == sa.bindparam("row"))
    change = change.values({name: sa.bindparam(name) for name in _columns({"status": "refused"})})
    while found := connection.execute(rows.where(_SCREENINGS.c.id > done)).all():
        connection.execute(change, [{"row": row.id, **_columns(json.loads(row.payload))} for row in found])
        done = found[-1].id
    ranked_by = ["models_key", "image_id", "status", "doubtful", "requested", "result", "screened_at", "scores"]
    op.create_index("ix_screenings_ranking", "screenings", ranked_by)


def _columns(said: dict[str, Any]) -> dict[str, Any]:
    scores, refusal, identity = said.get("scores") or {}, said.get("refusal") or {}, said.get("identity") or {}
    told = json.dumps([said["status"], refusal.get("code", ""), sorted(scores.items())])
    looked_for = (
        said.get("file", ""),
        *((identity.get(name, "") for name in ("patient_id", "accession")) if identity else ()),
    )
    return {
        "scores": struct.pack("<9d", *(scores[label] for label in _LABELS)) if scores else None,
        "doubtful": any(notice["code"] not in _INFORMS for notice in said.get("warnings", ())),
        "requested": {"STAT": 2, "HIGH": 1}.get(identity.get("priority", ""), 0),
        "result": hashlib.sha256(told.encode()).hexdigest(),
        "searched": "\n".join(_kept(text) for text in looked_for).casefold()[:400],
    }


def _kept(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char)[0] != "C").strip()[:200]
