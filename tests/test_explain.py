"""Maps over the film: sums are kept, places are kept, faint stays faint; and through the pipeline."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core import explain as stage
from cxr_core.card import InputSpec, Platt
from cxr_core.errors import RecordError
from cxr_core.explain import Explanation, Frame, explain
from cxr_core.explained import frame_of
from cxr_core.pipeline import Screener
from cxr_core.prepare import Placement
from cxr_core.records import COVID, NIH_LABELS, Radiograph
from cxr_core.settings import Settings
from tests import fakes

grids = st.tuples(st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32 - 1)


def cells_of(grid, seed):
    return np.random.default_rng(seed).normal(0, 1, grid).astype(np.float32)


@st.composite
def frames(draw):
    """A film anywhere inside a model's input."""
    x1, y1 = draw(st.floats(0, 0.6)), draw(st.floats(0, 0.6))
    x2, y2 = draw(st.floats(x1 + 0.1, 1)), draw(st.floats(y1 + 0.1, 1))
    return Frame(draw(st.integers(1, 5000)), draw(st.integers(1, 5000)), x1, y1, x2, y2)


@given(grids, seeds, frames(), st.floats(-3, 3))
def test_film_padding_and_constant_add_up_to_the_score(grid, seed, frame, constant):
    cells = cells_of(grid, seed)
    found = explain(cells, 0.5, constant, frame)
    total = found.constant + found.outside + found.gain - found.loss
    assert total == pytest.approx(constant + cells.sum(dtype=np.float64), abs=1e-4)
    assert found.gain >= 0
    assert found.loss >= 0


@given(grids, seeds, frames())
def test_gain_and_loss_are_what_the_maps_hold(grid, seed, frame):
    found = explain(cells_of(grid, seed), 0.5, 0.0, frame)
    assert (found.raised >= 0).all()
    assert (found.lowered >= 0).all()
    assert max(found.raised.shape) == stage.LONGEST
    assert found.raised.mean(dtype=np.float64) * 100 == pytest.approx(found.gain, abs=1e-4, rel=1e-4)
    assert found.lowered.mean(dtype=np.float64) * 100 == pytest.approx(found.loss, abs=1e-4, rel=1e-4)


@given(st.sampled_from([2, 4, 5, 8, 10, 16, 20]), seeds)
def test_a_film_that_fills_the_input_leaves_nothing_outside(side, seed):
    """Whole pixels to a cell: bilinear weights then give every cell its full share, at the edge too."""
    found = explain(cells_of((side, side), seed), 0.5, 0.0, Frame(800, 800))
    assert found.outside == pytest.approx(0, abs=1e-4)


def test_one_cell_lies_in_the_film_where_it_lies_in_the_input():
    """A film 200 x 100 in the middle half of a square input: cell (4, 6) of 8 x 8 is right of its middle, below it."""
    cells = np.zeros((8, 8), np.float32)
    cells[4, 6] = 1.0
    found = explain(cells, 0.5, 0.0, Frame(200, 100, 0.0, 0.25, 1.0, 0.75))
    assert found.raised.shape == (80, 160)
    y, x = np.unravel_index(found.raised.argmax(), found.raised.shape)
    assert (x + 0.5) / 160 == pytest.approx(6.5 / 8, abs=0.02)
    assert (y + 0.5) / 80 == pytest.approx((4.5 / 8 - 0.25) / 0.5, abs=0.02)
    assert found.lowered.max() == 0


def test_evidence_in_the_padding_is_told_and_not_drawn():
    cells = np.zeros((8, 8), np.float32)
    cells[0, :] = 0.25
    found = explain(cells, 0.5, 0.0, Frame(200, 100, 0.0, 0.25, 1.0, 0.75))
    assert found.outside == pytest.approx(2.0)
    assert found.raised.max() == 0


def test_neighbours_that_disagree_do_not_cancel():
    found = explain(np.array([[1.0, -1.0]], np.float32), 0.5, 0.0, Frame(100, 100))
    assert found.gain == pytest.approx(1.0)
    assert found.loss == pytest.approx(1.0)


def test_faint_evidence_stays_faint():
    """Twice the evidence is twice the map: no film is stretched to its own strongest place."""
    cells = cells_of((5, 5), 3)
    one, two = explain(cells, 0.5, 0.0, Frame(100, 100)), explain(2 * cells, 0.5, 0.0, Frame(100, 100))
    np.testing.assert_allclose(two.raised, 2 * one.raised, rtol=1e-5)
    assert two.peak == pytest.approx(2 * one.peak)
    assert explain(0 * cells, 0.5, 0.0, Frame(100, 100)).peak == 0


