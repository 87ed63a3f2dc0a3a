"""Review: one film large, its boxes, its scores against the thresholds, and what a person says of it."""

from __future__ import annotations

import streamlit as st

from ui import blind, state
from ui.case import Case, beside_film
from ui.context_view import patient_context
from ui.frame import empty, guarded, page, trouble
from ui.opinions_view import opinions_note
from ui.panel_view import conflict, findings, refused, signing, why_here, words
from ui.queue import Items
from ui.refused_view import doubts
from ui.removal import bring_back, remove_button
from ui.review_view import about, film_area, gone, header, order_of, outage
from ui.state import ADDRESS, FILM
from ui.thresholds import current, queue

page("Review")

with guarded(), outage():
    site = state.site()
    empty_house = not Items(queue(site, current(site)))

if empty_house:
    empty(
        "No film to review yet",
        "Here one film at a time will be shown large, with boxes where the models saw something and the nine scores "
        "beside it.",
    )
    if st.button("Go to Screen", type="primary"):
        st.switch_page("pages/1_Screen.py")
    st.stop()

address = st.query_params.get(FILM, "")
if address != st.session_state.get(ADDRESS, ""):  # a person opened or typed an address; else the session leads
    st.session_state[FILM] = address
st.session_state.setdefault(FILM, "")


@st.fragment
def review() -> None:
    """One study; going to the next redraws this and nothing else."""
    with guarded(), outage():
        trouble()
        wanted = st.session_state[FILM]
        items = Items(queue(site, current(site)))
        if wanted not in items and (wanted or not items):  # never another film in the place of the one asked for
            empty("This film is not in the worklist", "It may have been removed. The worklist has every other film.")
            gone(wanted)
            bring_back(wanted, site)
            return
        order = order_of(items, wanted)
        item = items[wanted or order[0]]
        st.session_state[FILM] = item.entry.key
        st.query_params[FILM] = st.session_state[ADDRESS] = item.entry.key
        case = Case(item, site, beside_film(item, current(site)), blind.reads_blind(item.entry), items.get)
        if not case.blind:
            blind.shown(item.entry)
        header(case, order)
        earlier = about(case)
        left, right = st.columns([2.5, 1], gap="medium")
        with left, st.container(key="film"):
            film_area(case, order, earlier)
        with right, st.container(key="panel"):
            conflict(case)
            signing(case)
            if item.entry.screening.refusal:
                refused(case)
            else:
                findings(case)
            words(case)
            patient_context(case)
            if not case.blind:
                why_here(case)
                opinions_note(item.entry.screening)
                doubts(item, site)
            remove_button(item.entry.key, site)


review()
