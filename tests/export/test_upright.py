"""Where a point of the shown film lies in its file, held to the pictures that the gate makes."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from cxr_core.errors import RecordError
from cxr_core.export.upright import upright
from cxr_core.gate.mend import MENDS, mended
from cxr_core.records import Box, Radiograph
from tests.export.results import HEIGHT, WIDTH, boxes

ALL = [codes for count in range(4) for codes in combinations(MENDS, count)]


@pytest.mark.parametrize("codes", ALL, ids="+".join)
def test_every_pixel_of_a_mended_film_is_found_in_its_source(codes):
    source = np.arange(5 * 7, dtype=np.uint16).reshape(5, 7)
    shown = mended(Radiograph("a", "b", source, "dicom"), codes)
    turned = upright(codes, 7, 5)
    assert turned.shown_size == (shown.width, shown.height)
    for y in range(shown.height):
        for x in range(shown.width):
            across, down = turned.point(x + 0.5, y + 0.5)
            value = source[int(down), int(across)]
            assert shown.pixels[y, x] == (65535 - value if turned.inverted else value)


@pytest.mark.parametrize("codes", ALL, ids="+".join)
def test_a_box_round_a_mark_on_a_mended_film_lies_round_it_in_the_source(codes):
    source = np.zeros((60, 90), np.uint16)
    source[10:25, 40:75] = 1000
    shown = mended(Radiograph("a", "b", source, "dicom"), [code for code in codes if code != "inverted_by_pixels"])
    rows, columns = np.nonzero(shown.pixels)
    box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert upright(codes, 90, 60).box(box) == Box(40, 10, 75, 25)


@given(boxes())
def test_a_film_that_was_not_mended_keeps_its_boxes(box):
    assert upright((), WIDTH, HEIGHT).box(box) == box


def test_a_box_over_the_edge_is_cut_and_one_outside_is_refused():
    turned = upright((), 100, 50)
    assert turned.box(Box(-5, 10, 120, 60)) == Box(0, 10, 100, 50)
    with pytest.raises(RecordError, match="outside the film of 100 x 50"):
        turned.box(Box(120, 10, 130, 20))
