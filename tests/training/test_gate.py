"""The gate's training: what is drawn is true, the same step is the same batch, and an export runs in the app."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core.card import LabelCard
from cxr_core.gate import judge, mended
from cxr_core.gate.network import NAMES, Look, Network
from cxr_core.records import Radiograph
from cxr_core.settings import Settings
from training.gate import counter, export, features, fit, judged, learn, measure, network, side, views
from training.gate.batches import Batches, stack
from training.gate.films import Drawn, Film, Library
from training.gate.recipe import FLAGS, OUTPUTS, TURNS, Recipe, SideRecipe

RNG = np.random.default_rng(3)
STRATA = {"nih": 1, "siim": 1}
FIRST = SideRecipe(size=64, blocks=2, frozen_blocks=1, hard=False, steps=1, strata=STRATA)
SMALL = Recipe(
    size=64, chunks=1, epochs=1, shares=(("film", 2), ("turned", 2), ("cut", 1), ("spoilt", 1), ("counter", 2)),
    side=replace(FIRST, hard=True, steps=2, start=FIRST),
)  # fmt: skip


def pictures(count, side):
    """Dark squares with a bright corner, one a number."""
    found = RNG.integers(20, 90, (count, side, side)).astype(np.uint8)
    found[:, : side // 4, : side // 4] = 220
    return found


@pytest.fixture(scope="module")
def library():
    films = [Film(f"{n}", "nih" if n % 2 else "siim", n % 6 - 1, f"g{n}", n // 2, views.LUNGS) for n in range(24)]
    return Library(tuple(films), pictures(12, 96), pictures(12, 80), "digest")


@pytest.fixture(scope="module")
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


def test_a_film_and_its_mirror_image_get_opposite_scores():
    network = side.both_ways(side.one_way(FIRST))
    films = RNG.uniform(0, 255, (3, 64, 64, 1)).astype(np.float32)
    there, back = (np.asarray(network(batch)["score"]) for batch in (films, films[:, :, ::-1]))
    np.testing.assert_allclose(there, -back, atol=1e-4)
    assert np.abs(there).min() > 0


def test_the_sides_films_are_training_films_and_a_step_is_a_matter_of_its_number(library, batches):
    for recipe in (FIRST, SMALL.side):
        pairs = side.Pairs(recipe, library, batches.films)
        one, again, other = pairs.make(3), pairs.make(3), pairs.make(4)
        np.testing.assert_array_equal(one["film"], again["film"])
        assert not np.array_equal(one["film"], other["film"])
        assert one["film"].shape == (2, 64, 64, 1)


def test_covers_and_clouds_stay_within_the_film():
    film = np.full((64, 64), 90, np.float32)
    changed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        out = side.covered(side.clouded(film, rng), rng)
        assert out.shape == film.shape
        assert out.dtype == np.float32
        assert 0 <= out.min() <= out.max() <= 255
        changed += not np.array_equal(out, film)
    assert 5 < changed < 20


@pytest.fixture(scope="module")
def side_run(library, batches, tmp_path_factory):
    """A run whose side is trained; the rest is quick."""
    run = tmp_path_factory.mktemp("run")
    side.fit_side(SMALL.side, library, batches.films, run / fit.SIDE)
    return run


def test_a_second_fit_of_the_side_changes_nothing_and_it_started_from_the_first_one_s_trunk(library, batches, side_run):
    folder = side_run / fit.SIDE
    before = (folder / "weights.npz").stat().st_mtime_ns
    side.fit_side(SMALL.side, library, batches.films, folder)
    assert (folder / "weights.npz").stat().st_mtime_ns == before
    with np.load(folder / "first" / "weights.npz") as first, np.load(folder / "weights.npz") as second:
        np.testing.assert_array_equal(first["stem/kernel"], second["stem/kernel"])


@pytest.mark.parametrize("size", [64, 128])
def test_a_spoilt_film_is_mostly_white_mostly_black_noise_or_haze(size):
    film = np.tile(np.linspace(20, 230, 256), (256, 1)).astype(np.uint8)
    for seed in range(24):
        spoilt, truth = views.spoilt(film, np.random.default_rng(seed), size)
        assert truth == {"spoilt": 1}
        grain = np.abs(np.diff(spoilt.astype(float), axis=0)).mean()
        ends = max((spoilt == 255).mean(), (spoilt == 0).mean())
        slope = np.abs(np.diff(spoilt.astype(float), axis=1)).max()
        assert ends > 0.6 or grain > 5 or slope < 60


def test_copies_of_one_odd_film_do_not_move_a_limit():
    looks = [Look(dict.fromkeys(NAMES, 0.95 if number < 5 else 0.1 + number / 2000), 1.0) for number in range(600)]
    label = LabelCard(5, "mirrored", None)
    apart = measure._points(label, looks, [f"g{number}" for number in range(600)])
    copies = measure._points(label, looks, [f"g{max(4, number)}" for number in range(600)])
    assert apart["check"].threshold > 0.9
    assert copies["check"].threshold == 0.5


def test_an_exported_gate_judges_in_the_app(batches, library, side_run, tmp_path):
    run, models = side_run, tmp_path / "models"

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
