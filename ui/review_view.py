"""The parts of the review page: where one stands, the film, the scores, the decision.

In: one queued study and the order around it. Out: drawings; decisions go to the store at once and can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import streamlit as st

from cxr_core.errors import CxrError
from cxr_core.records import Decision, Review, Screening
from cxr_core.store import Entry, Store
from ui import explain_view, films, markup, state
from ui.frame import told, wrong
from ui.opinions_view import beside
from ui.queue import Queued, patient, tags, waited
from ui.refused_view import anyway, picture
from ui.state import FILM, Site
from ui.thresholds import Thresholds
from ui.viewer import FilmAddress, Study, address, drawn_findings, viewer

_BUTTONS = (("agree", "Agree", "a"), ("disagree", "Disagree", "d"))
_WORDS = {"agree": "You agreed", "disagree": "You disagreed", "none": "with the flags"}
_REFUSED_BUTTONS = (("agree", "Seen to", "a"),)
_REFUSED_WORDS = _WORDS | {"agree": "Seen to", "none": "by a person"}


def step_to(order: Sequence[str], step: int) -> None:
    """Go on or back in the reading list; stays at its ends."""
    here = list(order).index(st.session_state[FILM])
    st.session_state[FILM] = order[min(len(order) - 1, max(0, here + step))]


def header(item: Queued, order: Sequence[str], models: str) -> None:
    """Previous, where one stands, next; then what film this is."""
    here = list(order).index(item.entry.key)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _step_button("Previous", "k", order, -1, disabled=here == 0)
        st.html(f"<b>{here + 1} of {len(order)}</b>", width="content")
        _step_button("Next", "j", order, 1, disabled=here == len(order) - 1)
        st.html(markup.lane(item.lane), width="content")
        wait = f"rank {item.ranked.rank} · waiting {waited(item.entry.received_at, state.now())}"
        st.html(markup.study(item.entry.screening.file, tags(item.entry, models), wait), width="stretch")
    whose = patient(item.entry.screening)
    if whose:
        st.html(markup.quiet(whose))


def _step_button(label: str, shortcut: str, order: Sequence[str], step: int, *, disabled: bool) -> None:
    key = f"{label}-{st.session_state[FILM]}"
    st.button(label, key=key, on_click=step_to, args=(order, step), disabled=disabled, shortcut=shortcut)


def film_area(
    item: Queued, order: Sequence[str], items: Mapping[str, Queued], site: Site, thresholds: Mapping[str, float]
) -> None:
    """The film in its viewer, or why there is none and what to do."""
    screening = item.entry.screening
    if screening.refusal:
        wrong("This file could not be screened", screening.refusal.message, f"Code: {screening.refusal.code}")
        picture(item, site)
        anyway(item, site)
        return
    try:
        here = address(films.film_file(site.store, item.entry.key, site.settings), "here")
    except CxrError as exc:
        wrong("The film cannot be shown", str(exc), "Its scores are still beside this.")
        return

    flagged = item.ranked.assessment.flagged
    cards = [label for card in site.screener.cards for label in card.finding_labels]
    limits = {str(label.finding): label.box_threshold for label in cards}
    study = Study(
        screening,
        here,
        boxes=drawn_findings(screening.findings, flagged, limits),
        flagged=flagged,
        synthetic=item.entry.synthetic,
        evidence=explain_view.evidence(item, site, thresholds),
        beside=_neighbours(item.entry.key, order, items, site),
    )
    viewer(study, explain_view.asked)


def _neighbours(key: str, order: Sequence[str], items: Mapping[str, Queued], site: Site) -> list[FilmAddress]:
    """The films on either side, so that going there is instant."""
    here = list(order).index(key)
    found = []
    for place, step in (("next", 1), ("previous", -1)):
        beside = here + step
        if 0 <= beside < len(order) and items[order[beside]].entry.screening.status == "screened":
            film = films.kept_film(site.store, order[beside])
            if film:
                found.append(address(film, place))
            else:
                films.make_soon(site.store, order[beside], site.settings, films.film_file)
    return found


def scores_panel(item: Queued, thresholds: Thresholds) -> None:
    """Why here, what is doubtful, and the nine scores against their thresholds."""
    screening = item.entry.screening
    if screening.scores:
        said = beside(screening)
        st.html(markup.score_table(screening, thresholds.values, thresholds.preset, versions(screening), said))
        st.html("<b>Why here</b>" + markup.reasons(item.ranked.assessment.reasons))
    st.html(markup.quiet(versions(screening)))


def versions(screening: Screening) -> str:
    """Which weights spoke."""
    return "Models: " + ", ".join(f"{m.name} {m.version} ({m.sha256[:8]})" for m in screening.models)


def decision(item: Queued, store: Store) -> None:
    """Agree or disagree, and a comment; kept at once, undone with one button."""
    key, review = item.entry.key, item.entry.review
    said = review.decision if review else "none"
    refused = item.lane == "refused"
    buttons, words = (_REFUSED_BUTTONS, _REFUSED_WORDS) if refused else (_BUTTONS, _WORDS)
    when = f", {review.reviewed_at.astimezone():%H:%M}" if review and said != "none" else ""
    with st.container(key="decision", horizontal=True, vertical_alignment="center", gap="small"):
        # A button belongs to its film: a key pressed while the next is still loading must not judge that one unseen.
        for word, label, shortcut in buttons:
            kind = "primary" if said == word else "secondary"
            facts = {"key": f"{word}-{key}", "type": kind, "shortcut": shortcut}
            st.button(label, on_click=_decide, args=(store, item.entry, word), **facts)
        if said != "none":
            st.button("Undo", key=f"none-{key}", on_click=_decide, args=(store, item.entry, "none"), type="tertiary")
        st.html(markup.quiet(f"{words[said]}{when}"), width="stretch")
    st.text_input(
        "Comment",
        value=review.comment if review else "",
        key=f"comment-{key}",
        on_change=_comment,
        args=(store, item.entry, f"comment-{key}"),
        placeholder="Comment, kept when you leave the field",
        label_visibility="collapsed",
    )


def _decide(store: Store, entry: Entry, word: str) -> None:
    _say(store, entry, decision=cast("Decision", word))


def _comment(store: Store, entry: Entry, field: str) -> None:
    _say(store, entry, comment=st.session_state[field])


def _say(store: Store, entry: Entry, **said: Any) -> None:
    with told():
        before = entry.review or Review("none", "", state.now())
        review = replace(before, reviewed_at=state.now(), **said)
        store.save_review(entry.key, review, of=entry.screening, expected=before.version)
        state.changed()
