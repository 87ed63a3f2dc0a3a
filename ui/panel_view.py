"""The reader's side of the review page: findings and verdicts, words, signature; and what could not be kept, and why.

In: a case. Out: drawings; what the reader says goes to the case. A blind reader gets a table without a score.
"""

from __future__ import annotations

import streamlit as st

from cxr_core.records import LABELS, Review
from ui import blind, desk, markup
from ui.case import HEARD, NAMELESS, Case
from ui.dicom_exports import film_exports
from ui.findings import Row, Table, findings_table
from ui.opinions_view import beside
from ui.said import clock, sentences, signature

_REFUSED = {"agree": "Seen to", "disagree": "", "none": "by a person"}


def conflict(case: Case) -> None:
    """What this session could not save of this film, why, and what can be done; nothing where all is kept."""
    held = desk.draft(case.entry)
    if held is None:
        return
    store, entry = case.site.store, case.entry
    with st.container(key="conflict", border=True):
        if not held.conflict:
            st.html(f'<b role="alert">Not saved yet.</b> {markup.quiet(held.why[:1].upper() + held.why[1:] + ".")}')
            st.html(markup.quiet("What you said stays in this window until it is saved."))
            st.button(
                "Try again", key=f"again-{entry.key}", type="primary", on_click=desk.try_again, args=(store, entry)
            )
            return
        other = desk.theirs(store, entry)
        if other is None:
            st.html('<b role="alert">The review that stood here is gone.</b>')
        else:
            st.html(markup.conflict(signature(other), clock(other.reviewed_at), other.signed_at is not None))
        if other and not case.blind:
            with st.expander("See theirs beside yours", key=f"theirs-{entry.key}"):
                st.html("<b>Theirs</b>" + markup.reasons(sentences(other)))
                st.html("<b>Yours, not saved</b>" + markup.reasons(sentences(held.review)))
        seen = other.version if other else 0
        with st.container(horizontal=True, gap="small"):
            st.button("Put mine on top", key=f"mine-{entry.key}", on_click=desk.put_on_top, args=(store, entry, seen))
            st.button("Keep theirs", key=f"keep-{entry.key}", on_click=desk.take_theirs, args=(store, entry))


def findings(case: Case) -> None:
    """The nine findings with what the models said and what the reader says; blind: what the reader sees."""
    film, heard = case.screening.sha256, st.session_state.get(HEARD, 0)
    if case.blind:
        named = blind.draft(case.entry).named
        rows = [Row(label, flagged=False, status="added" if label in named else None) for label in LABELS]
        findings_table(Table(film, markup.blind_table(), rows, heard, blind=True), case.heard)
        return
    under, review = case.thresholds, case.review
    html = markup.score_table(case.screening, under.values, under.preset, versions(case), beside(case.screening))
    rows = [Row(label, label in case.flagged, review.verdict(label)) for label in LABELS]
    findings_table(Table(film, html, rows, heard, blind=False), case.heard)
    _as_a_whole(case, review)