def test_the_scale_is_log_odds_a_hundredth_of_the_film():
    """Evidence of 1 spread evenly over a film that is a quarter of the input: 0.01 a hundredth."""
    found = explain(np.full((4, 4), 0.25, np.float32), 0.5, 0.0, Frame(60, 60, 0.25, 0.25, 0.75, 0.75))
    np.testing.assert_allclose(found.raised, 0.01, rtol=1e-5)
    assert found.gain == pytest.approx(1.0)
    assert found.outside == pytest.approx(3.0)


@pytest.mark.parametrize("bounds", [(0.5, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1), (float("nan"), 0, 1, 1)])
def test_a_film_outside_the_input_is_refused(bounds):
    with pytest.raises(RecordError, match="inside the model's input"):
        Frame(10, 10, *bounds)


def test_maps_of_two_shapes_and_cells_that_are_no_grid_are_refused():
    with pytest.raises(RecordError, match="alike"):
        Explanation(0.5, np.zeros((2, 2), np.float32), np.zeros((2, 3), np.float32), 0, 0, 0, 0)
    with pytest.raises(RecordError, match=r"\(h, w\)"):
        explain(np.zeros((2, 2, 1), np.float32), 0.5, 0.0, Frame(1, 1))


def radiograph(height=64, width=128, bright=(slice(0, 16), slice(112, 128))):
    pixels = np.zeros((height, width), np.uint16)
    pixels[bright] = 65535
    return Radiograph("a.png", "0" * 64, pixels, "png")


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([224, 320, 512]))
def test_a_film_of_any_size_lies_inside_its_model_s_input(width, height, side):
    """800 / 224 and back is not quite 800: rounding must not refuse a film."""
    spec = InputSpec(side, side)
    frame = frame_of(Placement.fit(width, height, spec), spec)
    assert max(frame.x2 - frame.x1, frame.y2 - frame.y1) == pytest.approx(1, abs=0.01)


def told(network_covid, **facts):
    detectors = [fakes.covid(network_covid, **facts), fakes.nih(fakes.BrightnessNetwork(8))]
    return Screener(Settings(), detectors=detectors)


def test_the_screener_explains_the_findings_whose_models_can():
    screener = told(fakes.PatchNetwork(1))
    assert screener.explains == {COVID}
    found = screener.explain(radiograph())
    assert set(found) == {COVID}
    raised = found[COVID].raised
    y, x = np.unravel_index(raised.argmax(), raised.shape)
    assert x > 0.85 * raised.shape[1]
    assert y < 0.3 * raised.shape[0]


def test_screening_never_asks_for_maps_and_explaining_asks_once():
    network = fakes.PatchNetwork(1)
    screener = told(network)
    list(screener.screen([fakes.given("a.png", fakes.film(200))]))
    assert network.asked == [False]
    screener.explain(radiograph())
    assert network.asked == [False, True]


def test_models_without_maps_explain_nothing():
    screener = Screener(Settings(), detectors=[fakes.covid(), fakes.nih()])
    assert screener.explains == frozenset()
    assert screener.explain(radiograph()) == {}


def test_the_parts_add_up_to_the_log_odds_of_the_calibrated_score():
    screener = told(fakes.PatchNetwork(1), calibration=Platt(1.7, -0.3))
    found = screener.explain(radiograph())[COVID]
    parts = found.constant + found.outside + found.gain - found.loss
    assert parts == pytest.approx(np.log(found.score / (1 - found.score)), abs=1e-4)


def test_moving_the_evidence_moves_the_map():
    screener = told(fakes.PatchNetwork(1))
    for column in (16, 48, 96):
        found = screener.explain(radiograph(bright=(slice(16, 32), slice(column, column + 16))))[COVID].raised
        assert abs((found.argmax() % found.shape[1] + 0.5) / found.shape[1] - (column + 8) / 128) < 0.05


def test_a_film_shown_by_its_exposed_field_has_its_map_over_the_whole_film():
    """The field starts at a quarter of the film's width and an eighth of its height; the bright block at its centre."""
    pixels = np.zeros((128, 256), np.uint16)
    pixels[44:60, 120:136] = 65535
    film = Radiograph("a.png", "0" * 64, pixels, "png", field=(64, 16, 192, 80))
    raised = told(fakes.PatchNetwork(1)).explain(film)[COVID].raised
    rows, columns = raised.shape
    assert columns / rows == pytest.approx(2, abs=0.02)
    y, x = np.unravel_index(raised.argmax(), raised.shape)
    assert (x + 0.5) / columns == pytest.approx(128 / 256, abs=0.06)
    assert (y + 0.5) / rows == pytest.approx(52 / 128, abs=0.06)
    assert raised[:, : columns // 4 - 1].max() == 0


def test_every_label_has_its_home_model_s_map():
    both = Screener(Settings(), detectors=[fakes.covid(fakes.PatchNetwork(1)), fakes.nih(fakes.PatchNetwork(8))])
    assert both.explains == {COVID, *NIH_LABELS}
    assert set(both.explain(radiograph())) == {COVID, *NIH_LABELS}
