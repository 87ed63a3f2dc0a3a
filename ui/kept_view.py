"""What is kept how long, and how it is given out and erased: the site's rules in words, and the commands.

In: the settings. Out: sentences. Nothing can be erased from a page: a click is no decision about a patient's data.
"""

from __future__ import annotations

import streamlit as st

from cxr_core.errors import SettingsError
from cxr_core.settings import Settings
from cxr_core.store.retention import Retention
from ui import markup


def kept_section(settings: Settings) -> None:
    """The rules of the site file, and the commands."""
    st.subheader("Retention and erasure")
    try:
        rule = Retention.of(settings)
    except SettingsError as exc:
        st.warning(f"The rules of retention cannot be used, and nothing is erased until they are put right. {exc}")
        return
    sentences = [
        f"Films that were taken out of the worklist are kept {_days(rule.removed_days)}.",
        f"All other films are kept {_days(rule.film_days)}"
        + (", those that nobody has reviewed for ever." if rule.film_days and rule.keep_unreviewed else "."),
        f"Refused films are kept {_days(rule.refused_days)}." if rule.refused_days else "Refused films as all others.",
    ]
    st.html(markup.reasons(sentences))
    st.markdown(
        "`python -m cxr_core retention` says what is due, with `--apply` it is erased. `python -m cxr_core patient` "
        "gives out or erases all that is kept of one patient. Both stand in the audit trail, without a name."
    )


def _days(days: int) -> str:
    return f"{days:,} days" if days else "for ever"
