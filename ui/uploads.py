"""Uploaded files -> disk, so that 500 films do not stay in the server's memory.

In: what st.file_uploader gives. Out: a filled Spool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streamlit.runtime.scriptrunner import get_script_run_ctx

from cxr_core.errors import TooLarge
from cxr_core.settings import Settings
from ui.spool import Spool


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


def fill(files: Sequence[Upload], spool: Spool) -> None:
    """Write each upload to disk and let its memory go; StoreError if one cannot be written."""
    for item in files:
        spool.add(item.name, item.getbuffer())
        forget([item])


def forget(files: Sequence[Upload]) -> None:
    """Let go of the memory that Streamlit holds of uploads; those that are gone already are no error."""
    context = get_script_run_ctx()
    for item in files if context else ():
        context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=item.file_id)
