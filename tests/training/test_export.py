"""From a finished run to a model folder that the core loads, and its cards."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core.card import load_card
from cxr_core.detect.registry import clear, load_detector
from cxr_core.records import COVID
from cxr_core.settings import Settings
from tests.training.folders import small
from training import evaluate, export, fit, runs
from training.__main__ import main
from training.errors import RunError
from training.recipe import names

PLAN = fit.Plan(steps=2, pretrained=False)


@pytest.fixture(scope="module")
def made(data_folder, tmp_path_factory):
    """(recipe, run, models): trained two steps, exported, then measured."""
    recipe, root = small("covid_ssd"), tmp_path_factory.mktemp("made")
    run = fit.fit(recipe, data_folder, root / "runs" / "tiny", PLAN)
    export.export(recipe, run, root / "models")
    evaluate.evaluate(recipe, run, data_folder, root / "models")
    return recipe, run, root / "models"


def detector(models, runtime):
    clear()
    return load_detector(models / "covid_ssd", Settings(models_dir=models, runtime=runtime, threads=1))


def test_both_runtimes_say_the_same(made):
    _, _, models = made
    films = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 1)).astype(np.float32)
    one = detector(models, "litert").runtime.run(films)
    two = detector(models, "tensorflow").runtime.run(films)
    clear()
    for name in ("image_scores", "boxes", "scores"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=0, atol=1e-3)


def test_the_files_say_what_the_trained_network_says(made):
    _, run, models = made
    model, shape = runs.network_of(run)
    film = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 1)).astype(np.float32)
    expected = export.network.inference(model, shape).predict_on_batch(film)
    found = detector(models, "litert").runtime.run(film)
    clear()
    np.testing.assert_allclose(found.image_scores, expected["image_scores"], atol=5e-3)
    np.testing.assert_allclose(found.boxes, expected["raw_detection_boxes"], atol=5e-3)


def test_a_model_folder_holds_a_run_that_training_can_go_on_from(made, data_folder, tmp_path):
    """With the weights to half precision, the steps behind them, and the patients that may not be judged by it."""
    recipe, run, models = made
    still = replace(recipe, trunk_rate=1e-12, head_rate=1e-12, decay=0.0)
    packed = models / "covid_ssd" / "run"
    later = fit.fit(still, data_folder, tmp_path / "later", replace(PLAN, steps=1, start=packed))
    one, two = np.load(run / runs.WEIGHTS), np.load(later / runs.WEIGHTS)
    assert all(np.allclose(one[name], two[name], rtol=1e-3, atol=1e-6) for name in one.files)
    assert runs.read_config(later)["history"][-1] == "2 steps of covid_ssd"
    with pytest.raises(RunError, match="patients of the fold held out"):
        fit.fit(recipe, data_folder, tmp_path / "other", replace(PLAN, held_out=0, start=packed))


def test_the_card_holds_figures_thresholds_and_the_outside_set(made):
    _, _, models = made
    card = load_card(models / "covid_ssd")
    assert set(card.files) == {"litert", "saved_model"}
    positive = card.labels[1]
    assert positive.finding == COVID
    assert set(positive.operating_points) == {"sensitive", "balanced", "specific"}
    assert card.labels[0].finding is None
    figure = card.metrics["siim"]["typical_v_no_pneumonia_auc"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert "covid_v_other_pneumonia_auc" in card.metrics["outside_ieee8023"]
    assert card.curves["roc"][COVID][-1] == [1, 1]
    assert "non-commercial" in card.licence


def test_the_card_for_people_says_the_same(made):
    _, _, models = made
    text = (models / "covid_ssd" / "card.md").read_text()
    card = load_card(models / "covid_ssd")
    value = card.metrics["siim"]["typical_v_no_pneumonia_auc"]["value"]
    for word in ("Intended use", "Limits", "opacity, not the virus", "non-commercial", "fold 4", f"{value:.3f}"):
        assert word in text


def test_exporting_again_keeps_the_figures(made):
    recipe, run, models = made
    before = load_card(models / "covid_ssd")
    export.export(recipe, run, models)
    after = load_card(models / "covid_ssd")
    assert replace(after, files={}) == replace(before, files={})
    assert set(after.files) == {"litert", "saved_model"}


def test_a_recipe_that_changed_its_mind_on_urgency_changes_the_card(made):
    recipe, run, models = made
    urgent = replace(recipe, labels=(recipe.labels[0], replace(recipe.labels[1], urgency="urgent")))
    card = export.card_for(urgent, models / "covid_ssd", run)
    assert card.labels[1].urgency == "urgent"
    assert card.metrics == load_card(models / "covid_ssd").metrics


def test_other_weights_drop_the_figures(made, tmp_path):
    recipe, run, models = made
    other = tmp_path / "other"
    runs.write_config(other, runs.read_config(run))
    model, _ = runs.network_of(run)
    model.get_layer("stem").bias.assign(np.ones(32))
    runs.save_weights(other, model)
    card = export.card_for(recipe, models / "covid_ssd", other)
    assert not card.metrics
    assert not card.labels[1].operating_points


def test_a_run_on_every_fold_cannot_be_measured(made, data_folder, tmp_path):
    recipe, run, models = made
    runs.write_config(tmp_path, {**runs.read_config(run), "held_out_fold": None})
    runs.save_weights(tmp_path, runs.network_of(run)[0])
    with pytest.raises(RunError, match="every fold"):
        evaluate.evaluate(recipe, tmp_path, data_folder, models)


def test_the_label_map_counts_from_one(made):
    recipe, _, models = made
    text = (models / "covid_ssd" / "label_map.pbtxt").read_text()
    assert text.index("id: 1") < text.index("covid_19_negative") < text.index("id: 2") < text.index("covid_19_positive")
    assert text == export.label_map(recipe)
    assert export.label_map(replace(recipe, labels=recipe.labels[:1])).count("item") == 1


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path, capsys):
    assert main(["export", "nih_ssd", "--run", str(tmp_path), "--models", str(tmp_path)]) == 2
    assert main(["fit", "covid_ssd", "--data", str(tmp_path), "--run", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == ["RunError", "MissingData"]


def test_the_recipes_are_found():
    assert {"covid_ssd", "covid_ssd_blacked", "nih_ssd"} <= set(names())
    with pytest.raises(SystemExit):
        main(["fit", "yolo", "--data", "."])
