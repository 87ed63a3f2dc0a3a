"""A film's results as files of the standard: the menu on Review, and the flagged films' reports for the Worklist.

In: an entry, the site, the reader's window. Out: download buttons whose files are made when they are asked for. What
was given out is written down in the audit trail.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from functools import partial

import streamlit as st

from cxr_core.errors import CxrError
from cxr_core.outgoing import FORMATS, Made, Outgoing, Window
from cxr_core.store import Entry
from ui import markup
from ui.frame import NOTICE
from ui.state import Site

_LABELS = {
    "sr": "DICOM structured report",
    "gsps": "DICOM presentation state",
    "sc": "DICOM picture, boxes burnt in",
    "fhir": "FHIR bundle",
    "hl7": "HL7 v2 message",
}
_ENDINGS = {"fhir": ("json", "application/fhir+json"), "hl7": ("hl7", "application/octet-stream")}
_MOST_REPORTS = 300
"""Films in one zip of reports: each takes about a second of a processor."""

_NEW_IDENTITY = (
    "This film came without usable DICOM identity. It gets one, derived from its content; the film itself, as a "
    "Secondary Capture, is in the same zip. Match it to a patient before it goes into an archive."
)


def film_exports(entry: Entry, site: Site, window: Window | None = None) -> None:
    """The menu; nothing is read or made until it is opened."""
    menu = st.popover("Export", on_change="rerun", key=f"export-{entry.key}")
    if menu.open:
        with menu:
            choices(entry, site, window)


def choices(entry: Entry, site: Site, window: Window | None = None) -> None:
    """A button a format, those that cannot be had switched off with the reason."""
    outgoing = _outgoing(site)
    try:
        offered = outgoing.offered(entry.key)
    except CxrError as exc:
        st.html(markup.quiet(str(exc)))
        return
    for name in FORMATS:
        why_not = offered.not_possible.get(name, "")
        ending, kind = _ENDINGS.get(name, ("zip" if offered.new_identity else "dcm", "application/octet-stream"))
        st.download_button(
            _LABELS[name],
            data=partial(_file, outgoing, site, entry.key, name, window),
            file_name=f"{name}-{entry.key[:12]}.{ending}",
            mime="application/zip" if ending == "zip" else kind,
            key=f"export-{name}-{entry.key}",
            disabled=bool(why_not),
            help=why_not or None,
            on_click="ignore",
            width="stretch",
        )
    if offered.new_identity and len(offered.not_possible) < len(FORMATS):
        st.html(markup.quiet(_NEW_IDENTITY))
    st.html(markup.quiet(f"{NOTICE} The files name the patient."))


def flagged_reports(keys: Sequence[str], site: Site) -> None:
    """One button: the structured reports of these films as a zip."""
    st.download_button(
        "DICOM reports of the flagged films",
        data=partial(_reports, tuple(keys[:_MOST_REPORTS]), site),
        file_name="reports.zip",
        mime="application/zip",
        key="export-reports",
        disabled=not keys,
        help=f"The first {_MOST_REPORTS} of them" if len(keys) > _MOST_REPORTS else None,
        on_click="ignore",
    )


def _outgoing(site: Site) -> Outgoing:
    return Outgoing(site.store, site.settings, site.screener.cards)


def _file(outgoing: Outgoing, site: Site, key: str, name: str, window: Window | None) -> bytes:
    """The bytes behind a button; several files are one zip."""
    made = outgoing.export(key, (name,), window=window).made
    site.store.note("exported", key, {"formats": [name], "by": "page"})
    return made[0].data if len(made) == 1 else _zipped(made)


def _reports(keys: Iterable[str], site: Site) -> bytes:
    """The reports of several films; what cannot be had is told in a text beside them, by key and reason."""
    outgoing = _outgoing(site)
    made: list[Made] = []
    missing: list[str] = []
    for key in keys:
        try:
            made += outgoing.export(key, ("sr",)).made
            site.store.note("exported", key, {"formats": ["sr"], "by": "page"})
        except CxrError as exc:
            missing.append(f"{key[:12]}: {exc}")
    return _zipped(made, missing)


def _zipped(made: Iterable[Made], missing: Sequence[str] = ()) -> bytes:
    """The same files, the same zip: no time of writing is kept."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in made:
            archive.writestr(zipfile.ZipInfo(item.name), item.data, zipfile.ZIP_DEFLATED)
        if missing:
            archive.writestr(zipfile.ZipInfo("not-exported.txt"), "\n".join(missing) + "\n")
    return out.getvalue()
