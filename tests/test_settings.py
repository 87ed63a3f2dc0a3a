"""Settings: defaults that work, variables that are checked, one place that lists them."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import SettingsError
from cxr_core.settings import Settings, variable

NUMBERS = [spec.name for spec in fields(Settings) if spec.metadata["low"] is not None]


def test_every_setting_has_a_meaning_and_a_default_that_passes_its_own_check():
    for spec in fields(Settings):
        assert spec.metadata["meaning"]
    assert Settings() == Settings.from_environment({})


@pytest.mark.parametrize("name", NUMBERS)
@given(data=st.data())
def test_a_number_is_taken_within_its_bounds_and_refused_beyond(name, data):
    (spec,) = (spec for spec in fields(Settings) if spec.name == name)
    low, high = spec.metadata["low"], spec.metadata["high"]
    inside = data.draw(st.integers(low, high))
    assert getattr(Settings.from_environment({variable(name): f" {inside} "}), name) == inside
    outside = data.draw(st.integers(high + 1, high + 10) | st.integers(low - 10, low - 1))
    with pytest.raises(SettingsError, match=variable(name)):
        Settings.from_environment({variable(name): str(outside)})


@pytest.mark.parametrize(
    ("name", "value"),
    [("CXR_RUNTIME", "torch"), ("CXR_PRESET", "mine"), ("CXR_THREADS", "two"), ("CXR_BATCH_SIZE", "1.5")],
)
def test_a_value_that_makes_no_sense_is_named_with_its_variable(name, value):
    with pytest.raises(SettingsError, match=f"{name} .*{value}"):
        Settings.from_environment({name: value})


def test_paths_are_paths_with_the_home_folder_written_out():
    found = Settings.from_environment({"CXR_DATA_DIR": "~/films", "CXR_MODELS_DIR": "/srv/models"})
    assert (found.data_dir, found.models_dir) == (Path.home() / "films", Path("/srv/models"))


def test_an_empty_variable_is_no_variable():
    assert Settings.from_environment({"CXR_PRESET": "", "CXR_DATA_DIR": "  "}) == Settings()


def test_the_database_is_in_the_data_folder_unless_another_is_named(tmp_path):
    assert Settings(data_dir=tmp_path).resolved_database_url == f"sqlite:///{tmp_path.as_posix()}/cxr.sqlite3"
    assert Settings(database_url="postgresql://db/cxr").resolved_database_url == "postgresql://db/cxr"


def test_the_process_environment_is_read_when_none_is_given(monkeypatch):
    monkeypatch.setenv("CXR_MAX_FILES", "7")
    assert Settings.from_environment().max_files == 7
