"""Pictures for the screen: the viewer gets back every grey; a thumbnail is small; both are made once."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.errors import CxrError
from cxr_core.phantom import as_png
from cxr_core.read import read
from cxr_core.settings import Settings
from cxr_core.store import Store
from ui import films


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    chosen = Settings(data_dir=tmp_path_factory.mktemp("films"))
    store = Store(chosen)
    yield store, chosen
    store.close()


def as_the_viewer_reads(film: films.FilmFile) -> np.ndarray:
    """What ui/viewer/film.js makes of the file: red is the high byte, green the low one, or one grey."""
    picture = cv2.imread(str(film.path), cv2.IMREAD_UNCHANGED)
    if film.kind == "grey8":
        return picture.astype(np.uint16) * 257
    assert picture.ndim == 3
    return picture[..., 2].astype(np.uint16) * 256 + picture[..., 1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_grey_of_a_16_bit_film_reaches_the_viewer(site, seed):
    pixels = np.random.default_rng(seed).integers(0, 65536, (70, 90), dtype=np.uint16)
    store, chosen = site
    key = store.add_film(as_png(pixels))
    film = films.film_file(store, key, chosen)
    assert film.kind == "rg16"
    assert np.array_equal(as_the_viewer_reads(film), read(store.film(key), "", chosen).pixels)
    assert film == films.film_file(store, key, chosen) == films.kept_film(store, key)


def test_an_8_bit_film_travels_as_one_grey(site):
    store, chosen = site
    slope = np.tile(np.arange(256, dtype=np.uint16) * 257, (80, 1))
    film = films.film_file(store, store.add_film(as_png(slope, bits=8)), chosen)
    assert film.kind == "grey8"
    assert np.array_equal(as_the_viewer_reads(film), slope)


def test_a_large_film_is_shrunk_and_keeps_its_shape(site):
    store, chosen = site
    slope = np.tile(np.linspace(0, 65535, 3000).astype(np.uint16), (1500, 1))
    film = films.film_file(store, store.add_film(as_png(slope)), chosen)
    assert as_the_viewer_reads(film).shape == (films.FILM_PIXELS // 2, films.FILM_PIXELS)


def test_a_thumbnail_is_small_and_is_made_once(site):
    store, chosen = site
    slope = np.tile(np.linspace(0, 65535, 600).astype(np.uint16), (400, 1))
    key = store.add_film(as_png(slope))
    assert films.kept_thumbnail(store, key) is None
    made = films.thumbnail(store, key, chosen)
    assert made == films.kept_thumbnail(store, key)
    assert made.startswith("data:image/jpeg;base64,")
    assert len(made) < 8000


def test_a_film_that_is_not_there_or_no_picture_has_no_thumbnail_and_says_so_when_opened(site):
    store, chosen = site
    text = store.add_film(b"not a picture")
    for key in (text, "0" * 64):
        assert films.thumbnail(store, key, chosen) is None
        with pytest.raises(CxrError):
            films.film_file(store, key, chosen)
