"""Screen: films in, results as soon as they are ready."""

from __future__ import annotations

import streamlit as st

from ui import state
from ui.begin import begin, begin_samples
from ui.frame import guarded, page
from ui.run_view import run_view

FILES, FOLDER = "Files or a zip", "A folder"

page("Screen")
st.title("Screen")

with guarded():
    site, board = state.site(), state.board()

left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
with right:
    sent = st.segmented_control("Send", [FILES, FOLDER], default=FILES, required=True)
    st.button(
        "Load sample studies",
        on_click=begin_samples,
        args=(board, site),
        help="Twelve generated pictures, labelled synthetic. No patient, no meaning: to see the product work.",
    )
with left:
    limits = site.settings
    drop = st.session_state.setdefault("drop", 0)  # a new number empties the uploader
    uploads = st.file_uploader(
        "Drop chest films here: DICOM, PNG, JPEG, TIFF, BMP, or zip archives of them",
        accept_multiple_files="directory" if sent == FOLDER else True,
        max_upload_size=limits.max_upload_mb,
        key=f"drop-{sent}-{drop}",
        help=f"At most {limits.max_files:,} films and {limits.max_upload_mb:,} MB at once, "
        f"{limits.max_file_mb:,} MB a file.",
    )

if uploads:
    st.session_state["drop"] += 1
    with guarded(), st.spinner("Taking the files in"):
        begin(uploads, board, site)
    st.rerun()

run_view(board, site)
