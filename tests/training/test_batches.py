"""Batches by step number."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.training.folders import small
from training import covid, nih
from training.batches import Batches, priors
from training.cache import films, grey, square
from training.errors import MissingData
from training.fit import training_rows


@pytest.fixture(scope="module")
def batches(data_folder, tmp_path_factory):
    recipe, examples = small("nih_ssd"), nih.read(data_folder)
    cached = films(examples, recipe.cache_size, tmp_path_factory.mktemp("cache"))
    return Batches(recipe, examples, cached.pixels, training_rows(examples, 4))


def test_a_batch_holds_every_stratum_and_no_film_held_out(batches):
    for step in range(12):
        chosen = [batches.examples[row] for row in batches.chosen(step)]
        assert [film.stratum for film in chosen] == list(batches.recipe.strata)
        assert all(film.fold != 4 for film in chosen)


def test_a_stratum_is_gone_through_before_a_film_comes_again(batches):
    first = list(batches.recipe.strata).index("boxed")
    count = sum(item.stratum == "boxed" and item.fold != 4 for item in batches.examples)
    assert len({batches.chosen(step)[first] for step in range(count)}) == count


def test_the_same_step_is_the_same_batch(batches):
    one, two, other = batches.make(3), batches.make(3), batches.make(4)
    assert all((one[key] == two[key]).all() for key in one)
    assert (one["film"] != other["film"]).any()


def test_batches_made_ahead_are_those_of_their_steps(batches):
    for step, batch in zip(range(2, 5), batches.ahead(2, 5), strict=True):
        assert (batch["film"] == batches.make(step)["film"]).all()


def test_an_error_of_the_maker_is_raised_where_batches_are_used(batches):
    broken = Batches(batches.recipe, batches.examples, batches.films[:2], range(len(batches.examples)))
    with pytest.raises(IndexError):
        list(broken.ahead(0, 3))


def test_targets_say_what_is_known(batches):
    batch = batches.make(0)
    order = list(batches.recipe.strata)
    clear = order.index("clear")
    assert batch["known"][clear].all()
    assert batch["truth"][clear].sum() == 1  # No Finding
    assert not batch["heat"][clear].any()
    assert batch["searched"][clear].all()
    assert batch["heat"][order.index("boxed")].max() == pytest.approx(1)
    assert batch["film"].shape == (len(order), 64, 64, 1)


def test_a_prior_is_the_median_size_of_its_class(batches):
    found = dict(zip(batches.recipe.box_classes, priors(batches.recipe, batches.examples, range(40)), strict=True))
    assert found["Mass"] == pytest.approx((300 / 1024, 400 / 1024), abs=1e-4)


def test_a_missing_film_is_named_before_any_is_read(data_folder, tmp_path):
    examples = nih.read(data_folder)
    lost = replace(examples[0], path=tmp_path / "lost.jpg")
    with pytest.raises(MissingData, match=examples[0].name):
        films([lost, *examples[1:]], 32, tmp_path)


def test_a_broken_film_is_named():
    with pytest.raises(MissingData, match="b7"):
        grey(b"\xff\xd8 not a picture", "b7")


def test_the_cache_is_made_anew_for_other_files(data_folder, tmp_path):
    examples = nih.read(data_folder)
    first, again = films(examples, 32, tmp_path), films(examples, 32, tmp_path)
    fewer = films(examples[1:], 32, tmp_path)
    assert (first.pixels == again.pixels).all()
    assert first.digest == again.digest != fewer.digest
    assert (fewer.pixels == first.pixels[1:]).all()


def test_a_film_of_another_shape_is_letterboxed():
    data = cv2.imencode(".png", np.full((20, 40), 90, np.uint8))[1].tobytes()
    film = square(grey(data, "wide"), 40)
    assert (film[:10] == 0).all()
    assert (film[10:30] == 90).all()
    assert (film[30:] == 0).all()


def test_the_control_never_sees_a_lung(data_folder, tmp_path_factory):
    recipe, examples = small("covid_ssd_blacked"), covid.read(data_folder)
    cached = films(examples, recipe.cache_size, tmp_path_factory.mktemp("cache"))
    made = Batches(recipe, examples, cached.pixels, training_rows(examples, 4))
    seeing = Batches(replace(recipe, black=()), examples, cached.pixels, training_rows(examples, 4))
    dark, full = made.make(0), seeing.make(0)
    middle = slice(recipe.size // 2 - 8, recipe.size // 2 + 8)
    assert dark["film"][:, middle, middle].mean() < 0.2 * full["film"][:, middle, middle].mean()
    assert (dark["truth"] == full["truth"]).all()
    assert cached.pixels[:, 40, 40].any()
