"""The app's pages run by Streamlit's own test runner, over hand-made models and a data folder of each test's own."""

import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

from cxr_core import detect
from cxr_core.detect import Detector
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.read.sources import InputFile
from cxr_core.settings import Settings
from tests import fakes
from ui import state
from ui.roster import Roster

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "streamlit_app.py",
    "pages/1_Screen.py",
    "pages/2_Worklist.py",
    "pages/3_Review.py",
    "pages/4_Models.py",
    "pages/5_Operations.py",
    "pages/6_Simulator.py",
    "pages/7_Connections.py",
    "pages/8_Settings.py",
)
STORELESS = ("pages/4_Models.py", "pages/6_Simulator.py")
"""Pages that ask no database."""
MODELLESS = ("pages/7_Connections.py",)
"""Pages that ask no model."""


def open_page(name: str) -> AppTest:
    """A page on its own, as a first visit."""
    return AppTest.from_file(str(ROOT / name), default_timeout=60).run()


def words(app: AppTest) -> str:
    """All that a person can read on the page, and what the server drew for a component."""
    kinds = ("html", "markdown", "title", "header", "subheader", "caption", "error", "warning", "info", "success")
    found = [str(item.proto.body if kind == "html" else item.value) for kind in kinds for item in app.get(kind)]
    found = [text for text in found if not text.startswith("<style>")]
    found += [json.loads(item.proto.json).get("html", "") for item in app.get("bidi_component")]
    return "\n".join(found + [item.label for item in app.button])


def component(app: AppTest, name: str) -> dict:
    """What was handed to a component, by the name that it is registered under."""
    found = [item.proto for item in app.get("bidi_component") if item.proto.component_name == name]
    assert len(found) == 1, f"{name}: {len(found)} of them"
    return json.loads(found[0].json)


def components(app: AppTest, name: str) -> list[dict]:
    """As ``component``, all of that name."""
    return [json.loads(i.proto.json) for i in app.get("bidi_component") if i.proto.component_name == name]


def tell(app: AppTest, name: str, event: str, value: object) -> AppTest:
    """As if a component's script had said this; Streamlit's runner does not know how (its ids are its own)."""
    (found,) = [item.proto for item in app.get("bidi_component") if item.proto.component_name == name]
    states = app._tree.get_widget_states()
    states.widgets.add(
        id=_make_trigger_id(found.id, "events"), json_trigger_value=json.dumps([{"event": event, "value": value}])
    )
    return app._run(states)


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """Nothing of another test: no cached resource, no model, a data folder of its own."""
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "data"))
    forget()
    yield
    forget()


def forget() -> None:
    """As if the app had been started anew."""
    st.cache_resource.clear()
    st.cache_data.clear()
    detect.clear()


@pytest.fixture
def networks() -> tuple[fakes.BrightnessNetwork, fakes.BrightnessNetwork]:
    """The insides of ``models``; each remembers what it was asked."""
    return fakes.BrightnessNetwork(1), fakes.BrightnessNetwork(8)


@pytest.fixture
def opinions() -> tuple[Detector, ...]:
    """The second opinions beside ``models``: none, unless a test says otherwise."""
    return ()


@pytest.fixture
def models(monkeypatch, networks, opinions) -> Screener:
    """Two hand-made models whose every score is the film's brightest grey, 0 to 1; balanced threshold 0.6."""
    covid, nih = networks
    screener = Screener(Settings.from_environment(), [fakes.covid(covid), fakes.nih(nih)], opinions)
    monkeypatch.setattr(state, "screener", lambda: screener)
    cards = tuple(item.card for item in opinions)
    monkeypatch.setattr(state, "roster", lambda: Roster(screener.cards, opinions=cards))
    return screener


@pytest.fixture
def stored(models):
    """Put films of given greys into the worklist: ``stored({"a.png": 200})``; bytes are taken as they are."""

    def put(films: dict[str, int | bytes], **facts):
        inputs = [
            InputFile(name, lambda value=value: value if isinstance(value, bytes) else fakes.film(value))
            for name, value in films.items()
        ]
        taken = list(take_in(inputs, models, state.store(), **facts))
        return {arrival.entry.screening.file: arrival.entry.key for arrival in taken}

    return put
