"""Where the models looked, for the film viewer: worked out when a reader asks for it, kept for the films asked lately.

In: a queued study and the site. Out: the facts that the viewer draws (see ``evidence``). It knows no canvas.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import streamlit as st

from cxr_core.errors import CxrError, DamagedImage
from cxr_core.explain import FULL, Explanation
from cxr_core.pipeline import Screener
from cxr_core.records import LABELS, models_key
from cxr_core.settings import Settings
from cxr_core.store import Store
from ui import films
from ui.queue import Queued, reach
from ui.state import Site

ASKED = "asked_where"
"""SHA-256 of the film for which the reader asked where the models looked; another film starts without."""

WEAK = 0.1
"""Share of the scale below which no place is worth pointing at."""

_MOST = 32
_OTHER = "This film was screened by other model versions. Screen it again to see where these look."
_NOTHING = "These models cannot tell where they looked"


def evidence(item: Queued, site: Site, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """What the viewer needs for its *Where it looked*.

    ``labels``: findings that can be shown, none with ``why`` not. ``first``: the one to show first. ``maps``, once
    asked for: by label a ``picture`` (see there) and ``words``.
    ``trouble``: why there are none although they were asked for.
    """
    screening = item.entry.screening
    labels = [label for label in LABELS if label in site.screener.explains]
    facts: dict[str, Any] = {"labels": labels, "why": _NOTHING, "first": "", "maps": None, "trouble": ""}
    if models_key(screening.models) != site.screener.models_key:
        return facts | {"labels": [], "why": _OTHER}
    if labels:
        facts["first"] = max(labels, key=lambda label: reach(screening.scores[label], thresholds[label]))
    if labels and st.session_state.get(ASKED) == screening.sha256:
        try:
            facts["maps"] = _maps(item.entry.key, site.screener.models_key, site.store, site.screener, site.settings)
        except CxrError as exc:
            facts["trouble"] = f"The models could not tell where they looked. {exc}"
    return facts


@st.cache_data(show_spinner=False, max_entries=_MOST)
def _maps(key: str, models: str, _store: Store, _screener: Screener, _settings: Settings) -> dict[str, dict[str, str]]:
    """Each finding's picture and words; ``models`` is part of the cache's key, other weights look elsewhere."""
    del models
    film = films.shown(_store, key, _settings)
    return {
        label: {"picture": picture(found), "words": words(found, label)}
        for label, found in _screener.explain(film).items()
    }


def words(found: Explanation, label: str) -> str:
    """What the map alone would leave unsaid: that it is faint because there is little to show."""
    return "" if found.peak >= WEAK else f"No region raised the {label} score by much."


def picture(found: Explanation) -> str:
    """Both maps in one PNG, as a data address: red and green, 0 to 255 for none to the scale's end."""
    red, green = (np.rint(255 * np.minimum(part / FULL, 1)).astype(np.uint8) for part in (found.raised, found.lowered))
    done, data = cv2.imencode(".png", cv2.merge([np.zeros_like(red), green, red]))  # OpenCV's order: blue, green, red
    if not done:
        raise DamagedImage("The map could not be prepared for the screen.")
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def asked() -> None:
    """The viewer asks where the models looked: remembered for its film."""
    st.session_state[ASKED] = st.session_state["viewer"]["explain"]
