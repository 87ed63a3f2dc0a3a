"""What a database's error means, for people and for the decision whether waiting helps.

In: SQLAlchemy's exceptions, which carry the driver's own. Out: a sentence that says what happened to the change and
what to do, without a path, a host, a password or anything of a row. This module opens nothing.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_SQL_STATES = {
    "53100": "full", "53200": "busy", "53300": "busy", "55P03": "busy", "57014": "busy", "25006": "closed",
    "42501": "closed", "57P01": "gone", "57P02": "gone", "57P03": "gone",
}  # fmt: skip
"""PostgreSQL's error codes (its manual, appendix A): disk full, too many connections, a lock not had in time, ..."""

_SQLITE_WORDS = {
    "database is locked": "busy", "table is locked": "busy", "disk is full": "full", "readonly database": "closed",
}  # fmt: skip

_LASTING = ("authentication failed", "does not exist", "no pg_hba.conf entry", "certificate", "invalid")
"""What a server says that will say the same in ten seconds."""

_SENTENCES = {
    "busy": "is busy: another program has been writing to it for {patience:g} s. Nothing was changed; try again",
    "full": "has no room left on its disk. Nothing was changed; free space, then try again",
    "closed": "may be read and not written. Nothing was changed; check the permissions of the data folder or the user",
    "gone": "does not answer, after {patience:g} s of trying. Nothing was changed; try again when it is back",
}


def kind_of(exc: SQLAlchemyError) -> str:
    """busy, full, closed, gone, or "" for another error."""
    cause = getattr(exc, "orig", None)
    if cause is None:
        return "busy" if "QueuePool" in str(exc) else ""
    state = getattr(cause, "sqlstate", None)
    if state:
        return "gone" if state.startswith("08") else _SQL_STATES.get(state, "")
    if isinstance(exc, DBAPIError) and exc.connection_invalidated:
        return "gone"
    text = str(cause)
    found = [kind for words, kind in _SQLITE_WORDS.items() if words in text]
    if found:
        return found[0]
    # psycopg gives no code for a connection that could not be made.
    unreachable = type(cause).__module__.startswith("psycopg") and type(cause).__name__ == "OperationalError"
    return "gone" if unreachable and not any(words in text for words in _LASTING) else ""


def sentence(exc: SQLAlchemyError, dialect: str, patience: float) -> str:
    """What to tell people; ``patience`` is how long was waited, in seconds."""
    said = _SENTENCES.get(kind_of(exc), "failed: {words}")
    return f"the database ({dialect}) " + said.format(patience=patience, words=_first_line(exc))


def quotes_a_row(exc: SQLAlchemyError) -> bool:
    """Whether the driver's message holds values of a row, so a patient's: PostgreSQL's DETAIL does."""
    diag = getattr(getattr(exc, "orig", None), "diag", None)
    return bool(getattr(diag, "message_detail", None))


def _first_line(exc: SQLAlchemyError) -> str:
    """The driver's own words; never the statement's parameters, which hold file names, and no DETAIL."""
    cause = getattr(exc, "orig", None) or exc
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no message'}"
