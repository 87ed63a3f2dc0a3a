"""The film side of the review page: where one stands, the film in its viewer, an earlier one to compare with.

In: a case and the order around it. Out: drawings; what a reader does goes to the case. A blind reader's film is drawn
without anything that a model said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import streamlit as st

from cxr_core.errors import CxrError, StoreError
from cxr_core.store import Entry
from ui import blind, desk, explain_view, films, markup, state, verdicts
from ui.case import STROKE, Case
from ui.frame import wrong
from ui.queue import Items, patient, tags, waited
from ui.refused_view import anyway, picture
from ui.said import sentences
from ui.state import FILM, READING_LIST
from ui.viewer import Earlier, FilmAddress, Heard, Study, address, viewer

_BLIND_EVIDENCE = {"labels": [], "why": "Blind first read", "first": "", "maps": None, "trouble": ""}


def step_to(order: Sequence[str], step: int) -> None:
    """Go on or back in the reading list; stays at its ends."""
    here = list(order).index(st.session_state[FILM])
    st.session_state[FILM] = order[min(len(order) - 1, max(0, here + step))]


def header(case: Case, order: Sequence[str]) -> None:
    """Previous, where one stands, next; then what film this is, and the switch for blind reading."""
    entry, models = case.entry, case.site.screener.models_key
    here = list(order).index(entry.key)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _step_button("Previous", "k", order, -1, disabled=here == 0)
        st.html(f"<b>{here + 1} of {len(order)}</b>", width="content")
        _step_button("Next", "j", order, 1, disabled=here == len(order) - 1)
        waiting = f"waiting {waited(entry.received_at, state.now())}"
        if case.blind:
            marks = ["synthetic"] if entry.synthetic else []
            st.html(markup.study(entry.screening.file, marks, waiting), width="stretch")
        else:
            st.html(markup.lane(case.item.lane), width="content")
            place = f"rank {case.item.ranked.rank} \u00b7 {waiting}"
            st.html(markup.study(entry.screening.file, tags(entry, models), place), width="stretch")
        _blind_switch(case, order)


def about(case: Case) -> Earlier | None:
    """Whose film it is, and the earlier film to compare with, if there is one."""
    whose = patient(case.screening)
    known = {entry.key: entry for entry in case.site.store.earlier(case.entry.key) if entry.screening.image}
    if not (whose or known):
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(markup.quiet(whose), width="content")
        return _earlier(case, known) if known else None


def _blind_switch(case: Case, order: Sequence[str]) -> None:
    on = st.toggle(
        "Blind first read",
        value=blind.mode(),
        key="blind_switch",
        on_change=_switched,
        args=(case, order),
        help="Films come in order of arrival, without scores, boxes, flags or lanes, until you have committed what you "
        "see yourself. A film whose scores you have seen in this window is shown as it is.",
    )
    if on and not case.blind and case.screening.status == "screened" and case.review.blind is None:
        st.html(markup.quiet("Seen before: not blind"), width="content")


def _switched(case: Case, order: Sequence[str]) -> None:
    """On: to the first film that can be read blind, if this one cannot."""
    st.session_state[blind.MODE] = st.session_state["blind_switch"]
    if not blind.mode() or blind.reads_blind(case.entry):
        return
    for key in order:
        other = None if blind.was_shown(key) else case.find(key)
        if other and blind.reads_blind(other.entry):
            st.session_state[FILM] = key
            return


def _step_button(label: str, shortcut: str, order: Sequence[str], step: int, *, disabled: bool) -> None:
    key = f"{label}-{st.session_state[FILM]}"
    st.button(label, key=key, on_click=step_to, args=(order, step), disabled=disabled, shortcut=shortcut)


def film_area(case: Case, order: Sequence[str], earlier: Earlier | None) -> None:
    """The film in its viewer, or why there is none and what to do."""
    screening, site = case.screening, case.site
    if screening.refusal:
        wrong("This file could not be screened", screening.refusal.message, f"Code: {screening.refusal.code}")
        picture(case.item, site)
        anyway(case.item, site)
        return
    try:
        here = address(films.film_file(site.store, case.entry.key, site.settings), "here")
    except CxrError as exc:
        beside = "" if case.blind else " Its scores are still beside this."
        wrong("The film cannot be shown", str(exc) + beside)
        return
    stroke = st.session_state.get(STROKE, ("", 0))
    study = Study(
        screening,
        here,
        boxes=_boxes(case),
        flagged=() if case.blind else case.flagged,
        synthetic=case.entry.synthetic,
        evidence=_BLIND_EVIDENCE if case.blind else explain_view.evidence(case.item, site, case.thresholds.values),
        beside=_neighbours(case, order),
        earlier=earlier,
        seq=stroke[1] if stroke[0] == case.entry.key else 0,
        undo=case.can_undo,
    )
    viewer(study, Heard(explain_view.asked, case.drawn, case.taken_back, case.windowed))


def _boxes(case: Case) -> list[dict[str, object]]:
    if case.blind:
        return verdicts.drawn_blind(blind.draft(case.entry).boxes)
    cards = [label for card in case.site.screener.cards for label in card.finding_labels]
    limits = {str(label.finding): label.box_threshold for label in cards}
    return verdicts.drawn(case.screening, case.review.findings, case.flagged, limits)


def _neighbours(case: Case, order: Sequence[str]) -> list[FilmAddress]:
    """The films on either side, so that going there is instant."""
    store, settings = case.site.store, case.site.settings
    here = list(order).index(case.entry.key)
    found = []
    for place, step in (("next", 1), ("previous", -1)):
        beside = case.find(order[here + step]) if 0 <= here + step < len(order) else None
        if beside and beside.entry.screening.status == "screened":
            film = films.kept_film(store, beside.entry.key)
            if film:
                found.append(address(film, place))
            else:
                films.make_soon(store, beside.entry.key, settings, films.film_file)
    return found


def _earlier(case: Case, known: Mapping[str, Entry]) -> Earlier | None:
    """The latest of them, unless the reader chose another."""
    words = {key: _when(entry, case.entry) for key, entry in known.items()}
    chosen = st.selectbox(
        "Compare with",
        list(known),
        format_func=lambda key: f"Earlier film: {words[key]}",
        key=f"earlier-{case.entry.key}",
        label_visibility="collapsed",
        width=360,
        help="Earlier films of the same patient. Key c lays it beside this film, x in its place.",
    )
    try:
        film = films.film_file(case.site.store, chosen, case.site.settings)
    except CxrError as exc:
        st.html(markup.quiet(f"The earlier film cannot be shown. {exc}"))
        return None
    image = known[chosen].screening.image
    return Earlier(address(film, "earlier"), image, words[chosen]) if image else None


def _when(earlier: Entry, now: Entry) -> str:
    """The study's date, and how long before this film it was made; by arrival where the files do not say."""
    made = [entry.screening.identity.study_date if entry.screening.identity else "" for entry in (earlier, now)]
    if not all(len(day) == 8 and day.isdecimal() for day in made):
        return f"received {earlier.received_at.astimezone():%Y-%m-%d %H:%M}"
    day = f"{made[0][:4]}-{made[0][4:6]}-{made[0][6:]}"
    months = 12 * (int(made[1][:4]) - int(made[0][:4])) + int(made[1][4:6]) - int(made[0][4:6])
    before = "the same month" if months == 0 else f"{months} month{'s' if months > 1 else ''} before"
    return f"{day}, {before if months < 24 else f'{months // 12} years before'}"


