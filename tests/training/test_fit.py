"""Training runs: they end, go on where they stopped, and refuse to mix."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.folders import covid_rows, nih_rows, small, write_covid, write_nih
from training import covid, data, fit, network, nih, patients, runs
from training.batches import Batches, priors
from training.cache import films
from training.data import Example
from training.errors import Diverged, EmptyClass, RunError
from training.learner import Learner
from training.recipe import load
from training.runs import Progress

PLAN = fit.Plan(steps=3, pretrained=False)


@pytest.fixture(scope="module")
def finished(data_folder, tmp_path_factory):
    """(recipe, run folder) of three steps."""
    recipe = small("nih_ssd")
    run = tmp_path_factory.mktemp("runs") / "tiny"
    fit.fit(recipe, data_folder, run, PLAN)
    return recipe, run


def learner_for(recipe, data_folder, cache):
    examples = nih.read(data_folder)
    rows = fit.training_rows(examples, data.VALIDATION)
    shape = runs.shape_of(recipe, priors(recipe, examples, rows))
    cached = films(examples, recipe.cache_size, cache)
    return Learner(network.build(shape), recipe, shape), Batches(recipe, examples, cached.pixels, rows)


def test_a_run_writes_down_how_it_was_made(finished):
    recipe, run = finished
    config = json.loads((run / runs.CONFIG).read_text())
    assert config["seed"] == recipe.seed
    assert len(config["data_sha256"]) == 64
    assert "keras" in config["versions"]
    assert config["recipe"]["weights"]["giou"] == recipe.weights.giou
    log = (run / runs.LOG).read_text().splitlines()
    assert [line.split(",")[0] for line in log] == ["step", "0", "1", "2"]


def test_a_finished_run_gives_its_network_back(finished):
    _, run = finished
    model, shape = runs.network_of(run)
    answer = model.predict_on_batch(np.full((1, shape.size, shape.size, 1), 90, np.float32))
    assert all(np.isfinite(values).all() for values in answer.values())


def test_a_finished_run_started_again_changes_nothing(finished, data_folder):
    recipe, run = finished
    before = np.load(run / runs.WEIGHTS)
    kept = {name: before[name] for name in before.files}
    fit.fit(recipe, data_folder, run, PLAN)
    after = np.load(run / runs.WEIGHTS)
    assert all((after[name] == kept[name]).all() for name in kept)


def test_a_run_stopped_between_goes_on_to_the_same_state(data_folder, tmp_path):
    """Two steps, a checkpoint, a fresh process's network, the third step: as three steps in one go."""
    recipe = small("nih_ssd")
    whole, batches = learner_for(recipe, data_folder, tmp_path)
    for step in range(2):
        whole.step(batches.make(step), 1e-3)
    runs.save_checkpoint(tmp_path, whole.state(), Progress(2, 3, 1.5))
    whole.step(batches.make(2), 1e-3)
    other, batches = learner_for(recipe, data_folder, tmp_path)
    arrays, progress = runs.load_checkpoint(tmp_path)
    other.restore(arrays)
    assert progress == Progress(2, 3, 1.5)
    other.step(batches.make(2), 1e-3)
    for one, two in zip(whole.state(), other.state(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("change", [{"held_out": 3}, {"steps": 5}])
def test_another_plan_in_the_same_folder_is_refused(finished, data_folder, change):
    recipe, run = finished
    with pytest.raises(RunError, match="tiny was"):
        fit.fit(recipe, data_folder, run, replace(PLAN, **change))


def test_a_run_that_starts_from_another_begins_with_its_weights(finished, data_folder, tmp_path):
    """One step at a rate of nothing leaves the weights it started from."""
    recipe, run = finished
    still = replace(recipe, trunk_rate=1e-12, head_rate=1e-12, decay=0.0)
    later = fit.fit(still, data_folder, tmp_path / "later", replace(PLAN, steps=1, start=run))
    one, two = np.load(run / runs.WEIGHTS), np.load(later / runs.WEIGHTS)
    assert set(one.files) == set(two.files)
    assert all(np.allclose(one[name], two[name], atol=1e-6) for name in one.files)
    assert runs.read_config(later)["history"][-1] == "3 steps of nih_ssd"


def test_a_run_that_saw_the_fold_to_be_held_out_is_no_start(finished, data_folder, tmp_path):
    recipe, run = finished
    with pytest.raises(RunError, match="has learnt from patients of the fold held out"):
        fit.fit(recipe, data_folder, tmp_path / "later", replace(PLAN, held_out=2, start=run))
    assert not (tmp_path / "later").exists()


def test_a_run_goes_on_from_the_same_start_only(finished, data_folder, tmp_path):
    """Else its patients and its history would be forgotten while its checkpoint still holds what they taught."""
    recipe, run = finished
    later = fit.fit(recipe, data_folder, tmp_path / "later", replace(PLAN, steps=1, trunk=run))
    with pytest.raises(RunError, match="another history"):
        fit.fit(recipe, data_folder, later, replace(PLAN, steps=1))
    assert patients.seen(run) <= patients.seen(later)


def test_a_network_of_another_shape_is_no_start_but_its_trunk_is(finished, data_folder, tmp_path):
    recipe, run = finished
    fewer = replace(recipe, width=8)
    with pytest.raises(RunError, match="--trunk takes the trunk alone"):
        fit.fit(fewer, data_folder, tmp_path / "start", replace(PLAN, steps=1, start=run))
    assert fit.fit(fewer, data_folder, tmp_path / "trunk", replace(PLAN, steps=1, trunk=run))


def test_a_patient_is_known_again_by_nih_s_number_in_another_layout_and_named_nowhere():
    shared = Example("00013118_008", Path("x"), "7997", 4, "clear", "nih", {})
    listed = Example("images/00013118_011.png", Path("y"), "13118", 2, "boxed", "nih original", {})
    other = Example("Doe^Jane.png", Path("z"), "Doe^Jane", 2, "boxed", "voc", {})
    covid_copy = replace(shared, name="radiography/Normal-7.png", group="n7997", source="radiography")
    assert patients.of([shared]) & patients.of([listed])
    assert patients.of([shared]) & patients.of([covid_copy])
    assert not patients.of([shared]) & patients.of([other])
    assert not patients.of([replace(other, group="n7997")]) & patients.of([shared]), "a name of one's own is no group"
    assert "Doe" not in "".join(patients.of([other]))


def test_what_a_run_has_seen_includes_what_its_ancestors_saw(finished, data_folder, tmp_path):
    """The second run learns from all folds: whoever starts from it has seen them all."""
    recipe, run = finished
    later = fit.fit(recipe, data_folder, tmp_path / "later", replace(PLAN, held_out=None, start=run))
    assert patients.seen(run) < patients.seen(later)
    assert patients.seen(later) == patients.of(nih.read(data_folder))
    (later / patients.PATIENTS).unlink()
    with pytest.raises(RunError, match="nobody can tell whose films taught it"):
        fit.fit(recipe, data_folder, tmp_path / "last", replace(PLAN, start=later))


@pytest.mark.parametrize("name", ["covid_trunk", "nih_trunk"])
def test_a_trunk_for_all_folds_sees_no_patient_of_the_other_collection(name, tmp_path):
    """One patient stands in both tables, as 1 in nih/ and as n1 in covid/: neither recipe learns from them."""
    (first, *others), boxes, opacities = nih_rows()
    write_nih(tmp_path, [(*first[:5], "1", *first[6:]), *others], boxes, opacities)
    (shared, *more), boxes = covid_rows()
    images = [(*shared[:4], "n1", *shared[5:]), *more]
    write_covid(tmp_path, images, boxes)
    recipe = load(name)
    taught = patients.of(recipe.read(tmp_path))
    whole = patients.of(covid.read(tmp_path)), patients.of(nih.read(tmp_path))
    assert len(whole[0] & whole[1]) == 1
    assert taught == whole[name == "nih_trunk"] - whole[name == "covid_trunk"]


def test_a_loss_that_is_no_number_stops_the_run(data_folder, tmp_path):
    broken = replace(small("nih_ssd"), trunk_rate=float("inf"), warm_up=1)
    with pytest.raises(Diverged, match="not a number at step"):
        fit.fit(broken, data_folder, tmp_path / "runs" / "broken", PLAN)


def test_a_class_without_an_example_stops_before_the_first_step(tmp_path):
    images, boxes, opacities = nih_rows()
    write_nih(tmp_path, images, [row for row in boxes if row[1] != "Mass"], opacities)
    with pytest.raises(EmptyClass, match="Mass"):
        fit.fit(small("nih_ssd"), tmp_path, tmp_path / "run", PLAN)
    assert not (tmp_path / "run").exists()


def test_the_learning_rate_rises_then_falls():
    recipe = replace(small("nih_ssd"), warm_up=10)
    rates = [fit.rate(recipe, step, 100) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == pytest.approx(recipe.trunk_rate, rel=1e-3)
    assert rates[-1] < 0.05 * recipe.trunk_rate


def test_a_run_that_is_not_finished_has_no_network(tmp_path, finished):
    _, run = finished
    runs.write_config(tmp_path, runs.read_config(run))
    with pytest.raises(RunError, match="not finished"):
        runs.network_of(tmp_path)
    with pytest.raises(RunError, match="fit the recipe first"):
        runs.network_of(tmp_path / "none")
