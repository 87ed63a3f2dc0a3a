"""The gate's folder: loaded once, kept when it vanishes, and never passed by in silence."""

import shutil
from dataclasses import replace

import pytest

from cxr_core import gate
from cxr_core.detect import Opinions
from cxr_core.errors import ModelInvalid
from cxr_core.gate import network
from cxr_core.pipeline import Screener
from cxr_core.settings import Settings
from tests.fakes import covid, nih

pytestmark = pytest.mark.models


@pytest.fixture
def settings(tmp_path):
    """A models folder with the shipped gate alone, which no test before has loaded."""
    shutil.copytree(Settings().models_dir / network.FOLDER, tmp_path / network.FOLDER)
    yield Settings(models_dir=tmp_path, data_dir=tmp_path / "data")
    network._shelf.pop((tmp_path / network.FOLDER).resolve(), None)


def test_a_gate_that_is_loaded_stays_when_its_folder_goes(settings):
    loaded = gate.load(settings)
    shutil.rmtree(settings.models_dir / network.FOLDER)
    assert gate.load(settings) is loaded


def test_a_process_that_starts_without_the_folder_opens_no_film_unchecked(settings):
    """As a reading process that a long run begins after the folder has gone: it has no shelf of its own yet."""
    shutil.rmtree(settings.models_dir / network.FOLDER)
    assert gate.load(settings) is None
    with pytest.raises(ModelInvalid, match="gate is gone"):
        gate.load(replace(settings, gate="required"))


def test_models_that_began_with_a_gate_require_it_from_then_on(settings, monkeypatch):
    monkeypatch.setattr("cxr_core.models.load_detectors", lambda _settings: (covid(), nih()))
    monkeypatch.setattr("cxr_core.models.load_opinions", lambda *_: Opinions(()))
    screener = Screener(settings)
    assert screener.unchecked is None
    assert screener._settings.gate == "required"
    assert Screener(replace(settings, gate="tags"))._settings.gate == "tags"
