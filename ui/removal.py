"""Taking a film out of the worklist, and bringing it back: a click each, undone by the other.

In: an image's key, the site. Out: drawings; nothing is erased here (retention and the command line do), and
both clicks stand in the audit trail with the reader's name, where one was given.
"""

from __future__ import annotations

import streamlit as st

from ui import desk, markup
from ui.frame import told
from ui.state import Site

SHOWN = 50


def remove_button(key: str, site: Site) -> None:
    """Takes the film out of the worklist at once; its page then offers to bring it back."""
    st.button(
        "Remove from the worklist",
        key=f"remove-{key}",
        type="tertiary",
        help="For a film that does not belong here. It is kept with all that was said of it, and can be brought back.",
        on_click=_remove,
        args=(key, site),
    )


def bring_back(key: str, site: Site) -> None:
    """For a film that was removed: since when, and the way back. Nothing for one that is not here at all."""
    found = next((item for item in site.store.removed() if item.entry.key == key), None)
    if found is None:
        return
    with st.container(horizontal_alignment="center"):
        when = f"{found.removed_at.astimezone():%Y-%m-%d %H:%M}"
        st.html(markup.quiet(f"It was removed on {when} and is kept, with all that was said of it."), width="content")
        st.button("Bring back", key=f"back-{key}", type="primary", on_click=_restore, args=(key, site))


def removed_section(site: Site) -> None:
    """The films that were removed and are kept, the latest first, each with the way back."""
    st.subheader("Removed from the worklist")
    found = site.store.removed()
    if not found:
        st.html(markup.quiet("None. A film that is removed on its Review page can be brought back here."))
        return
    for item in found[:SHOWN]:
        words, action = st.columns([5, 1], vertical_alignment="center")
        since = f"removed {item.removed_at.astimezone():%Y-%m-%d %H:%M}"
        words.html(markup.figures([(item.entry.screening.file, since)]))
        key = item.entry.key
        action.button("Bring back", key=f"back-{key}", width="stretch", on_click=_restore, args=(key, site))
    if len(found) > SHOWN:
        st.html(markup.quiet(f"The latest {SHOWN} of {len(found):,}."))


def _remove(key: str, site: Site) -> None:
    with told():
        site.store.remove(key, str(desk.who()["reader"]))


def _restore(key: str, site: Site) -> None:
    with told():
        site.store.restore(key, str(desk.who()["reader"]))
