"""Annotated pictures: boxes where they belong, words beside them, the notice below, the film itself untouched."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.export.palette import LOOKS
from cxr_core.export.picture import NOTICE, Stroke, draw, png
from cxr_core.records import LABELS, Box
from tests.strategies import boxes
from ui.theme import LABEL_STYLES

GREY = np.full((600, 500), 30_000, np.uint16)


def test_the_colours_are_those_of_the_screen():
    assert list(LOOKS) == list(LABELS)
    for label, look in LOOKS.items():
        style = LABEL_STYLES[label]
        assert "#{:02X}{:02X}{:02X}".format(*look.rgb) == style.colour
        assert look.dash == style.dash


def test_a_box_is_drawn_at_its_place_in_its_colour_and_nothing_else_is_touched():
    box = Box(100, 200, 300, 400)
    picture = draw(GREY, [Stroke("Effusion", box, "Effusion 0.83")])
    assert picture.shape[1] == 500
    assert picture.shape[0] > 600, "the strip is below the film, not on it"
    red, green, blue = LOOKS["Effusion"].rgb
    assert tuple(picture[300, 100]) == (red, green, blue)
    assert tuple(picture[300, 300]) == (red, green, blue)
    assert tuple(picture[400, 200]) == (red, green, blue)
    grey = 30_000 >> 8
    assert (picture[220:380, 120:280] == grey).all(), "the inside of a box stays the film"
    assert (picture[420:600] == grey).all()
    assert (picture[:160] == grey).all()


def test_without_a_box_the_film_is_whole_and_the_notice_is_below():
    picture = draw(GREY, [])
    assert (picture[:600] == 30_000 >> 8).all()
    strip = picture[600:]
    assert strip.max() > 200, "something is written there"
    assert not np.array_equal(
        strip, draw(GREY, [], lines=("another sentence of the same kind",))[600 : 600 + len(strip)]
    )
    assert "Research use only" in NOTICE


def test_more_lines_make_a_higher_strip_and_a_long_one_is_not_cut():
    assert len(draw(GREY, [], lines=("a", "b"))) > len(draw(GREY, [], lines=("a",)))
    long = draw(GREY, [], lines=("a sentence that is much too long for so narrow a film " * 2,))
    assert (long[600:, -3:] == long[-1, -1]).all(), "the last pixels of the strip are empty: the text ends before them"


def test_a_box_that_a_reader_rejected_is_thin_and_crossed_and_still_there():
    box = Box(100, 200, 300, 400)
    struck = draw(GREY, [Stroke("Effusion", box, "Effusion", struck=True)])
    grey = 30_000 >> 8
    assert (struck[300, 190:210] != grey).any(), "a line goes through its middle"
    assert (struck[300, 95:105] != grey).any(), "its frame is still there"


def test_words_of_boxes_that_lie_together_do_not_hide_each_other():
    box = Box(100, 200, 300, 400)
    one = draw(GREY, [Stroke("Effusion", box, "Effusion 0.83")])
    both = draw(GREY, [Stroke("Effusion", box, "Effusion 0.83"), Stroke("Mass", box, "Mass 0.55")])
    above = slice(160, 196)
    assert np.array_equal(one[above], both[above]), "the first words are as they were"
    assert not np.array_equal(one[405:440], both[405:440]), "the second ones stand below"


@given(st.lists(st.tuples(st.sampled_from([*LABELS, "Lung opacity"]), boxes(), st.text(max_size=20)), max_size=4))
def test_no_box_and_no_text_breaks_the_picture(items):
    """Boxes may lie outside of a film that was cropped, and a foreign model's label may be any text."""
    grey = np.zeros((40, 50), np.uint16)
    picture = draw(grey, [Stroke(label, box, text) for label, box, text in items])
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (50, 3)


@pytest.mark.parametrize("side", [64, 900, 3000])
def test_a_picture_file_is_the_picture_and_the_same_each_time(side):
    picture = draw(
        np.full((side, side), 20_000, np.uint16), [Stroke("Mass", Box(1, 1, side / 2, side / 2), "Mass 0.5")]
    )
    data = png(picture)
    assert data == png(picture)
    assert np.array_equal(cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB), picture)
