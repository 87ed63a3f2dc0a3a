"""Home: what this is and is not, today's numbers, the way to the pages."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import streamlit as st

from ui import markup, state
from ui.frame import NAME, guarded, page
from ui.queue import lasted
from ui.site_rules import say_broken, site_rules
from ui.thresholds import current, queue

page("Home")

st.title(NAME)
st.markdown(
    "Chest radiographs come in; they leave in the order in which they should be looked at, each with the reason for "
    "its place. Two detectors give each film a score for nine findings and frame where they saw them. **You** set the "
    "score from which a finding raises a film, and **you** read the film."
)

with guarded():
    site = state.site()
    items = queue(site, current(site))
    say_broken(site_rules(site.settings))

if len(items):
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    today = items.columns.received >= np.datetime64(midnight.astimezone(UTC).replace(tzinfo=None), "us")
    waiting = items.waiting()
    longest = items.longest(waiting)
    pairs = [
        (f"{today.sum():,}", "received today"),
        (f"{len(waiting):,}", "waiting for a reader"),
        (f"{items.flagged[waiting].sum():,}", "of them flagged"),
    ]
    pairs += [(lasted(longest), "longest wait")] if longest is not None else []
    st.html(markup.figures(pairs))
    st.html(markup.lanes(items.lane_counts(waiting)))
else:
    st.html(
        markup.quiet("No film has been screened yet. Begin on the Screen page: your own films, or the samples there.")
    )

target, label = ("pages/2_Worklist.py", "Open the worklist") if len(items) else ("pages/1_Screen.py", "Screen films")
if st.button(label, type="primary"):
    st.switch_page(target)

first, second = st.columns(2, gap="large")
with first:
    st.subheader("The way through")
    st.markdown(
        "1. **Screen**: drop films, folders or zips (DICOM, PNG, JPEG, TIFF, BMP). What cannot be screened says why.\n"
        "2. **Worklist**: every film in order; move a threshold and the order follows at once.\n"
        "3. **Review**: the film itself, the boxes on it, the nine scores; agree or disagree.\n"
        "4. **Models**: what each model can do, what it cannot, on whose films that was measured, and who is asked."
    )
with second:
    st.subheader("What it is not")
    st.markdown(
        "- Not a medical device and not for diagnosis: research use only, every film needs an expert's review.\n"
        "- It takes no film out of the queue. A film without a flag is **not flagged**; that does not say that nothing "
        "is there.\n"
        "- The scores see patterns in pictures, not causes: an opacity is not a virus.\n"
        "- Films, scores and decisions stay in this machine's data folder. Results leave it only to the archives "
        "that the site has named (see Connections)."
    )
