"""Uploaded files -> disk -> input files, so that 500 films do not stay in the server's memory.

In: what st.file_uploader gives. Out: input files under the names that the person's own folder had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from streamlit.runtime.scriptrunner import get_script_run_ctx

from cxr_core.errors import StoreError, TooLarge
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.settings import Settings


class Upload(Protocol):
    """What is used of Streamlit's UploadedFile."""

    name: str
    size: int
    file_id: str

    def getbuffer(self) -> memoryview:
        """The bytes, not copied."""


def check_total(files: Sequence[Upload], settings: Settings) -> None:
    """TooLarge if one upload as a whole is more than the site accepts."""
    total = sum(item.size for item in files)
    if total > settings.max_upload_mb * 1_000_000:
        raise TooLarge(
            f"These {len(files)} files are {total / 1_000_000:,.0f} MB together; one upload may be at most "
            f"{settings.max_upload_mb:,} MB. Nothing was screened. Send them in several uploads, or raise "
            "CXR_MAX_UPLOAD_MB."
        )


def spool(files: Sequence[Upload], folder: Path) -> list[tuple[str, Path]]:
    """Write each upload to ``folder`` and let its memory go; (name shown, path) each. Names never become paths."""
    context = get_script_run_ctx()
    spooled = []
    for number, item in enumerate(files):
        path = folder / f"{number:06d}"
        try:
            path.write_bytes(item.getbuffer())
        except OSError as exc:
            raise StoreError(f"the upload could not be kept ({exc.strerror}); free space in the data folder") from exc
        if context:
            context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=item.file_id)
        spooled.append((item.name, path))
    return spooled


def inputs_of(spooled: Sequence[tuple[str, Path]], settings: Settings) -> Iterator[InputFile]:
    """The spooled files, archives expanded, named as they were sent."""
    for name, path in spooled:
        prefix = path.as_posix()
        for item in from_paths([path], settings):
            yield replace(item, name=name + item.name.removeprefix(prefix))
