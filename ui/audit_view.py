"""The audit trail on the page: a search, a page of rows, and whether the chain holds.

In: the store. Out: drawings. Nothing is changed here, and nothing can be: the trail is append-only. What keeps it so
stands in cxr_core/store/audit.py.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import streamlit as st

from cxr_core.store import Store
from cxr_core.store.audit import ACTIONS, AuditEntry, Verdict
from ui import markup

ROWS = 25
_ANY = "any action"
_AT_ONCE = 5_000
"""Rows up to which the chain is verified without being asked to: some tenths of a second."""

_VERDICT = "audit_verdict"


def audit_section(store: Store) -> None:
    """Search and chain."""
    st.subheader("Audit trail")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        action = st.selectbox("Action", [_ANY, *sorted(ACTIONS)], key="audit-action", width=165)
        subject = st.text_input(
            "Film or setting begins with", key="audit-subject", width=230, help="A film's key, a setting's name."
        )
        actor = st.text_input("Who, begins with", key="audit-actor", width=165)
        days = st.date_input("From and to", value=(), key="audit-days", width=220)
    since, until = _ends(days)
    wanted = {
        "action": "" if action == _ANY else action,
        "subject": subject.strip(),
        "actor": actor.strip(),
        "since": since,
        "until": until,
    }
    _, total = store.audit(**wanted, limit=1)
    pages = max(1, -(-total // ROWS))
    number = st.pagination(pages, key="audit-page") if pages > 1 else 1
    rows, total = store.audit(**wanted, offset=(number - 1) * ROWS, limit=ROWS)
    if rows:
        heads = ("No.", "When", "Who", "Action", "What", "Facts")
        st.html(markup.table(heads, [_cells(row) for row in rows]))
        st.html(markup.quiet(f"{total:,} rows fit. Films are named by the front of their digests."))
    else:
        st.html(markup.quiet("No row fits."))
    _chain(store)


def _chain(store: Store) -> None:
    """Whether the chain holds; a long one is walked only when somebody asks."""
    _, count = store.audit(limit=1)
    if count <= _AT_ONCE or st.button(f"Verify the chain of {count:,} rows"):
        st.session_state[_VERDICT] = store.verify_audit()
    verdict: Verdict | None = st.session_state.get(_VERDICT)
    if verdict is None or not count:
        return
    if verdict.sound:
        st.success(
            f"The chain holds from the first to row {verdict.count:,}. Write its last digest down elsewhere, to notice "
            f"if the end is ever cut off: `{verdict.digest}`"
        )
    else:
        st.error(
            f"The chain is broken at row {verdict.broken:,}: {verdict.reason}. Rows before it hold. Keep the database "
            "as it is, and have it looked at: `python -m cxr_core audit verify` says the same."
        )


def _ends(days: object) -> tuple[datetime | None, datetime | None]:
    """The first moment of the first day and the one after the last, on the server's clock."""
    chosen = [day for day in (days if isinstance(days, tuple) else (days,)) if isinstance(day, date)]
    if not chosen:
        return None, None
    first, last = chosen[0], chosen[-1]
    return _midnight(first), _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time()).astimezone()


def _cells(row: AuditEntry) -> tuple[str, ...]:
    facts = ", ".join(f"{key} {_short(value)}" for key, value in row.facts.items())
    at = f"{row.at.astimezone():%Y-%m-%d %H:%M:%S}"
    return (str(row.seq), at, row.actor, row.action, _short(row.subject), facts)


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) >= 64 and set(text[:64]) <= set("0123456789abcdef") else text
