"""The triage policy as a form: what raises a study, how much waiting counts, how long nobody may wait longer than.

In: the policy of the site file, the lanes of the model cards. Out: a policy, written into the site file and noted in
the audit trail. What makes no sense is said and not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import streamlit as st

from cxr_core.records import LABELS, URGENCIES, Urgency
from cxr_core.site import write_section
from cxr_core.triage.policy import MOST_MINUTES, SECTION, Policy, table_of
from ui import markup
from ui.frame import told
from ui.state import Site
from ui.theme import LANE_STYLES, slug

_CARD = "card"
_WAITING = (
    "Within a lane, so many minutes of waiting halve what a film lacks to its top: with 60, a film that has waited an "
    "hour stands where a fresh one half as far from the top stands. 0: waiting does not count within a lane."
)
_SCORE = "How much the score counts within a lane. 1: as it is. 0: within a lane first come, first served."
_LIMIT = "Minutes. A film that has waited longer stands before everything but STAT. 0: no limit."


def policy_form(site: Site, now: Policy) -> None:
    """The whole policy; kept with one button."""
    with st.form("policy", border=False):
        st.markdown("**Longest wait before a film goes to the top, minutes**")
        for column, lane in zip(st.columns(len(URGENCIES)), URGENCIES, strict=True):
            column.number_input(
                LANE_STYLES[lane].word, 0, MOST_MINUTES, round(now.limits[lane]), 5, key=f"limit-{lane}", help=_LIMIT
            )
        left, right = st.columns(2)
        left.number_input(
            "Waiting that halves the way to the top of a lane, minutes", 0, MOST_MINUTES, round(now.waiting_halves), 5,
            key="waiting-halves", help=_WAITING,
        )  # fmt: skip
        right.number_input("Weight of the score", 0.0, 4.0, now.score_weight, 0.1, key="score-weight", help=_SCORE)
        st.markdown("**Lane of a film that is flagged for**")
        _lanes(site.screener.urgencies, now)
        st.form_submit_button("Keep this order", type="primary", on_click=_keep, args=(site,))
    st.html(
        markup.quiet(
            "STAT by the requesting ward always stands first, HIGH at least under Soon: no setting lowers what was "
            "asked for. No film leaves the list. Refused and doubtful films stand in lanes of their own."
        )
    )


def _lanes(cards: Mapping[str, Urgency], now: Policy) -> None:
    columns = st.columns(3)
    for number, label in enumerate(LABELS):
        words = {_CARD: f"as its card: {LANE_STYLES[cards[label]].word}"} | {n: LANE_STYLES[n].word for n in URGENCIES}
        options = [_CARD, *URGENCIES]
        columns[number % 3].selectbox(
            label, options, options.index(now.urgencies.get(label, _CARD)), format_func=words.__getitem__,
            key=f"lane-{slug(label)}",
        )  # fmt: skip


def _keep(site: Site) -> None:
    held = st.session_state
    chosen = {label: held[f"lane-{slug(label)}"] for label in LABELS}
    with told():
        policy = Policy(
            urgencies={label: cast("Urgency", lane) for label, lane in chosen.items() if lane != _CARD},
            score_weight=float(held["score-weight"]),
            waiting_halves=float(held["waiting-halves"]),
            limits={lane: float(held[f"limit-{lane}"]) for lane in URGENCIES},
        )
        write_section(site.settings, SECTION, table_of(policy))
        site.store.note("setting", f"site/{SECTION}", table_of(policy))
        held["policy-kept"] = True


def kept_now() -> bool:
    """Whether the last click kept a policy; once."""
    return bool(st.session_state.pop("policy-kept", False))
