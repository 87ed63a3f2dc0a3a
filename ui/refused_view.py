"""Refused images: what stands in their way, what to do, and the clinician's word that overrules the gate.

In: queued rows. Out: drawings; an overruled image is screened at once, and that it was overruled is kept with its time.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from cxr_core.gate import NOTICES, ON_REQUEST, OVERRULABLE
from cxr_core.intake import overrule
from cxr_core.queueing import Filters, Queue
from cxr_core.records import INFORMS, Notice
from ui import films, markup
from ui.frame import told
from ui.navigate import open_review
from ui.queue import Queued, study_fault
from ui.state import Site

SHOWN = 20
_ANYWAY = "Screen it anyway"
_REQUESTS = {"may_be_mirrored": "Mirror it and screen it again"}
_NO_STUDY = (
    "The film names no usable study: StudyInstanceUID ({why}). Its result leaves under a new study, beside the "
    "patient's own. Correct the UID at the sending device and send the film again."
)


def refused_lane(queue: Queue, site: Site) -> None:
    """The refused images with code, reason and remedy, behind one line; nothing where there are none."""
    refused = queue.filtered(Filters(lanes=("refused",)))
    if not len(refused):
        return
    with st.expander(f"Refused: {len(refused):,}, why and what to do", key="refused-lane"):
        for item in queue.shown(refused[:SHOWN]):
            _card(item, site)
        if len(refused) > SHOWN:
            st.html(markup.quiet(f"The first {SHOWN} of {len(refused)}; all of them stand in the list below."))


def _card(item: Queued, site: Site) -> None:
    refusal, key = item.entry.screening.refusal, item.entry.key
    if refusal is None:
        return
    with st.container(key=f"refused-{key}"):
        picture, words, actions = st.columns([1, 6, 1.8], vertical_alignment="center", gap="small")
        address = films.thumbnail(site.store, key, site.settings) if item.entry.screening.image else None
        picture.html(_thumb(address))
        words.html(_words(item.entry.screening.file, refusal))
        with actions:
            if st.button("Open in Review", key=f"open-{key}", width="stretch"):
                open_review(key)
            anyway(item, site, wide=True)


def _thumb(address: str | None) -> str:
    image = f'<img src="{address}" alt="">' if address else ""
    return f'<div class="cxr-thumb">{image}</div>'


def _words(name: str, refusal: Notice) -> str:
    code = f'<span class="cxr-code" title="stable code of this refusal">{escape(refusal.code)}</span>'
    return f'<div class="cxr-refusal"><b>{escape(name)}</b> {code}<div>{escape(refusal.message)}</div></div>'


def anyway(item: Queued, site: Site, *, wide: bool = False) -> None:
    """The button that overrules a refusal of the gate, where it can be overruled."""
    refusal = item.entry.screening.refusal
    if refusal is None or refusal.code not in OVERRULABLE:
        return
    st.button(
        _ANYWAY,
        key=f"anyway-{item.entry.key}",
        on_click=_overrule,
        args=(item.entry.key, refusal.code, site),
        help="The film is screened with a permanent warning. That you asked for it is kept, with the time.",
        width="stretch" if wide else "content",
    )


def picture(item: Queued, site: Site) -> None:
    """What was refused, small, where there are pixels: enough to see what it is."""
    address = films.thumbnail(site.store, item.entry.key, site.settings) if item.entry.screening.image else None
    if address:
        st.html(f'<div class="cxr-thumb large"><img src="{address}" alt="The refused picture"></div>')


def doubts(item: Queued, site: Site) -> None:
    """For a screened film: what is only told of it, what a person may have mended, and what was overruled when."""
    screening, key = item.entry.screening, item.entry.key
    codes = {notice.code for notice in screening.warnings}
    for notice in screening.warnings:
        if notice.code in INFORMS:  # the others stand among the reasons
            st.html(markup.quiet(notice.message))
    if why := study_fault(screening):
        st.html(markup.quiet(_NO_STUDY.format(why=why)))
    for code in sorted(codes & ON_REQUEST.keys()):
        st.html(markup.quiet(NOTICES[code].message))
        st.button(_REQUESTS[code], key=f"{code}-{key}", on_click=_overrule, args=(key, code, site))
    if "overridden" in codes or codes & set(ON_REQUEST.values()):
        for said in site.store.overrides(key):
            st.html(markup.quiet(f"Overruled on {said.created_at.astimezone():%Y-%m-%d %H:%M}: {said.code}."))


def _overrule(key: str, code: str, site: Site) -> None:
    with told():
        overrule(key, code, site.screener, site.store)
