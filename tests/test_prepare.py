"""Letterboxing, and the exact way back for boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import InputSpec
from cxr_core.errors import RecordError
from cxr_core.prepare import Placement, letterbox, prepare
from cxr_core.records import Radiograph

SPEC = InputSpec(320, 256)
sides = st.integers(1, 30_000)
specs = st.builds(InputSpec, st.integers(1, 700), st.integers(1, 700), st.sampled_from([1, 3]))
part = st.floats(0, 1, allow_nan=False)


def film(pixels, field=None) -> Radiograph:
    return Radiograph("a.png", "0" * 64, np.asarray(pixels, np.uint16), "png", field=field)


@given(sides, sides, specs, st.tuples(part, part, part, part))
def test_a_box_comes_back_where_it_was(width, height, spec, edges):
    placement = Placement.fit(width, height, spec)
    x1, x2 = sorted(edge * width for edge in edges[:2])
    y1, y2 = sorted(edge * height for edge in edges[2:])
    there = placement.to_model([[x1, y1, x2, y2]])
    np.testing.assert_allclose(placement.to_image(there), [[x1, y1, x2, y2]], rtol=0, atol=1e-6 * max(width, height))


@given(sides, sides, specs)
def test_the_whole_film_maps_to_all_that_is_drawn_and_back(width, height, spec):
    placement = Placement.fit(width, height, spec)
    drawn = placement.to_model([[0, 0, width, height]])[0]
    left, top = placement.left, placement.top
    np.testing.assert_allclose(drawn, [left, top, left + placement.drawn_width, top + placement.drawn_height])
    assert 0 <= drawn[0] < drawn[2] <= spec.width + 1e-9
    assert 0 <= drawn[1] < drawn[3] <= spec.height + 1e-9
    np.testing.assert_allclose(placement.to_image([[0, 0, spec.width, spec.height]]), [[0, 0, width, height]])


@given(sides, sides, specs, st.lists(st.tuples(*[st.floats(-1e5, 1e5)] * 4), max_size=4))
def test_no_box_leaves_the_film(width, height, spec, boxes):
    image = Placement.fit(width, height, spec).to_image(boxes)
    assert image.shape == (len(boxes), 4)
    assert (image >= 0).all()
    assert (image <= [width, height, width, height]).all()


@given(st.integers(1, 300), st.integers(1, 300), specs, st.integers(0, 65535))
def test_any_shape_is_drawn_whole_and_centred(width, height, spec, grey):
    canvas, placement = letterbox(np.full((height, width), grey, np.uint16), spec)
    assert canvas.shape == (spec.height, spec.width, spec.channels)
    assert canvas.dtype == np.float32
    expected = np.zeros_like(canvas)
    rows = slice(placement.top, placement.top + placement.drawn_height)
    columns = slice(placement.left, placement.left + placement.drawn_width)
    expected[rows, columns] = round(grey / 257)
    np.testing.assert_array_equal(canvas, expected)
    assert abs(spec.width - 2 * placement.left - placement.drawn_width) <= 1
    assert abs(spec.height - 2 * placement.top - placement.drawn_height) <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 40_000), (40_000, 1), (3, 70_000), (5000, 4000)])
def test_extreme_shapes_are_drawn(shape):
    canvas, placement = letterbox(np.full(shape, 65535, np.uint16), SPEC)
    assert canvas.sum() == 255 * placement.drawn_width * placement.drawn_height > 0


def test_a_spot_is_drawn_where_its_box_is_mapped():
    """The picture and the boxes must agree, or every finding is framed beside itself."""
    pixels = np.zeros((1000, 1400), np.uint16)
    pixels[300:400, 900:1100] = 65535
    canvas, placement = letterbox(pixels, SPEC)
    rows, columns = np.nonzero(canvas[..., 0] > 127)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(placement.to_model([[900, 300, 1100, 400]])[0], seen, atol=0.75)


def test_a_film_of_the_right_size_keeps_its_greys():
    pixels = np.random.default_rng(0).integers(0, 65536, (320, 256)).astype(np.uint16)
    canvas, _ = letterbox(pixels, SPEC)
    np.testing.assert_array_equal(canvas[..., 0], np.rint(pixels / 257))


def test_shrinking_averages_instead_of_skipping():
    """Nearest or linear sampling would show a fine grid as black or white stripes instead of its mean."""
    pixels = np.zeros((3200, 2560), np.uint16)
    pixels[::2] = 65535
    canvas, _ = letterbox(pixels, SPEC)
    np.testing.assert_array_equal(canvas, 128)


@given(st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (-127.0, 128.0)]))
def test_other_value_ranges_hold_the_same_greys(value_range):
    low, high = value_range
    pixels = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    canvas, _ = letterbox(pixels, InputSpec(16, 16, 3, value_range, pad_value=low))
    assert canvas.min() == low
    assert canvas.max() == pytest.approx(high)
    back = np.rint((canvas - low) * 255 / (high - low))
    np.testing.assert_array_equal(back[..., 2].ravel(), np.arange(256))


def test_a_batch_holds_each_film_as_it_would_be_alone():
    rng = np.random.default_rng(1)
    films = [film(rng.integers(0, 65536, shape)) for shape in [(40, 900), (700, 333), (320, 256)]]
    batch, placements = prepare(films, SPEC)
    for one, drawn, placement in zip(films, batch, placements, strict=True):
        alone, expected = letterbox(one.pixels, SPEC)
        np.testing.assert_array_equal(drawn, alone)
        assert placement == expected
    assert batch.shape == (3, 320, 256, 1)


def test_no_film_makes_an_empty_batch():
    batch, placements = prepare([], SPEC)
    assert batch.shape == (0, 320, 256, 1)
    assert placements == ()


def test_pixels_of_another_kind_are_refused():
    with pytest.raises(RecordError, match=r"\(H, W\) uint16, got \(4, 4\) uint8"):
        letterbox(np.zeros((4, 4), np.uint8), SPEC)
    with pytest.raises(RecordError, match="0 x 4"):
        letterbox(np.zeros((4, 0), np.uint16), SPEC)
    with pytest.raises(RecordError, match=r"\(M, 4\), got \(3,\)"):
        Placement.fit(10, 10, SPEC).to_image([1, 2, 3])


@st.composite
def cropped(draw):
    """A film's size and an exposed field inside it."""
    width, height = draw(st.integers(2, 400)), draw(st.integers(2, 400))
    x1, x2 = sorted(draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    return width, height, (x1, y1, x2, y2)


@given(cropped(), specs, st.tuples(part, part, part, part))
def test_boxes_come_back_exactly_through_a_crop(shape, spec, edges):
    width, height, field = shape
    placement = Placement.of(film(np.zeros((height, width)), field), spec)
    x1, x2 = sorted(field[0] + edge * (field[2] - field[0]) for edge in edges[:2])
    y1, y2 = sorted(field[1] + edge * (field[3] - field[1]) for edge in edges[2:])
    there = placement.to_model([[x1, y1, x2, y2]])
    np.testing.assert_allclose(placement.to_image(there), [[x1, y1, x2, y2]], rtol=0, atol=1e-6 * max(width, height))
    whole = placement.to_image([[-1e5, -1e5, 1e5, 1e5]])
    np.testing.assert_allclose(whole, [field], rtol=0, atol=1e-9)


def test_a_film_with_a_field_is_drawn_as_the_field_alone_would_be():
    pixels = np.random.default_rng(2).integers(0, 65536, (700, 900)).astype(np.uint16)
    x1, y1, x2, y2 = field = (100, 50, 820, 690)
    (drawn,), (placement,) = prepare([film(pixels, field)], SPEC)
    alone, expected = letterbox(pixels[y1:y2, x1:x2], SPEC)
    np.testing.assert_array_equal(drawn, alone)
    np.testing.assert_allclose(
        placement.to_image([[20, 30, 90, 80]]), expected.to_image([[20, 30, 90, 80]]) + [x1, y1] * 2
    )


def test_a_film_without_a_field_is_drawn_as_before():
    pixels = np.random.default_rng(3).integers(0, 65536, (300, 200)).astype(np.uint16)
    (drawn,), (placement,) = prepare([film(pixels)], SPEC)
    expected, place = letterbox(pixels, SPEC)
    np.testing.assert_array_equal(drawn, expected)
    assert placement == place


@pytest.mark.parametrize("field", [(0, 0, 11, 5), (3, 0, 3, 5), (-1, 0, 5, 5), (0, 0, 5, 6)])
def test_a_field_lies_within_its_film(field):
    with pytest.raises(RecordError, match="field"):
        film(np.zeros((5, 10)), field)
