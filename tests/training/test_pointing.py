"""The pointing game on networks and films small enough to know the answer."""

import numpy as np
import pytest

from tests.training.folders import small
from training import fit, network, pointing, runs
from training.__main__ import main
from training.errors import EmptyClass, RunError
from training.trunk import values


@pytest.fixture(scope="module")
def made(data_folder, tmp_path_factory):
    """(recipe, run), trained two steps."""
    recipe, run = small("nih_ssd"), tmp_path_factory.mktemp("runs") / "tiny"
    return recipe, fit.fit(recipe, data_folder, run, fit.Plan(steps=2, pretrained=False))


def look(film, label, box, at, shape=(10, 20)):
    """A map that is strongest at (row, column)."""
    signed = np.random.default_rng(film).normal(0, 0.1, shape)
    signed[at] = 5.0
    return pointing._Look(film, label, np.array([box]), signed)


def table(real, blind, films):
    return {row.label: row for row in pointing._table(real, blind, np.ones((3, films)))}


def test_a_hit_is_a_strongest_place_inside_the_box():
    box = (0.5, 0.2, 0.75, 0.4)  # columns 10 to 14, rows 2 and 3 of a map of 10 x 20
    assert look(0, "Mass", box, (2, 10)).hit
    assert look(0, "Mass", box, (3, 14)).hit
    for outside in ((1, 10), (4, 10), (2, 9), (2, 15)):
        assert not look(0, "Mass", box, outside).hit
    assert look(0, "Mass", box, (2, 10)).inside.mean() == pytest.approx(0.05)


def test_the_table_counts_hits_chance_and_the_mean_of_the_classes():
    box = (0.0, 0.0, 0.5, 0.5)
    real = [look(0, "Mass", box, (0, 0)), look(1, "Mass", box, (9, 9)), look(2, "Nodule", box, (1, 1))]
    blind = [look(film, one.label, box, (9, 19)) for film, one in zip((7, 8, 9), real, strict=True)]
    found = table(real, blind, 3)
    assert found["Mass"].hit.value == pytest.approx(0.5)
    assert found["Nodule"].hit.value == 1
    assert found["mean of the classes"].hit.value == pytest.approx(0.75)
    assert found["mean of the classes"].hit.n == 3
    assert found["Mass"].chance == pytest.approx(0.25)
    assert found["Mass"].shuffled == 0
    assert abs(found["Mass"].likeness) < 0.5
    assert table(real, real, 3)["Mass"].likeness == pytest.approx(1)


def test_shuffling_keeps_the_numbers_and_loses_their_places():
    recipe = small("nih_ssd")
    model = network.build(network.Shape(64, ((0.2, 0.3),) * 9, 16, 8, 8, recipe.place, width=16, depth=1))
    before = values(model.get_layer("top").kernel)
    pointing.shuffle(model)
    after = values(model.get_layer("top").kernel)
    assert (before != after).mean() > 0.9
    np.testing.assert_array_equal(np.sort(before.ravel()), np.sort(after.ravel()))


def test_every_boxed_class_of_the_held_out_fold_is_measured(made, data_folder):
    recipe, run = made
    rows = pointing.measure(recipe, run, data_folder)
    assert [row.label for row in rows] == [*sorted(label.name for label in recipe.labels), "mean of the classes"]
    assert all(row.hit.n == 1 for row in rows[:-1])
    assert rows[-1].hit.n == 8
    for row in rows:
        assert 0 < row.chance < 0.2
    text = pointing.told(rows)
    assert text.count("\n") == len(rows) + 1
    assert "| mean of the classes | 8 |" in text


def test_a_run_on_every_fold_cannot_be_measured(made, data_folder, tmp_path):
    recipe, run = made
    runs.write_config(tmp_path, {**runs.read_config(run), "held_out_fold": None})
    with pytest.raises(RunError, match="every fold"):
        pointing.measure(recipe, tmp_path, data_folder)


def test_a_fold_without_boxes_cannot_be_measured(made, data_folder, tmp_path):
    recipe, run = made
    runs.write_config(tmp_path, {**runs.read_config(run), "held_out_fold": 7})
    with pytest.raises(EmptyClass, match="no film of fold 7 has a box"):
        pointing.measure(recipe, tmp_path, data_folder)


def test_a_classifier_has_nothing_to_point_at(tmp_path, capsys):
    assert main(["pointing", "covid_cnn", "--run", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "covid_cnn has no boxes" in capsys.readouterr().err
