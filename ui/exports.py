"""What leaves as files, for the pages that place it: one menu with the worklist, the reviews and a bundle.

In: a queue and the rows that are shown. Out: downloads. Each is written to the disk row by row and noted in the audit
trail. Without identity, which is the default, nothing in them names a patient. Files of one film alone (DICOM, FHIR,
HL7) stand in dicom_exports.py.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from cxr_core.errors import StoreError
from cxr_core.export.bundle import Asked, write_bundle
from cxr_core.export.reviews import LEFT_OUT, Told, write_reviews
from cxr_core.export.table import write_csv
from cxr_core.export.worklist import anonymous, write_worklist
from cxr_core.queueing import Queue, Rows
from cxr_core.takeout import Painter, label_cards, rows_of
from ui import markup
from ui.bundling import Bundling
from ui.dicom_exports import flagged_reports
from ui.frame import guarded
from ui.state import Site

MOST_PICTURES = 200
"""Films in a bundle that a browser takes; the command line has no such limit."""

_BUNDLE = "bundle"


def export_menu(site: Site, queue: Queue, chosen: Rows, preset: str) -> None:
    """A popover with every file; ``chosen`` are the rows that the filters show, ``preset`` the thresholds' name."""
    with st.popover("Export", width="stretch"):
        identity = st.toggle(
            "Names and identity",
            key="export-identity",
            help="Off: films are called by their digests, free texts stay empty, nothing names a patient. On: all that "
            "is known leaves, for those who treat these patients.",
        )
        made = _Maker(site, queue, chosen, preset, identity)
        flagged = chosen[queue.flagged[chosen]]
        _download(f"Flagged films shown (CSV, {len(flagged):,})", "flagged.csv", made.flagged, enough=len(flagged) > 0)
        _download(f"The whole worklist (CSV, {len(queue):,})", "worklist.csv", made.worklist, enough=len(queue) > 0)
        _download("Reviews for training (JSON lines)", "reviews.jsonl", made.reviews, enough=len(queue) > 0)
        flagged_reports(queue.named(flagged), site)
        _bundle(made)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the files; called when a person clicks, in a thread that knows no session."""

    site: Site
    queue: Queue
    chosen: Rows
    preset: str
    identity: bool

    def flagged(self) -> BinaryIO:
        """The flagged films that are shown, in the columns of the contract."""
        rows = rows_of(self.queue, self.chosen[self.queue.flagged[self.chosen]])
        given = rows if self.identity else map(anonymous, rows)
        return self._written("flagged", lambda stream: write_csv(stream, given, self.queue.terms.thresholds))

    def worklist(self) -> BinaryIO:
        """Every film."""
        rows, limits = rows_of(self.queue), self.queue.terms.thresholds
        return self._written("worklist", lambda stream: write_worklist(stream, rows, limits, identity=self.identity))

    def reviews(self) -> BinaryIO:
        """What people said, for the next training."""
        entries = self.site.store.reviewed(self.queue.columns.preferred)
        return self._written("reviews", lambda stream: write_reviews(stream, entries, identity=self.identity))

    def bundle(self, stream: BinaryIO, tell: Callable[[int], None]) -> str:
        """The films that are shown, with pictures; gives what is in it, in words."""
        site = self.site
        painter = Painter(site.store, site.settings, self.preset, label_cards(site.screener.cards), self.identity)
        asked = Asked(self.queue.terms.thresholds, self.preset, datetime.now(UTC), self.identity)
        done = write_bundle(stream, lambda: rows_of(self.queue, self.chosen), asked, painter, tell)
        self._note("bundle", done.films)
        missing = (
            f" {len(done.without_picture)} films have none; the manifest says why." if done.without_picture else ""
        )
        return f"{done.films} films, {done.pictures} pictures, {done.reviews} reviews.{missing}"

    def _written(self, what: str, write: Callable[[BinaryIO], int | Told]) -> BinaryIO:
        """A file without a name, which is gone from the disk once it was sent."""
        with tempfile.TemporaryFile(dir=_folder(self.site)) as stream:
            done = write(stream)
            stream.seek(0)
            self._note(what, done.lines if isinstance(done, Told) else done)
            return os.fdopen(os.dup(stream.fileno()), "rb")  # Streamlit takes no file that may be written to

    def _note(self, what: str, films: int) -> None:
        facts = {"what": what, "films": films, "identity": self.identity, "by": "page"}
        self.site.store.note("exported", what, facts)


def _download(label: str, name: str, make: Callable[[], BinaryIO], *, enough: bool) -> None:
    stem, ending = name.split(".")
    left_out = " ".join(f"Left out: films of which {why}." for why in LEFT_OUT.values())
    st.download_button(
        label,
        data=make,
        file_name=f"{stem}-{datetime.now().astimezone():%Y-%m-%d-%H%M}.{ending}",
        mime={"csv": "text/csv", "jsonl": "application/jsonl"}[ending],
        disabled=not enough,
        on_click="ignore",
        key=f"export-{stem}",
        width="stretch",
        help=left_out if stem == "reviews" else None,
    )


def _bundle(made: _Maker) -> None:
    """Every film is read and drawn for it, so it is made beside the page, with its progress and a way to stop it."""
    count = len(made.chosen)
    if count > MOST_PICTURES:
        st.html(
            markup.quiet(
                f"A bundle with pictures holds {MOST_PICTURES} films at most here: narrow the filters, or use the "
                "command export-worklist."
            )
        )
        return
    running = st.session_state[_BUNDLE].running if _BUNDLE in st.session_state else False
    st.fragment(_bundle_part, run_every=1 if running else None)(made, count)


def _bundle_part(made: _Maker, count: int) -> None:
    under_way: Bundling | None = st.session_state.get(_BUNDLE)
    if under_way and under_way.running:
        share = under_way.done / max(1, under_way.films)
        st.progress(min(1.0, share), text=f"{under_way.done} of {under_way.films} films drawn")
        st.button("Stop", on_click=under_way.stop, width="stretch", key="export-stop")
        return
    label = f"Make a bundle with pictures (ZIP, {count:,} films)"
    if st.button(label, disabled=not count, width="stretch", key="export-make"):
        with guarded():
            st.session_state[_BUNDLE] = Bundling(made.bundle, _folder(made.site), count)
        st.rerun()
    if under_way and under_way.path and under_way.path.exists():
        st.download_button(
            "Download the bundle",
            data=partial(under_way.path.open, "rb"),
            file_name=f"bundle-{datetime.now().astimezone():%Y-%m-%d-%H%M}.zip",
            mime="application/zip",
            on_click="ignore",
            key="export-bundle",
            width="stretch",
            type="primary",
        )
        st.html(markup.quiet(under_way.said))
    elif under_way and under_way.error:
        st.html(markup.quiet(under_way.error))


def _folder(site: Site) -> Path:
    """Private, beside the films: a table may name patients."""
    folder = site.settings.data_dir / "exports"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"the data folder cannot be written ({exc.strerror}); check CXR_DATA_DIR") from exc
    return folder
