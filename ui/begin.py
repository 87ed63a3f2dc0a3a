"""How a screening run begins: from what a person sent, or from the generated samples.

In: uploads. Out: the number of the run, in the session. The run's own thread does the rest (ui.jobs).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import streamlit as st

from cxr_core.phantom import sample_files
from cxr_core.read.sources import InputFile
from ui.jobs import Board, Task, thumbnails
from ui.spool import Spool
from ui.state import JOB, Site
from ui.uploads import Upload, check_total, fill, forget


def begin(uploads: Sequence[Upload], board: Board, site: Site) -> None:
    """Spool the uploads and start their run; TooLarge if they are more than the site accepts at once.

    However it ends, nothing of them stays in memory, and on disk only what a run has taken over.
    """
    try:
        check_total(uploads, site.settings)
        with ExitStack() as stack:
            spool = Spool.new(site.settings.data_dir)
            stack.callback(spool.discard)
            fill(uploads, spool)
            _start(Task.of(spool, site.settings, each=thumbnails(site.store, site.settings)), board, site)
            stack.pop_all()
    finally:
        forget(uploads)


def begin_samples(board: Board, site: Site) -> None:
    """Start a run over the generated studies."""
    samples = [InputFile(name, make) for name, make in sample_files()]
    _start(Task(lambda: samples, synthetic=True, each=thumbnails(site.store, site.settings)), board, site)


def _start(task: Task, board: Board, site: Site) -> None:
    st.session_state[JOB] = board.start(task, site.screener, site.store).number