def _as_a_whole(case: Case, review: Review) -> None:
    words = {"agree": "You agreed with the flags", "disagree": "You disagreed with the flags"}
    said = words.get(review.decision, "Keys a and d: agree or disagree with all flags")
    when = f", {review.reviewed_at.astimezone():%H:%M}" if review.decision in words else ""
    whose = f" ({signature(review)})" if review.reader and review.reader != desk.who()["reader"] else ""
    with st.container(key="decision", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(markup.quiet(f"{said}{when}{whose}"), width="stretch")
        _undo(case)


def _undo(case: Case) -> None:
    if case.can_undo:
        st.button("Undo", key=f"undo-{case.entry.key}", on_click=case.undo, type="tertiary")


def words(case: Case) -> None:
    """Impression and comment, kept when the reader leaves the field; another's are not shown to a blind reader."""
    review = case.review
    if case.blind and (review.impression or review.comment) and review.reader != desk.who()["reader"]:
        st.html(markup.quiet("Another reader has written about this film. It is shown when you have committed."))
        return
    _text(case, "impression", "Impression", "Impression of the whole film", tall=True)
    _text(case, "comment", "Comment", "Comment, kept when you leave the field")


def _text(case: Case, name: str, label: str, hint: str, *, tall: bool = False) -> None:
    key, text = f"{name}-{case.entry.key}", getattr(case.review, name)
    if st.session_state.get(key) != text:
        st.session_state[key] = text  # undone, or another session's
    facts = {"key": key, "placeholder": hint, "label_visibility": "collapsed"}
    changed = {"on_change": lambda: case.say(**{name: st.session_state[key]})}
    if tall:
        st.text_area(label, height=68, **facts, **changed)
    else:
        st.text_input(label, **facts, **changed)


def signing(case: Case) -> None:
    """Who reads, and the signature; for a blind reader the button that ends the blind read."""
    with st.container(key="signing", horizontal=True, vertical_alignment="center", gap="small"):
        if case.blind:
            st.button(
                "Commit and show the models", key=f"commit-{case.entry.key}", type="primary", on_click=case.commit
            )
            _undo(case)
        else:
            # Beside a film Enter is the findings' key; a refused one has no findings that could hear it.
            key = "Enter" if case.entry.screening.status == "refused" else None
            facts = {"type": "primary", "help": "Key: Enter", "disabled": case.review.signed_at is not None}
            st.button("Sign off", key=f"sign-{case.entry.key}", on_click=case.sign, shortcut=key, **facts)
        _reader()
        if not case.blind:
            film_exports(case.entry, case.site, case.window)
        signed = case.review.signed_at
        if signed and not case.blind:
            st.html(markup.quiet(f"Signed off by {signature(case.review)}, {clock(signed)}"), width="stretch")
    if st.session_state.get(NAMELESS) == case.entry.key:
        if desk.who()["reader"]:
            del st.session_state[NAMELESS]
        else:
            st.warning("Say who you are first: a signature needs a name. Open *Who reads?*, then sign off again.")


def _reader() -> None:
    """Name and role of this session's reader; they go into every version of a review."""
    who = desk.who()
    with st.popover(f"{who['reader']}, {who['role']}".strip(", ") if who["reader"] else "Who reads?"):
        st.text_input("Name", value=who["reader"], key="reader_field", max_chars=80, on_change=_named)
        roles = ["", *desk.ROLES]
        index = roles.index(who["role"]) if who["role"] in roles else 0
        st.selectbox("Role", roles, index=index, key="role_field", on_change=_named)
        st.html(markup.quiet("As typed in, for this window. The app knows no accounts."))


def _named() -> None:
    st.session_state[desk.READER] = st.session_state["reader_field"].strip()
    st.session_state[desk.ROLE] = st.session_state["role_field"]


def refused(case: Case) -> None:
    """A file that could not be screened: seen to, by a person."""
    said, entry = case.review.decision, case.entry
    when = f", {case.review.reviewed_at.astimezone():%H:%M}" if said != "none" else ""
    with st.container(key="decision", horizontal=True, vertical_alignment="center", gap="small"):
        # A button belongs to its film: a key pressed while the next is still loading must not judge that one unseen.
        kind = "primary" if said == "agree" else "secondary"
        facts = {"key": f"agree-{entry.key}", "type": kind, "shortcut": "a"}
        st.button("Seen to", on_click=lambda: case.say(decision="agree"), **facts)
        _undo(case)
        st.html(markup.quiet(f"{_REFUSED[said]}{when}"), width="stretch")


def why_here(case: Case) -> None:
    """Why the film stands where it stands, and which weights spoke."""
    if case.screening.scores:
        st.html("<b>Why here</b>" + markup.reasons(case.item.ranked.assessment.reasons))
    st.html(markup.quiet(versions(case)))


def versions(case: Case) -> str:
    """Which weights spoke."""
    return "Models: " + ", ".join(f"{m.name} {m.version} ({m.sha256[:8]})" for m in case.screening.models)
