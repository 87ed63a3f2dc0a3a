"""The heavy objects, one of each a process, and what a session remembers.

Settings, Store, Screener and the job board are shared by all sessions (each is safe for threads); nothing of one
session stands in them. What belongs to a session stands in ``st.session_state`` under the names below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from cxr_core.pipeline import Screener
from cxr_core.queueing import Worklist
from cxr_core.records import models_key
from cxr_core.settings import Settings
from cxr_core.store import Store
from ui.jobs import Board
from ui.roster import Roster
from ui.roster import roster as read_roster

JOB = "job"
"""Number of the run that Screen shows."""

FILM = "film"
"""Key of the image that Review shows."""

ADDRESS = "address"
"""Key of the image that Review last wrote into the page's address."""

READING_LIST = "reading_list"
"""Keys in the order in which Review walks through them, as the worklist stood when it was left."""


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The site's settings; SettingsError for a variable that makes no sense."""
    return Settings.from_environment()


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """Films, screenings, reviews and choices; StoreError if they cannot be reached."""
    return Store(settings())


@st.cache_resource(show_spinner="Loading the models")
def screener() -> Screener:
    """The models; ModelError if there are none that can be used."""
    return Screener(settings())


def roster() -> Roster:
    """The models' cards by role, without loading a network; ModelError if the detectors cannot be used."""
    return read_roster(settings())


@st.cache_resource(show_spinner=False)
def board() -> Board:
    """The screening runs of this process; what an earlier process left unfinished begins again."""
    made = Board(settings())
    made.resume(screener(), store())
    return made


@dataclass(frozen=True, slots=True)
class Site:
    """What every page asks: settings, store, models."""

    settings: Settings
    store: Store
    screener: Screener


def site() -> Site:
    """All three, made at first need."""
    kept = settings(), store()
    worklist()  # the first page that asks for the models begins it: it is read while these and the page are made
    return Site(*kept, screener())


@st.cache_resource(show_spinner=False)
def worklist() -> Worklist:
    """The columns of the worklist, held once a process: read ahead now, brought up to date at each look."""
    made = Worklist(store())
    made.read_ahead(models_key(card.ref() for card in roster().detectors))  # as the screener, which takes longer
    return made


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)
