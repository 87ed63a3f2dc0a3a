"""Several runs measured together, as one card."""

import shutil

import numpy as np
import pytest

from cxr_core.card import load_card
from tests.training.folders import small
from training import batches, covid, evaluate, metrics, network, patients, runs
from training.errors import RecipeError, RunError
from training.recipe import load


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested with the figures of merit."""
    whole = metrics.resamples
    monkeypatch.setattr(metrics, "resamples", lambda groups: whole(groups, 20))


@pytest.fixture(scope="module")
def folders(data_folder, tmp_path_factory):
    """(recipe, runs root): untrained networks that say they held out folds 2 and 3, or none; and a control."""
    recipe, root = small("covid_ssd"), tmp_path_factory.mktemp("runs")
    examples = covid.read(data_folder)
    shape = runs.shape_of(recipe, batches.priors(recipe, examples, range(len(examples))))
    model = network.build(shape)
    for seed, (name, fold) in enumerate({"f2": 2, "f3": 3, "all": None}.items()):
        runs.write_config(root / name, runs.describe(recipe, shape, "digest", fold, []))
        model.get_layer("head_image").bias.assign(np.full(2, 0.1 * seed))
        runs.save_weights(root / name, model)
        patients.write(root / name, [item for item in examples if item.stratum and item.fold != fold], None)
    shutil.copytree(root / "f3", root / "control")
    control = runs.describe(load("covid_ssd_blacked"), shape, "digest", 3, [])
    runs.write_config(root / "control", control)
    return recipe, root


def test_the_shipped_run_gets_the_figures_of_its_sisters(folders, data_folder, tmp_path):
    recipe, root = folders
    path = evaluate.evaluate(
        recipe, root / "all", data_folder, tmp_path, sisters=[root / "f2", root / "f3"], blacked=root / "control"
    )
    card = load_card(path.parent)
    assert card.metrics["siim"]["typical_v_no_pneumonia_auc"]["n"] == 12
    assert set(card.metrics["by_fold"]["siim_auc"]) == {"fold 2", "fold 3"}
    assert "retrained_with_the_lungs_blacked_out_auc" in card.metrics["shortcut_controls_on_siim"]
    assert "covid_v_other_pneumonia_auc_of_the_shipped_network" in card.metrics["outside_ieee8023"]
    assert "sister networks" in card.data["split"]
    assert "learnt from all folds" in card.data["split"]
    text = (path.parent / "card.md").read_text()
    assert "| | fold 2 | fold 3 |" in text
    assert "missed**:" in text
    assert path.stat().st_size < 150_000


def test_a_second_evaluation_builds_no_network(folders, data_folder, tmp_path, monkeypatch):
    recipe, root = folders
    first = evaluate.evaluate(recipe, root / "f2", data_folder, tmp_path)
    written = first.read_text()
    monkeypatch.setattr(runs, "network_of", lambda run: pytest.fail("a network was built"))
    assert evaluate.evaluate(recipe, root / "f2", data_folder, tmp_path).read_text() == written


def test_a_run_that_has_seen_its_films_is_no_judge(folders, data_folder, tmp_path):
    """By its trunk, say: its own fold number would not tell."""
    recipe, root = folders
    shutil.copytree(root / "f2", tmp_path / "f2")
    patients.write(tmp_path / "f2", covid.read(data_folder), None)
    with pytest.raises(RunError, match="has learnt from patients of the fold held out"):
        evaluate.evaluate(recipe, tmp_path / "f2", data_folder, tmp_path / "models")


def test_a_control_is_not_evaluated_alone_nor_a_detector_taken_for_one(folders, data_folder, tmp_path):
    recipe, root = folders
    with pytest.raises(RecipeError, match="control"):
        evaluate.evaluate(load("covid_ssd_blacked"), root / "control", data_folder, tmp_path)
    with pytest.raises(RunError, match="no control"):
        evaluate.evaluate(recipe, root / "f2", data_folder, tmp_path, blacked=root / "f3")
