"""What the Connections page shows: who receives, what came last, where results go, and what did not get there.

In: the store's heartbeats, inbox and outbox, and the site's rules. Out: the page's parts. It starts and stops nothing:
the listener, the worker and the watcher are processes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import streamlit as st

from cxr_core.errors import CxrError
from cxr_core.exchange import deliver
from cxr_core.exchange.pulse import SILENT_SECONDS
from cxr_core.exchange.rules import Destination, Rules
from cxr_core.store import Store
from cxr_core.store.heartbeats import Heartbeat
from cxr_core.store.outbox import Parcel
from ui import markup
from ui.frame import told

SHOWN = 12
"""Films that came last, and deliveries that are stuck: more would not be read here."""

NOTES = 5

_MOST = 10_000

_TESTED = "connections-tested"

WHAT = {
    "listener": ("DICOM listener", "takes films that other systems send", "python -m cxr_core listen"),
    "worker": ("Screening and delivery", "screens what came in, sends results back", "python -m cxr_core work"),
    "watcher": ("Folder watcher", "takes films that are put into a folder", "python -m cxr_core watch FOLDER"),
}

_STATES = {"screened": "in the worklist", "refused": "refused", "waiting": "waiting", "repeated": "known"}

EXAMPLE = """[exchange]
aet = "CXRSCREEN"
port = 11112
senders = ["XRAY1", "ORTHANC"]

[[exchange.destination]]
name = "archive"
kind = "dicomweb"
url = "https://archive.example/dicom-web"
"""


def processes(store: Store, now: datetime) -> None:
    """One line for each process beside the app."""
    rows = "".join(_process(name, store.heartbeat(name), now) for name in WHAT)
    st.html(f'<table class="cxr-table cxr-grid cxr-peers"><tbody>{rows}</tbody></table>')


def _process(name: str, beat: Heartbeat | None, now: datetime) -> str:
    title, does, command = WHAT[name]
    shape, word, rest = _alive(beat, now)
    facts = " · ".join(filter(None, (rest, *(_said(name, beat.facts) if beat and shape == "on" else ()))))
    told = escape(facts) if shape == "on" else f"{escape(facts)} Start it with <code>{escape(command)}</code>".strip()
    return (
        f'<tr><th scope="row">{escape(title)}<br><i>{escape(does)}</i></th>'
        f'<td><span class="cxr-light {shape}"><i aria-hidden="true"></i>{word}</span></td><td>{told}</td></tr>'
    )


def _alive(beat: Heartbeat | None, now: datetime) -> tuple[str, str, str]:
    """A shape, a word, and since when."""
    if beat is None:
        return "off", "not running", "It never ran here."
    if beat.facts.get("ended"):
        return "off", "stopped", f"It was stopped {ago(beat.at, now)}."
    silent = (now - beat.at).total_seconds()
    if silent > SILENT_SECONDS:
        return "gone", "silent", f"It last spoke {ago(beat.at, now)} and did not say that it was stopped."
    return "on", "running", ""


def _said(name: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What a running process says of itself, in words."""
    if name == "listener":
        tls = ", TLS" if facts.get("tls") else ""
        refused = facts.get("refused", 0)
        last = f"last refusal: {facts['last_refusal']}" if facts.get("last_refusal") else ""
        counts = f"{facts.get('received', 0):,} received, {facts.get('repeated', 0):,} known, {refused:,} refused"
        return f"{facts.get('aet', '')} on port {facts.get('port', '')}{tls}", counts, last
    if name == "watcher":
        return f"{facts.get('taken', 0):,} taken", f"{facts.get('pending', 0):,} still being written"
    return (f"films looked at since it started: {facts.get('screened', 0):,}",)


def last_received(store: Store, now: datetime) -> None:
    """The films that came last, from whom, and what became of them."""
    counts = store.inbox_counts()
    films = store.inbox_latest(SHOWN)
    if not films:
        st.html(markup.quiet("No film has come from another system yet."))
        return
    figures = [
        (f"{counts.get('waiting', 0):,}", "waiting for screening"),
        (f"{counts.get('screened', 0):,}", "screened"),
    ]
    st.html(markup.figures([*figures, (f"{counts.get('refused', 0):,}", "refused")]))
    rows = [
        (
            ago(film.received_at, now), film.sender or film.origin, film.name, size(film.size),
            _STATES[film.state] + (f": {film.reason}" if film.state == "refused" else ""),
        )
        for film in films
    ]  # fmt: skip
    st.html(markup.table(("came", "from", "shown as", "size", "state"), rows))


def destinations(store: Store, rules: Rules) -> None:
    """Where results go, how much of it got there, and a button that asks whether it answers."""
    if not rules.destinations:
        st.html(markup.quiet("No destination is named in the site file, so no result leaves this machine."))
        return
    counts = store.outbox_counts()
    for item in rules.destinations:
        with st.container(
            key=f"destination-{item.name.replace(' ', '-')}", horizontal=True, vertical_alignment="center"
        ):
            st.html(_destination(item, counts.get(item.name, {})), width="stretch")
            st.button("Test", key=f"test-{item.name}", on_click=_test, args=(item, rules.aet))
    tests = _tests([item.name for item in rules.destinations])
    if tests:
        st.html(tests)


