"""The generated data folder, made once a session."""

import pytest

from tests.training.folders import covid_rows, nih_rows, write_covid, write_nih


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """Both data sets, sound; read-only by agreement."""
    folder = tmp_path_factory.mktemp("data")
    write_nih(folder, *nih_rows())
    write_covid(folder, *covid_rows())
    return folder
