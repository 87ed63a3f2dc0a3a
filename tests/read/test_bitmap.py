"""TIFF and BMP films, and fractions: right greys, upright, or a reason."""

import io
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from cxr_core.errors import DamagedImage, NoContrast
from cxr_core.phantom import phantom
from cxr_core.read import read
from cxr_core.read.bitmap import greys_of_numbers
from tests.read.films import SETTINGS, codes, film, outcome

FILM = phantom(1, height=96, width=80)
GREY8 = (FILM >> 8).astype(np.uint8)


def encoded(picture, kind="TIFF", **options):
    out = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(out, kind, **options)
    return out.getvalue()


def pixels(data):
    return read(data, "film", SETTINGS).pixels


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}])
def test_tiffs_of_eight_twelve_and_sixteen_bits_are_read_exactly(options):
    np.testing.assert_array_equal(pixels(encoded(FILM, **options)), FILM)
    np.testing.assert_array_equal(pixels(encoded(GREY8, **options)), GREY8 * np.uint16(257))
    np.testing.assert_array_equal(pixels(encoded(film(), **options)), np.round(film() / 4095 * 65535))
    assert read(encoded(FILM), "a", SETTINGS).source == "tiff"


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_grey_dressed_as_colour_is_the_same_film(kind, mode):
    data = encoded(Image.fromarray(GREY8).convert(mode), kind)
    np.testing.assert_array_equal(pixels(data), GREY8 * np.uint16(257))
    assert read(data, "a", SETTINGS).source == kind.lower()


def test_white_is_zero_turns_the_greys_over():
    for stored, kind in ((GREY8, "B"), (FILM, "H")):
        plain = bytearray(encoded(stored))
        at = plain.index(struct.pack("<HH", 262, 3), 8)
        plain[at + 8 : at + 10] = struct.pack("<H", 0)
        top = np.iinfo(kind).max
        np.testing.assert_array_equal(pixels(bytes(plain)), (top - stored) * np.uint16(65535 // top))


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_orientation_turns_a_film_upright(orientation, turn):
    shown = pixels(encoded(FILM, tiffinfo={274: orientation}))
    np.testing.assert_array_equal(shown, np.rot90(FILM, turn))


def test_of_several_pages_the_first_is_read_and_said():
    other = Image.fromarray((255 - GREY8).astype(np.uint8))
    radiograph = read(encoded(GREY8, save_all=True, append_images=[other]), "film", SETTINGS)
    np.testing.assert_array_equal(radiograph.pixels, GREY8 * np.uint16(257))
    assert codes(radiograph) == ["first_frame"]


@pytest.mark.parametrize(
    ("scaled", "warned"),
    [
        (lambda grey: grey / 65535, []),
        (lambda grey: grey / 65535 * 2 - 1, []),
        (lambda grey: grey, []),
        (lambda grey: grey // 257, []),
        (lambda grey: (grey / 65535 - 0.5) / 0.2, ["range_stretched"]),
        (lambda grey: grey / 65535 * 1e-6, ["range_stretched"]),
    ],
)
def test_an_already_normalised_film_is_shown_and_guesses_are_said(scaled, warned):
    radiograph = read(encoded(scaled(FILM.astype(np.float64)).astype(np.float32)), "film", SETTINGS)
    assert codes(radiograph) == warned
    if warned:
        assert np.corrcoef(radiograph.pixels.ravel(), FILM.ravel())[0, 1] > 0.99
    else:
        assert np.abs(radiograph.pixels.astype(int) - FILM).max() <= 257


@settings(deadline=None)
@given(st.lists(st.floats(width=32), min_size=4, max_size=40))
@example([0.0, 0.0, 3.4028234663852886e38, -1.0295640239578326e31])
@example([-3.4028234663852886e38, 0.0, 1.0, 3.4028234663852886e38])
def test_any_numbers_become_greys_or_a_refusal(numbers):
    try:
        greys, _ = greys_of_numbers(np.array([numbers], np.float32))
    except (NoContrast, DamagedImage):
        return
    finite = np.isfinite(numbers)
    assert (greys[0][~finite] == 0).all()
    order = np.argsort(np.array(numbers, np.float32)[finite], kind="stable")
    assert (np.diff(greys[0][finite][order].astype(int)) >= 0).all()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encoded(GREY8)[:-1000], "damaged_image"),
        (encoded(GREY8, "BMP")[:-1000], "damaged_image"),
        (b"II*\0", "damaged_image"),
        (b"II*\0\xff\xff\xff\x0f", "damaged_image"),
        (b"BMW is no picture", "not_an_image"),
        (encoded(GREY8[:20]), "too_small"),
        (encoded(GREY8[:20], "BMP"), "too_small"),
        (encoded(np.full((96, 80), 7, np.uint8)), "no_contrast"),
        (encoded(np.full((96, 80), 0.5, np.float32)), "no_contrast"),
        (encoded(np.random.default_rng(0).integers(0, 255, (96, 80, 3)).astype(np.uint8)), "not_a_radiograph"),
    ],
)
def test_bad_input_is_refused_by_its_kind(data, code):
    assert outcome(data) == code


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_spoilt_files_never_raise_anything_but_a_refusal(data):
    spoilt = bytearray(data.draw(st.sampled_from(_WHOLE)))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(spoilt) - 1) | st.integers(0, 60))
        spoilt[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    assert outcome(bytes(spoilt)) != "refused"


_WHOLE = (
    encoded(GREY8),
    encoded(FILM, compression="tiff_lzw"),
    encoded(GREY8, "BMP"),
    encoded(GREY8 / np.float32(255)),
)
