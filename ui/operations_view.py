"""The parts of the operations page about the work: counts, throughput, refusals, flags over time.

In: the queue, what the store says of the work, a period. Out: drawings, each with its numbers as a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import streamlit as st

from cxr_core.operations import Bins, bins, flags_per_bin, local, pace, per_bin, stage_times
from cxr_core.queueing import Queue
from cxr_core.records import COVID, LABELS
from cxr_core.store.operations import Reasons, Screened
from ui import markup, operations_plots
from ui.plate import draw

PERIODS = {"24 hours": 1, "7 days": 7, "30 days": 30, "a year": 365, "all": 0}


_FIRST = [COVID, "Pneumothorax", "Effusion"]
"""The lines that are drawn unless others are chosen: nine at once are read by nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is shown: the queue, the work of the period, whether generated films count.

    ``since`` and ``until`` are the period's ends, ``offset`` is the server's clock over UTC. ``seconds`` (N, 3) are of
    the latest films.
    """

    queue: Queue
    screened: Screened
    reasons: Reasons
    seconds: npt.NDArray[np.float64]
    since: datetime
    until: datetime
    offset: timedelta
    generated: bool

    @property
    def span(self) -> Bins:
        """The period in bins, on the server's clock."""
        return bins((self.since + self.offset).replace(tzinfo=None), (self.until + self.offset).replace(tzinfo=None))

    @property
    def chosen(self) -> npt.NDArray[np.bool_]:
        """(N,) films of the queue that came in the period and count."""
        columns = self.queue.columns
        came = columns.received >= np.datetime64(self.since.replace(tzinfo=None), "us")
        return np.asarray(came & (self.generated | ~columns.synthetic))

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """(N,) screenings of the period that count."""
        return np.asarray(self.generated | ~self.screened.synthetic)


def overview(work: Work) -> None:
    """How many films, in one line."""
    columns, chosen = work.queue.columns, work.chosen
    waiting = chosen & ~columns.read
    done = work.screened.refused[work.counted]
    refused = f"{done.sum():,} ({100 * done.mean():.1f}%)" if len(done) else "0"
    pairs = [
        (f"{len(done):,}", "looked at in this period"),
        (refused, "refused"),
        (f"{chosen.sum():,}", "in the worklist"),
        (f"{(chosen & work.queue.flagged).sum():,}", "flagged"),
        (f"{waiting.sum():,}", "waiting for a reader"),
        (f"{(chosen & columns.read).sum():,}", "reviewed"),
    ]
    st.html(markup.figures(pairs))


def throughput(work: Work) -> None:
    """Films a day and an hour; seconds of each stage."""
    st.subheader("Throughput")
    at, refused = local(work.screened.at, work.offset)[work.counted], work.screened.refused[work.counted]
    span = work.span
    good, bad = per_bin(at[~refused], span), per_bin(at[refused], span)
    total = good.sum() + bad.sum()
    said = f"Films a {span.name}: {good.sum():,} screened, {bad.sum():,} refused, {total:,} in all."
    draw(operations_plots.throughput(span, good, bad), said, "ops-throughput")
    found = pace(at)
    if found.films:
        st.html(
            markup.quiet(
                f"Hours in which films came: {found.hours:,}; {found.median:g} films an hour in the middle, "
                f"{found.most:,} at most. By the server's clock."
            )
        )
    rows = [(item.stage, f"{item.median:.3f} s", f"{item.p95:.3f} s") for item in stage_times(work.seconds)]
    if rows:
        st.html(markup.table(("Stage", "Half take less than", "95 of 100 take less than"), rows))
        st.html(markup.quiet(f"Wall time of the latest {len(work.seconds):,} screened films, each by itself."))
    with st.expander("The same as a table"):
        lines = zip(span.starts.tolist(), good.tolist(), bad.tolist(), strict=True)
        table = [(f"{start:%Y-%m-%d %H:%M}", f"{one:,}", f"{other:,}") for start, one, other in lines if one or other]
        st.html(markup.table((f"{span.name} from".capitalize(), "Screened", "Refused"), table))


def refusals(work: Work) -> None:
    """Why films were refused or doubted."""
    st.subheader("Refusals and doubts")
    told = (
        ("Refused, by reason", work.reasons.refusals, "No film was refused in this period."),
        ("Doubtful or mended, by reason", work.reasons.warnings, "No reading was doubtful in this period."),
    )
    for title, counts, nothing in told:
        st.markdown(f"**{title}**")
        if not counts:
            st.html(markup.quiet(nothing))
            continue
        words = ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
        draw(operations_plots.reasons(counts), f"{title}: {words}", f"ops-{title.split()[0].lower()}")
    st.html(markup.quiet("Codes are explained in the guide to clinical use. A film may have several doubts."))


def flags(work: Work) -> None:
    """What was flagged, class by class, over time."""
    st.subheader("Flagged over time")
    columns, span = work.queue.columns, work.span
    rows = work.chosen & ~columns.refused
    if not rows.any():
        st.html(markup.quiet("No film was screened in this period."))
        return
    came = local(columns.received, work.offset)[rows]
    films = per_bin(came, span)
    found = flags_per_bin(came, work.queue.order.flagged[rows], span)
    shares = np.where(films[:, None] > 0, found / np.maximum(films, 1)[:, None], np.nan)
    names = st.pills(
        "Findings", LABELS, selection_mode="multi", default=_FIRST, key="ops-flags", label_visibility="collapsed"
    )
    total = ", ".join(f"{label} {count:,}" for label, count in zip(LABELS, found.sum(axis=0), strict=True))
    said = f"Share of films flagged by {span.name}. In all, of {films.sum():,} films: {total}."
    draw(operations_plots.flags(span, shares, names or LABELS), said, "ops-flagged")
    st.html(
        markup.quiet(
            "At the thresholds that a film was read with, else at today's. A line that jumps without a change of "
            "thresholds is worth a look: another machine, another ward, another model."
        )
    )
    with st.expander("The same as a table"):
        table = [
            (f"{start:%Y-%m-%d %H:%M}", f"{count:,}", *(f"{value:,}" for value in row))
            for start, count, row in zip(span.starts.tolist(), films.tolist(), found.tolist(), strict=True)
            if count
        ]
        st.html(markup.table((f"{span.name} from".capitalize(), "Films", *LABELS), table))
