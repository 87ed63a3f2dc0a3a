"""Grey-scale transforms: each against its formula in the standard, and what happens to broken instructions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.read import read
from cxr_core.read.grey import Depth, full_or_stretched, histogram
from cxr_core.read.transforms import window
from tests.read.films import SETTINGS, codes, dicom, film, lut

NO_WINDOW = {"WindowCenter": None, "WindowWidth": None, "VOILUTFunction": None}


def greys(stored, bits=12, **attributes):
    return read(dicom(stored, bits, **(NO_WINDOW | attributes)), "film", SETTINGS)


def stretched(values):
    """Percentiles to black and white: what a film without instructions is shown by."""
    low, high = np.percentile(values, [0.5, 99.5], method="inverted_cdf")
    return (values - low) / (high - low)


def close(radiograph, expected):
    """Equal to within one of 65,535 greys, which is rounding."""
    np.testing.assert_allclose(radiograph.pixels, np.clip(expected, 0, 1) * 65535, atol=1)
    assert radiograph.warnings == ()


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (None, lambda x, c, w: (x - (c - 0.5)) / (w - 1) + 0.5),
        ("LINEAR", lambda x, c, w: (x - (c - 0.5)) / (w - 1) + 0.5),
        ("LINEAR_EXACT", lambda x, c, w: (x - c) / w + 0.5),
        ("SIGMOID", lambda x, c, w: 1 / (1 + np.exp(-4 * (x - c) / w))),
    ],
)
@pytest.mark.parametrize(("centre", "width"), [(2048, 4096), (1500, 1200), (1800, 300.5)])
def test_a_window_follows_its_formula(function, formula, centre, width):
    stored = film()
    attributes = {} if function is None else {"VOILUTFunction": function}
    radiograph = greys(stored, WindowCenter=centre, WindowWidth=width, **attributes)
    close(radiograph, formula(stored.astype(float), centre, width))


def test_the_window_comes_before_the_inversion():
    """Inverting first would window the wrong values: the picture would be black or washed out."""
    stored = film()
    radiograph = greys(stored, PhotometricInterpretation="MONOCHROME1", WindowCenter=1500, WindowWidth=1000)
    close(radiograph, 1 - np.clip((stored - 1499.5) / 999 + 0.5, 0, 1))


@pytest.mark.parametrize("slope", [1, -1, 0.25, -2.5])
def test_rescaling_comes_before_the_window(slope):
    """A negative slope turns a film over; the window is in rescaled values."""
    stored = film()
    values = stored.astype(float) * slope + 100
    centre, width = float(values.mean()), float(np.ptp(values))
    radiograph = greys(
        stored,
        RescaleSlope=slope,
        RescaleIntercept=100,
        WindowCenter=f"{centre:.3f}",
        WindowWidth=f"{width:.3f}",
        VOILUTFunction="LINEAR_EXACT",
    )
    close(radiograph, (values - round(centre, 3)) / round(width, 3) + 0.5)


def test_a_negative_slope_without_a_window_turns_the_film_over():
    stored = film()
    close(greys(stored, RescaleSlope=-1, RescaleIntercept=4095), stretched(4095.0 - stored))


def test_of_several_windows_the_first_that_shows_something_counts():
    stored = film()
    radiograph = greys(stored, WindowCenter=[90000, 1800, 500], WindowWidth=[10, 2000, 100])
    close(radiograph, (stored - 1799.5) / 1999 + 0.5)


def test_a_voi_lut_goes_before_a_window():
    stored = film()
    table = np.round(1023 * (np.arange(4096) / 4095) ** 2).astype(int)
    radiograph = greys(stored, VOILUTSequence=[lut(table, 0, 10)], WindowCenter=100, WindowWidth=100)
    close(radiograph, table[stored] / 1023)


def test_values_beside_a_lut_take_its_ends():
    stored = film()
    table = np.arange(1000) + 24
    radiograph = greys(stored, VOILUTSequence=[lut(table, 1500, 10)])
    close(radiograph, table[np.clip(stored.astype(int) - 1500, 0, 999)] / 1023)


def test_a_modality_lut_goes_before_a_voi_lut():
    stored = film()
    modality = np.arange(4096)[::-1]
    voi = np.round(4095 * np.sqrt(np.arange(4096) / 4095)).astype(int)
    radiograph = greys(stored, ModalityLUTSequence=[lut(modality, 0, 12)], VOILUTSequence=[lut(voi, 0, 12)])
    close(radiograph, voi[modality[stored]] / 4095)


BROKEN_WINDOWS = [
    {"WindowCenter": 30000, "WindowWidth": 100},
    {"WindowCenter": -30000, "WindowWidth": 100},
    {"WindowCenter": 2048, "WindowWidth": 1e15},
    {"VOILUTSequence": [lut([5] * 4096, 0, 12)]},
]


@pytest.mark.parametrize("broken", BROKEN_WINDOWS)
def test_a_window_that_shows_nothing_is_mended_and_said(broken):
    stored = film()
    radiograph = greys(stored, **broken)
    assert codes(radiograph) == ["window_mended"]
    np.testing.assert_array_equal(radiograph.pixels, greys(stored).pixels)


@pytest.mark.parametrize(
    "empty", [{"WindowCenter": "", "WindowWidth": ""}, {"VOILUTSequence": []}, {"RescaleSlope": "", "WindowWidth": ""}]
)
def test_empty_display_tags_are_as_good_as_none(empty):
    stored = film()
    close(greys(stored, **empty), stretched(stored.astype(float)))


@pytest.mark.parametrize("text", [b"much ", b"1,5 ", b"NaN ", b"1e999 "])
def test_a_window_that_is_no_number_is_mended_and_its_text_is_not_repeated(text):
    stored = film()
    spoilt = dicom(stored, WindowCenter="7.5e0", WindowWidth="100", VOILUTFunction=None).replace(
        b"7.5e0 ", text.ljust(6)
    )
    radiograph = read(spoilt, "film", SETTINGS)
    assert codes(radiograph) == ["window_mended"]
    np.testing.assert_array_equal(radiograph.pixels, greys(stored).pixels)


def test_a_slope_of_zero_is_ignored():
    stored = film()
    close(greys(stored, RescaleSlope=0), stretched(stored.astype(float)))


def test_padding_is_black_and_does_not_stretch():
    """Padding beside a film of few levels must neither show nor count."""
    stored = (film() >> 5).astype(np.uint16) + 1000
    padded = stored.copy()
    padded[:20] = 4095
    radiograph = greys(padded, PixelPaddingValue=4095, PhotometricInterpretation="MONOCHROME1")
    assert (radiograph.pixels[:20] == 0).all()
    assert codes(radiograph) == ["range_stretched"]
    assert np.percentile(radiograph.pixels[20:], 99) > 60000
    ranged = greys(padded, PixelPaddingValue=4090, PixelPaddingRangeLimit=4095, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(ranged.pixels, radiograph.pixels)


@pytest.mark.parametrize(
    ("photometric", "shape", "warned"),
    [
        ("MONOCHROME1", "INVERSE", []),
        ("MONOCHROME2", "IDENTITY", []),
        ("MONOCHROME2", "INVERSE", ["polarity_doubtful"]),
        ("MONOCHROME1", "IDENTITY", ["polarity_doubtful"]),
    ],
)
def test_the_photometric_interpretation_decides_and_a_contradiction_is_said(photometric, shape, warned):
    stored = film()
    radiograph = greys(stored, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    upright = np.clip(stretched(stored.astype(float)), 0, 1)
    expected = 1 - upright if photometric == "MONOCHROME1" else upright
    np.testing.assert_allclose(radiograph.pixels, expected * 65535, atol=1)
    assert codes(radiograph) == warned


@pytest.mark.parametrize(("levels", "warned"), [(4000, []), (700, []), (100, ["range_stretched"])])
def test_a_film_of_few_levels_inside_many_bits_is_not_black(levels, warned):
    """Below 256 levels the stretch shows steps, and that is said."""
    stored = (film().astype(int) * levels // 4095 + 3000).astype(np.uint16)
    radiograph = greys(stored, 16)
    assert codes(radiograph) == warned
    assert np.ptp(np.percentile(radiograph.pixels, [1, 99])) > 50000


def test_eight_bits_without_instructions_are_shown_as_they_are():
    stored = film(bits=8)
    close(greys(stored.astype(np.uint8), 8), stored / 255)


@given(
    centre=st.floats(-5000, 5000),
    width=st.floats(0, 10000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID", ""]),
)
def test_a_window_never_leaves_the_grey_scale_nor_reverses_it(centre, width, function):
    shown = window(np.arange(-3000, 3000, dtype=np.float64), centre, width, function)
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert (np.diff(shown) >= 0).all()


@given(bits=st.sampled_from([8, 10, 12, 16]), signed=st.booleans(), seed=st.integers(0, 99))
def test_the_histogram_counts_every_pixel_of_a_small_film_in_its_bin(bits, signed, seed):
    depth = Depth(bits, signed)
    stored = np.random.default_rng(seed).integers(depth.low, depth.high + 1, (70, 70)).astype(np.int32)
    counts = histogram(stored, depth)
    assert counts.sum() == stored.size
    assert counts[int(stored[3, 5]) - depth.low] == (stored == stored[3, 5]).sum()
    shown, _ = full_or_stretched(depth.values(), counts, as_shown=bits == 8)
    assert (np.diff(shown) >= 0).all()


@pytest.mark.parametrize("centre", [2048, 0])
def test_a_window_without_width_is_mended_and_said(centre):
    stored = film()
    radiograph = greys(stored, WindowCenter=centre, WindowWidth=0)
    assert codes(radiograph) == ["window_mended"]
    np.testing.assert_array_equal(radiograph.pixels, greys(stored).pixels)


def raw(stored, **attributes):
    return greys(stored, 14, PresentationIntentType="FOR PROCESSING", **attributes)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("relationship", "sign"), [("LIN", 1), ("LIN", -1), ("LOG", 1), ("LOG", -1)])
def test_a_raw_image_shows_attenuation_bone_bright_whatever_it_stores(relationship, sign, photometric):
    """The same film as dose or its logarithm, rising or falling with it, is about the same picture."""
    attenuation = film(1, 96, 80).astype(float) / 4095 * 3
    dose = np.exp(-attenuation)
    stored = np.round(16000 * dose) if relationship == "LIN" else np.round((3 - attenuation) * 5000)
    if sign < 0:
        stored = 16383 - stored
    shown = raw(
        stored.astype(np.uint16),
        PhotometricInterpretation=photometric,
        PixelIntensityRelationship=relationship,
        PixelIntensityRelationshipSign=sign,
    )
    assert codes(shown) == ["for_processing"]
    seen = stretched(attenuation)
    assert np.abs(np.clip(seen, 0, 1) - shown.pixels / 65535).max() < 0.02


def test_a_raw_image_that_says_nothing_of_its_intensity_follows_its_photometric_interpretation():
    stored = film(bits=12)
    silent = {"PixelIntensityRelationship": None, "PixelIntensityRelationshipSign": None}
    upright = raw(stored, **silent).pixels.astype(int)
    np.testing.assert_allclose(upright, np.clip(stretched(stored.astype(float)), 0, 1) * 65535, atol=1)
    turned = raw(stored, PhotometricInterpretation="MONOCHROME1", **silent).pixels
    np.testing.assert_allclose(turned, 65535 - upright, atol=1)