@contextmanager
def outage() -> Iterator[None]:
    """The store cannot be reached, and this session has words that are not saved yet: shows them, and waits.

    Elsewhere a reader is told to load the page anew; here that would lose them with the session.
    """
    try:
        yield
    except StoreError as exc:
        key, reason = st.session_state.get(FILM, ""), str(exc)
        if not desk.drafts_of(key):
            raise
        advice = "Do not close or reload this page: what is not saved yet stays in it."
        wrong("The database or the data folder cannot be reached", f"{reason[:1].upper()}{reason[1:]}.", advice)
        gone(key)
        st.button("Try again", key="outage", type="primary")
        st.stop()


def gone(key: str) -> None:
    """What this session could not keep of a film that is no longer there: never lost without a word."""
    for held in desk.drafts_of(key):
        st.html("<b>What you said of it, and what could not be kept</b>" + markup.reasons(sentences(held.review)))
        st.html(
            markup.quiet("It stays in this window, and can be saved on the film's page when the film is there again.")
        )


def order_of(items: Items, wanted: str) -> list[str]:
    """What previous and next walk through: the list as it stood when it was opened; blind, in order of arrival.

    A film that was read goes to the end of the queue: the list must not move under the reader's feet. And the queue's
    own order tells where the models saw something.
    """
    order = [key for key in st.session_state.get(READING_LIST, ()) if key in items]
    if not order or (wanted and wanted not in order):
        order = list(items)
        st.session_state[READING_LIST] = tuple(order)
    return items.queue.by_arrival(order) if blind.mode() else order
