"""The parts of the review page: where one stands, the film, the scores, the decision.

In: one queued study and the order around it. Out: drawings; decisions go to the store at once and can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from cxr_core.errors import CxrError
from cxr_core.records import Decision, Screening
from cxr_core.store import Store
from ui import films, markup, state
from ui.frame import wrong
from ui.queue import Queued, tags, waited
from ui.state import FILM, Site
from ui.thresholds import Thresholds
from ui.viewer import FilmAddress, Study, address, asked, drawn_findings, viewer

_VIEWER = "viewer"
_WORDS = {"agree": "You agreed", "disagree": "You disagreed", "none": "with the flags"}


def step_to(order: Sequence[str], step: int) -> None:
    """Go on or back in the reading list; stays at its ends."""
    here = list(order).index(st.session_state[FILM])
    st.session_state[FILM] = order[min(len(order) - 1, max(0, here + step))]


def header(item: Queued, order: Sequence[str], models: str) -> None:
    """Previous, where one stands, next; then what film this is."""
    here = list(order).index(item.entry.key)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Previous", on_click=step_to, args=(order, -1), disabled=here == 0, help="Key k")
        st.html(f"<b>{here + 1} of {len(order)}</b>", width="content")
        st.button("Next", on_click=step_to, args=(order, 1), disabled=here == len(order) - 1, help="Key j")
        st.html(markup.lane(item.lane), width="content")
        wait = f"rank {item.ranked.rank} · waiting {waited(item.entry.received_at, state.now())}"
        st.html(markup.study(item.entry.screening.file, tags(item.entry, models), wait), width="stretch")


def film_area(item: Queued, order: Sequence[str], items: Mapping[str, Queued], site: Site) -> None:
    """The film in its viewer, or why there is none and what to do."""
    screening = item.entry.screening
    if screening.refusal:
        wrong("This file could not be screened", screening.refusal.message, f"Code: {screening.refusal.code}")
        return
    try:
        here = address(films.film_file(site.store, item.entry.key, site.settings), "here")
    except CxrError as exc:
        wrong("The film cannot be shown", str(exc), "Its scores are still beside this.")
        return

    def act() -> None:
        wanted = asked(_VIEWER)
        if wanted.get("film") != screening.sha256:
            return
        if wanted["do"] in ("next", "previous"):
            step_to(order, 1 if wanted["do"] == "next" else -1)
        else:
            _decide(site.store, item.entry.key, wanted["do"])

    flagged = item.ranked.assessment.flagged
    cards = [label for card in site.screener.cards for label in card.finding_labels]
    limits = {str(label.finding): label.box_threshold for label in cards}
    study = Study(
        screening,
        here,
        boxes=drawn_findings(screening.findings, flagged, limits),
        flagged=flagged,
        synthetic=item.entry.synthetic,
        beside=_neighbours(item.entry.key, order, items, site),
    )
    viewer(study, key=_VIEWER, on_act=act)


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
        st.html(markup.score_table(screening, thresholds.values, thresholds.preset, versions(screening)))
    st.html("<b>Why here</b>" + markup.reasons(item.ranked.assessment.reasons))
    for notice in screening.warnings:
        st.warning(notice.message)
    st.html(markup.quiet(versions(screening)))


def versions(screening: Screening) -> str:
    """Which weights spoke."""
    return "Models: " + ", ".join(f"{m.name} {m.version} ({m.sha256[:8]})" for m in screening.models)


def decision(item: Queued, store: Store) -> None:
    """Agree or disagree, and a comment; kept at once, undone with one button."""
    key, review = item.entry.key, item.entry.review
    said = review.decision if review else "none"
    when = f", {review.reviewed_at.astimezone():%H:%M}" if review and said != "none" else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for word, label, shortcut in (("agree", "Agree", "a"), ("disagree", "Disagree", "d")):
            st.button(
                label,
                on_click=_decide,
                args=(store, key, word),
                type="primary" if said == word else "secondary",
                help=f"With the flags on this film. Key {shortcut}",
            )
        if said != "none":
            st.button("Undo", on_click=_decide, args=(store, key, "none"), type="tertiary")
        st.html(markup.quiet(f"{_WORDS[said]}{when}"), width="stretch")
    st.text_input(
        "Comment",
        value=review.comment if review else "",
        key=_comment_key(key),
        on_change=_decide,
        args=(store, key, said),
        placeholder="Comment, kept when you leave the field",
        label_visibility="collapsed",
    )


def _comment_key(key: str) -> str:
    return f"comment-{key}"


def _decide(store: Store, key: str, word: str) -> None:
    comment = st.session_state.get(_comment_key(key), "")
    store.set_review(key, cast("Decision", word), comment)
    state.changed()
