"""The exposed field: shutters as the standard writes them, borders as films show them, and no lung cut away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.phantom import phantom
from cxr_core.read import read
from cxr_core.read.field import bordered_field, common
from tests.read.films import SETTINGS, dicom, film

RECTANGLE = {
    "ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": 11, "ShutterRightVerticalEdge": 70,
    "ShutterUpperHorizontalEdge": 6, "ShutterLowerHorizontalEdge": 90,
}  # fmt: skip
CIRCLE = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [48, 40], "RadiusOfCircularShutter": 30}
POLYGON = {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [5, 20, 5, 60, 90, 70, 90, 10]}


def field(**attributes):
    """The field of a phantom of 80 columns and 96 rows."""
    return read(dicom(film(), **attributes), "film", SETTINGS).field


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (RECTANGLE, (10, 5, 70, 90)),
        (CIRCLE, (9, 17, 70, 78)),
        (POLYGON, (9, 4, 70, 90)),
        (RECTANGLE | CIRCLE | {"ShutterShape": ["RECTANGULAR", "CIRCULAR"]}, (10, 17, 70, 78)),
        ({keyword.replace("Shutter", "Collimator"): value for keyword, value in RECTANGLE.items()} |
         {"CollimatorShape": "RECTANGULAR"}, (10, 5, 70, 90)),
        ({}, None),
        (RECTANGLE | {"ShutterLeftVerticalEdge": 0, "ShutterRightVerticalEdge": 81, "ShutterUpperHorizontalEdge": 1,
                      "ShutterLowerHorizontalEdge": 96}, None),
    ],
)  # fmt: skip
def test_a_shutter_is_the_rectangle_around_what_it_leaves_free(attributes, expected):
    assert field(**attributes) == expected


@pytest.mark.parametrize(
    "broken",
    [
        RECTANGLE | {"ShutterRightVerticalEdge": None},
        RECTANGLE | {"ShutterRightVerticalEdge": 5},
        RECTANGLE | {"ShutterLeftVerticalEdge": 60},
        RECTANGLE | {"ShutterLeftVerticalEdge": 90, "ShutterRightVerticalEdge": 4000},
        CIRCLE | {"RadiusOfCircularShutter": 0},
        CIRCLE | {"CenterOfCircularShutter": 40},
        POLYGON | {"VerticesOfThePolygonalShutter": [5, 20, 5]},
        RECTANGLE | {"ShutterShape": "BITMAP"},
    ],
)
def test_a_shutter_that_makes_no_sense_or_leaves_too_little_is_passed_over(broken):
    assert field(**broken) is None


def test_the_display_shows_what_the_shutter_would_hide():
    np.testing.assert_array_equal(
        read(dicom(film(), **RECTANGLE), "film", SETTINGS).pixels, read(dicom(film()), "film", SETTINGS).pixels
    )


borders = st.tuples(*[st.integers(0, 150)] * 4)


@settings(max_examples=40, deadline=None)
@given(borders, st.sampled_from([0, 1500, 65535]), st.booleans())
def test_a_broad_border_is_found_to_the_grid_and_no_film_is_lost(margins, grey, marked):
    inside = phantom(3, height=600, width=500).clip(4000, 60000)
    left, top, right, bottom = margins
    pixels = np.pad(inside, ((top, bottom), (left, right)), constant_values=grey)
    if marked and left > 40:
        pixels[: pixels.shape[0] // 100, 5:20] = 65535 - grey  # the tip of a side marker
    height, width = pixels.shape
    x1, y1, x2, y2 = bordered_field(pixels) or (0, 0, width, height)
    assert 0 <= x1 <= left and 0 <= y1 <= top  # no lung is cut away
    assert left + 500 <= x2 <= width and top + 600 <= y2 <= height
    for margin, cut, side in ((left, x1, width), (top, y1, height), (right, width - x2, width)):
        if margin >= 0.05 * side + 2:
            assert cut >= margin - 2 - side / 128


@pytest.mark.parametrize("seed", range(6))
def test_a_film_without_a_border_is_left_whole(seed):
    assert bordered_field(phantom(seed, height=400, width=360)) is None


def test_a_small_bright_patch_on_black_is_not_taken_for_the_field():
    pixels = np.zeros((400, 400), np.uint16)
    pixels[180:220, 180:220] = 40000
    assert bordered_field(pixels) is None


def test_two_fields_share_their_common_part_and_strangers_nothing():
    assert common((0, 0, 50, 50), (20, 10, 80, 40)) == (20, 10, 50, 40)
    assert common(None, (1, 2, 3, 4)) == common((1, 2, 3, 4), None) == (1, 2, 3, 4)
    assert common((0, 0, 5, 5), (7, 7, 9, 9)) == (0, 0, 5, 5)
    assert common(None, None) is None
