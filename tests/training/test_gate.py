"""The gate's training: what is drawn is true, the same step is the same batch, and an export runs in the app."""

import numpy as np
import pytest

from cxr_core.gate import judge, mended
from cxr_core.gate.network import NAMES, Network
from cxr_core.records import Radiograph
from cxr_core.settings import Settings
from training.gate import counter, export, features, judged, learn, measure, network, views
from training.gate.batches import Batches, stack
from training.gate.films import Drawn, Film, Library
from training.gate.recipe import FLAGS, OUTPUTS, TURNS, Recipe

RNG = np.random.default_rng(3)
SMALL = Recipe(
    size=64, chunks=1, epochs=1, shares=(("film", 2), ("turned", 2), ("cut", 1), ("spoilt", 1), ("counter", 2))
)


def pictures(count, side):
    """Dark squares with a bright corner, one a number."""
    found = RNG.integers(20, 90, (count, side, side)).astype(np.uint8)
    found[:, : side // 4, : side // 4] = 220
    return found


@pytest.fixture
def library():
    films = [Film(f"{n}", "nih" if n % 2 else "siim", n % 6 - 1, f"g{n}", n // 2, views.LUNGS) for n in range(24)]
    return Library(tuple(films), pictures(12, 96), pictures(12, 80), "digest")


@pytest.fixture
def batches(library):
    drawn = Drawn(pictures(3, 80), {"page": pictures(4, 64)})
    return Batches(SMALL, library, library.of_folds(0, 1, 2, 3), drawn)


@pytest.mark.parametrize("name", [*counter.KINDS, *counter.HELD_OUT])
def test_every_painter_paints_something_new_each_time(name):
    paint = {**counter.KINDS, **counter.HELD_OUT}[name]
    first, second = (paint(np.random.default_rng(seed), 64) for seed in (1, 2))
    assert first.shape == (64, 64)
    assert np.isfinite(first).all()
    assert np.ptp(first) > 0.05
    assert not np.array_equal(first, second)
    assert np.array_equal(first, paint(np.random.default_rng(1), 64))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_what_was_flipped_is_said_and_mended_by_the_gate_s_own_mends(quarters, mirrored):
    picture = pictures(1, 40)[0]
    truth = views.said(quarters, mirrored=mirrored, inverted=False)
    codes = [f"{name}_mended" for name in (*TURNS, "mirrored") if truth[name]]
    film = Radiograph("", "", views.flip(picture, quarters, mirrored=mirrored).astype(np.uint16), "png")
    np.testing.assert_array_equal(mended(film, codes).pixels, picture)


def test_a_batch_is_a_matter_of_its_step_alone_and_holds_training_films_only(batches):
    one, again, other = batches.make(5), batches.make(5), batches.make(6)
    assert all(np.array_equal(one[key], again[key]) for key in one)
    assert not np.array_equal(one["film"], other["film"])
    assert one["film"].shape == (SMALL.batch, 64, 64, 1)
    assert {film.fold for film in batches.films} == {0, 1, 2, 3}


def test_what_is_not_known_of_a_picture_weighs_nothing():
    picture = pictures(1, 64)[0]
    batch = stack([(picture, views.OTHER), (picture, views.FILM), (picture, {"spoilt": 1})])
    assert batch["known"].sum(1).tolist() == [1, len(FLAGS), 1]
    assert batch["turn"].tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_cutting_takes_a_fifth_of_the_lungs_or_more():
    film = np.zeros((200, 200), np.uint8)
    film[20:180, 20:180] = 200  # the lungs
    for seed in range(12):
        cut, truth = views.cut(film, np.random.default_rng(seed), 128)
        assert truth["cut_off"] == 1
        assert cut.shape == (128, 128)


def test_the_halves_of_the_fold_share_no_group(library):
    split = measure.material(library)
    assert {film.group for film in split.choose}.isdisjoint(film.group for film in split.report)
    assert {film.fold for film in (*split.choose, *split.report)} <= {4}
    assert {film.fold for film in split.outside} == {-1}


def test_the_app_and_the_training_name_the_same_outputs():
    assert OUTPUTS == NAMES


def test_an_exported_gate_judges_in_the_app(batches, library, tmp_path):
    run, models = tmp_path / "run", tmp_path / "models"
    run.mkdir()

    def eyes(film):
        return np.zeros((len(film), 4, 4, network.CHANNELS), np.float16) + film.mean((1, 2, 3))[:, None, None, None]

    features.collect(batches, eyes, run, 1)
    learn.learn(SMALL, run)
    folder = export.export(SMALL, run, models)
    measure.choose(library, library.films[:6], folder)
    found = judged.tally(judged.films(library, library.films[:3]), Network(folder))
    assert found.count == sum(found.kinds.values()) == 3
    verdict = judge(judged.radiograph(pictures(1, 70)[0]), Settings(models_dir=models), Network(folder))
    assert verdict.kind in {"pass", "warn", "check", "refuse"}
