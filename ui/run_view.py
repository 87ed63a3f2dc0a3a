"""How a screening run is shown: progress with the time left, stop, results as they come, refusals with what to do.

In: the job board and the session's own run. Out: nothing; a click on a result goes to Review.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cxr_core.intake import Arrival
from ui import blind, films, markup, state
from ui.frame import empty, guarded
from ui.jobs import Board, Job
from ui.listing import Style, listing
from ui.navigate import open_review
from ui.queue import Queued, listing_row, queue
from ui.state import JOB, Site
from ui.thresholds import Thresholds, current

RUN = "run"
"""The address's entry for the run that a page began."""
"""Session state: the number of a run that this session shows and did not begin."""

SHOWN = 40
"""Newest results on this page; all of them stand in the worklist."""

_ENDED = {
    "done": "Finished",
    "stopped": "Stopped. What was screened is kept; the files that were left are not.",
    "failed": "The run ended early. What was screened is kept.",
    "waiting": "Waiting for another run to finish",
    "running": "Screening",
}


def run_view(board: Board, site: Site) -> None:
    """Draw this session's run, also after the page was reloaded; without one, what goes on elsewhere, to be watched."""
    own = board.job(st.session_state.get(JOB)) or board.named(st.query_params.get(RUN))
    job = own or board.newest_running()
    if job is None:
        empty(
            "No film has been sent in this session",
            "Drop films, a folder or a zip above. Each result appears here as soon as it is ready and stays in the "
            "worklist.",
            "No film at hand? Load the sample studies: generated pictures, labelled synthetic.",
        )
        return
    if own:
        st.session_state[JOB], st.query_params[RUN] = own.number, own.token

    @st.fragment(run_every=0.7 if job.running else None)
    def live() -> None:
        was_running = job.running
        with guarded():
            _draw(job, site, own=own is not None)
        if st.session_state.get("ended") != job.number and not was_running:
            st.session_state["ended"] = job.number
            st.rerun()

    live()


def _draw(job: Job, site: Site, *, own: bool) -> None:
    arrivals = tuple(job.arrivals)
    _progress(job, len(arrivals), own=own)
    refused = [a for a in arrivals if a.entry.screening.status == "refused"]
    known = sum(a.known for a in arrivals)
    pairs = [
        (str(len(arrivals) - known - len(refused)), "screened"),
        (str(known), "known"),
        (str(len(refused)), "refused"),
    ]
    st.html(markup.figures(pairs))
    if job.error:
        st.error(job.error)
    if job.left_out:
        st.warning(
            f"{job.left_out:,} files were beyond the limit of {site.settings.max_files:,} at once. They stand as "
            "refused; send them again."
        )
    thresholds = current(site)
    if refused:
        st.subheader(f"Refused: {len(refused)}")
        _rows(refused, "refused", site, thresholds)
    others = [a for a in arrivals if a.entry.screening.status == "screened"]
    if others:
        st.subheader("Results, newest first")
        _rows(others, "results", site, thresholds)


def _progress(job: Job, done: int, *, own: bool) -> None:
    bar, stop = st.columns([6, 1], vertical_alignment="center")
    text = _ENDED[job.state]
    if job.state == "running":
        left = job.seconds_left
        text = f"{done} of {job.total}" + (f" · {_clock(left)} left" if left is not None else "")
    bar.progress(min(1.0, done / job.total) if job.total else float(job.state == "done"), text=text)
    if job.running and not own:
        st.html(
            markup.quiet("This run was begun in another window, perhaps by another person. It can be stopped there.")
        )
    elif job.running:
        stop.button("Stop", on_click=job.stop, disabled=job.stopping.is_set(), width="stretch")
    elif stop.button("Worklist", width="stretch", type="primary"):
        st.switch_page("pages/2_Worklist.py")


def _rows(arrivals: Sequence[Arrival], key: str, site: Site, thresholds: Thresholds) -> None:
    newest = list(reversed(arrivals))[:SHOWN]
    if blind.mode() and key == "results":
        st.html(markup.quiet(blind.KEPT_BACK))
        return
    known = {a.entry.key for a in newest if a.known}
    unique = tuple({a.entry.key: a.entry for a in newest}.values())
    items: dict[str, Queued] = {i.entry.key: i for i in queue(unique, thresholds.values, site.screener)}
    rows = []
    for entry in unique:
        blind.shown(entry)
        row = listing_row(
            items[entry.key], lambda k: films.kept_thumbnail(site.store, k), state.now(), site.screener.models_key
        )
        row["rank"] = None
        row["tags"] = (["known"] if entry.key in known else []) + row["tags"]
        rows.append(row)
    opened = listing(rows, Style("results"), key=f"rows-{key}")
    if opened:
        open_review(opened)
    if len(arrivals) > SHOWN:
        st.html(markup.quiet(f"The newest {SHOWN} of {len(arrivals)}; all of them stand in the worklist."))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