def _destination(item: Destination, counts: Mapping[str, int]) -> str:
    peer = item.peer
    where = peer.url or f"{peer.aet} at {peer.host}:{peer.port}".removeprefix(" at ")
    tags = " ".join(f'<span class="cxr-tag">{escape(kind)}</span>' for kind in (peer.kind, *item.objects))
    tls = ' <span class="cxr-tag">TLS</span>' if peer.tls else ""
    figures = markup.figures(
        [(f"{counts.get(state, 0):,}", word) for state, word in
         (("sent", "delivered"), ("waiting", "waiting"), ("failed", "failed"))]
    )  # fmt: skip
    return f"<div><b>{escape(item.name)}</b> {tags}{tls}{markup.quiet(where)}{figures}</div>"


def _test(item: Destination, aet: str) -> None:
    try:
        said = ("answers", deliver.answers(item.peer, aet))
    except CxrError as exc:
        said = ("does not answer", str(exc))
    st.session_state.setdefault(_TESTED, {})[item.name] = (*said, datetime.now(UTC))


def _tests(names: Sequence[str]) -> str:
    """What the tests of this session said."""
    tested = st.session_state.get(_TESTED, {})
    lines = []
    for name in (name for name in names if name in tested):
        word, said, at = tested[name]
        shape = "on" if word == "answers" else "gone"
        lines.append(
            f'<div class="cxr-tested"><span class="cxr-light {shape}"><i aria-hidden="true"></i>'
            f"{escape(name)} {word}</span> <i>{escape(said)} ({at:%H:%M:%S} UTC)</i></div>"
        )
    return "".join(lines)


def undelivered(store: Store, now: datetime, open_film: Callable[[str], None]) -> None:
    """What waits longer than it should, or was given up: where to, since when, why; and a way to send it again."""
    stuck = [item for item in store.outbox_latest(_MOST, "failed", "waiting") if item.state == "failed" or item.reason]
    if not stuck:
        st.html(markup.quiet("Nothing is stuck: every result that is due has arrived or is on its way."))
        return
    failed = [item for item in stuck if item.state == "failed"]
    left, right = st.columns([4, 1.2], vertical_alignment="center")
    with left:
        st.html(
            markup.figures([(str(len(failed)), "failed"), (str(len(stuck) - len(failed)), "tried again by themselves")])
        )
    with right:
        st.button("Send all again", on_click=_again, args=(store, [item.id for item in stuck]), width="stretch")
    for item in stuck[:SHOWN]:
        with st.container(key=f"parcel-{item.id}"):
            said, film, again = st.columns([4.4, 0.9, 1.3], vertical_alignment="center", gap="small")
            said.html(_parcel(item, store, now))
            film.button("Open", key=f"film-{item.id}", on_click=open_film, args=(item.key,), width="stretch")
            again.button(
                "Send again", key=f"again-{item.id}", on_click=_again, args=(store, [item.id]), width="stretch"
            )
    if len(stuck) > SHOWN:
        st.html(markup.quiet(f"{len(stuck) - SHOWN} more are not shown; Send all again means them, too."))


def notes(store: Store, now: datetime) -> None:
    """What people should know of results that arrived, such as a film that had no study of its own."""
    noted = store.outbox_latest(NOTES, "sent", noted=True)
    if noted:
        st.subheader("Delivered, with a note")
    for item in noted:
        entry = store.entry(item.key)
        name = entry.screening.file if entry else "a film that was removed"
        st.html(
            f'<div class="cxr-parcel"><b>{escape(name)}</b> to {escape(item.destination)}, '
            f"{ago(item.sent_at or now, now)}{markup.quiet(item.reason)}</div>"
        )


def _parcel(item: Parcel, store: Store, now: datetime) -> str:
    entry = store.entry(item.key)
    name = entry.screening.file if entry else "a film that was removed"
    shape, word = ("gone", "failed") if item.state == "failed" else ("wait", f"next try {ahead(item.next_at, now)}")
    tries = f"{item.attempts} attempt{'s' if item.attempts != 1 else ''}"
    return (
        f'<div class="cxr-parcel"><span class="cxr-light {shape}"><i aria-hidden="true"></i>{word}</span> '
        f"<b>{escape(name)}</b> to {escape(item.destination)}, version {item.version}"
        f"{markup.quiet(f'{item.reason}. {tries}, due since {ago(item.created_at, now)}.')}</div>"
    )


def _again(store: Store, numbers: Sequence[int]) -> None:
    with told():
        store.outbox_again(numbers)


def size(number: int) -> str:
    """Bytes as people say them."""
    return f"{number / 1_000_000:.1f} MB" if number >= 100_000 else f"{number / 1000:.0f} kB"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in words."""
    return f"{_span((now - at).total_seconds())} ago"


def ahead(at: datetime, now: datetime) -> str:
    """How far ahead, in words."""
    seconds = (at - now).total_seconds()
    return f"in {_span(seconds)}" if seconds > 0 else "now"


def _span(seconds: float) -> str:
    for length, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {word}"
    return f"{max(0, seconds):.0f} s"
