"""Films as files: what goes in comes out, whole and private, or it is said that it does not."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cxr_core.errors import StoreError
from cxr_core.store.films import Films


@pytest.fixture
def films(tmp_path) -> Films:
    return Films(tmp_path)


@given(st.binary(max_size=200))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_film_bytes_read_back_are_the_same(films, data):
    # the same folder serves all examples
    sha256 = films.add(data)
    assert films.get(sha256) == data
    assert films.add(data) == sha256


@pytest.mark.parametrize("damaged", [b"fil", b"fILm"])
def test_a_film_damaged_on_disk_is_found_out_and_mended_by_sending_it_again(tmp_path, films, damaged):
    sha256 = films.add(b"film")
    path = tmp_path / "films" / sha256[:2] / sha256
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        films.get(sha256)
    films.add(b"film")
    assert films.get(sha256) == b"film"


def test_no_half_written_file_is_left_behind(tmp_path, films):
    films.add(b"film")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".part")]


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_a_film_name_that_is_no_hash_never_reaches_the_disk(films, sha256):
    with pytest.raises(StoreError, match="SHA-256"):
        films.get(sha256)
    with pytest.raises(StoreError, match="SHA-256"):
        films.cache_path(sha256, "thumb.png")


@pytest.mark.parametrize("kind", ["../x", "", "a/b", ".hidden"])
def test_a_derived_file_stays_in_the_cache(films, kind):
    with pytest.raises(StoreError, match="short name"):
        films.cache_path("0" * 64, kind)


def test_a_film_that_is_not_here_says_so(films):
    with pytest.raises(StoreError, match="send it again"):
        films.get("0" * 64)


def test_a_data_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="CXR_DATA_DIR"):
        Films(tmp_path / "file")
