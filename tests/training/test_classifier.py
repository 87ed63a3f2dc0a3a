"""Classifiers from drawing their films to a folder that the core runs as a second opinion, and their cards."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxr_core.card import load_card
from cxr_core.detect.registry import clear, load_detector
from cxr_core.records import COVID
from cxr_core.settings import Settings
from tests.training.folders import small_classifier
from training import (
    classifier,
    classifier_evaluate,
    classifier_export,
    classifier_fit,
    classifier_network,
    fit,
    radiography,
    runs,
)
from training.cache import films
from training.data import Example
from training.errors import EmptyClass, RecipeError, RunError
from training.feedback import Feedback
from training.recipe import load
from training.runs import Progress

PLAN = fit.Plan(steps=2, pretrained=False)
NAMES = ("covid_cnn", "radiography4")


@pytest.fixture(scope="module", params=NAMES)
def made(request, data_folder, tmp_path_factory):
    """(recipe, run, models): trained two steps, measured, then exported."""
    recipe, root = small_classifier(request.param), tmp_path_factory.mktemp(request.param)
    run = classifier_fit.fit(recipe, data_folder, root / "runs" / "tiny", PLAN)
    classifier_evaluate.evaluate(recipe, run, data_folder, root / "models")
    classifier_export.export(recipe, run, root / "models")
    return recipe, run, root / "models"


def noise(count, size=64):
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 1)).astype(np.float32)


def detector(made, runtime):
    recipe, _, models = made
    clear()
    return load_detector(models / recipe.name, Settings(models_dir=models, runtime=runtime, threads=1))


def test_both_runtimes_say_what_the_trained_network_says_and_draw_no_box(made):
    recipe, run, _ = made
    expected = classifier_network.inference(classifier_fit.network_of(run)).predict_on_batch(noise(3))
    for runtime in ("litert", "tensorflow"):
        loaded = detector(made, runtime)
        assert loaded.explains == (recipe.body == "trunk")
        raw = loaded.runtime.run(noise(3))
        assert raw.image_scores.shape == (3, len(recipe.labels))
        np.testing.assert_allclose(raw.image_scores, expected["image_scores"], atol=5e-3)
        for item in loaded.detect(noise(3)):
            assert set(item.scores) == {COVID}
            assert not len(item.boxes)
            assert not item.anatomy
    clear()


def test_the_card_says_second_opinion_and_how_far_it_reaches(made):
    recipe, _, models = made
    card = load_card(models / recipe.name)
    assert card.role == "second_opinion"
    assert [label.finding for label in card.labels if label.finding] == [COVID]
    positive = next(label for label in card.labels if label.finding)
    assert set(positive.operating_points) == {"sensitive", "balanced", "specific"}
    assert positive.operating_points["balanced"].sensitivity.low <= 1
    assert set(card.files) == {"litert", "saved_model"}
    assert card.metrics["siim"]["typical_v_no_pneumonia_auc"]["n"] == 6
    assert card.metrics["outside_ieee8023"]["covid_v_other_pneumonia_auc"]["n"] == 30
    assert set(card.curves) == {"roc", "precision_recall", "reliability", "confusion", "failures", "scores", "rates"}
    assert "fold 4" in card.data["split"]


def test_no_card_calls_a_film_healthy(made):
    """Normal is the name of a class in the label map; nowhere else does the card say it."""
    recipe, _, models = made
    card = load_card(models / recipe.name)
    said = str((card.title, card.task, card.limits, card.data, card.metrics, card.curves)).lower()
    assert "normal" not in said


def test_the_card_for_people_says_the_same(made):
    recipe, _, models = made
    text = (models / recipe.name / "card.md").read_text()
    value = load_card(models / recipe.name).metrics["siim"]["typical_v_no_pneumonia_auc"]["value"]
    for word in ("Intended use", "second opinion", "different hospitals", f"{value:.3f}"):
        assert word in text


def test_what_a_cell_adds_sums_to_the_logit(made):
    """The class maps and one constant a class are the logit, whatever the film; the small network has none."""
    recipe, run, _ = made
    answer = classifier_network.inference(classifier_fit.network_of(run)).predict_on_batch(noise(4))
    if recipe.body == "cnn":
        assert set(answer) == {"image_scores"}
        return
    p = np.asarray(answer["image_scores"], np.float64)
    constant = np.log(p / (1 - p)) - np.asarray(answer["class_maps"]).sum((1, 2))
    np.testing.assert_allclose(constant, np.broadcast_to(constant[:1], constant.shape), atol=1e-3)


def test_a_run_on_every_fold_cannot_be_measured(made, data_folder, tmp_path):
    recipe, run, models = made
    runs.write_config(tmp_path, {**runs.read_config(run), "held_out_fold": None})
    with pytest.raises((RunError, RecipeError), match=r"every fold|not finished"):
        classifier_evaluate.evaluate(recipe, tmp_path, data_folder, models)


def test_a_patient_that_taught_is_never_measured(made, data_folder):
    """A run whose fold 3 taught it is not measured on fold 3, even if its configuration were to say so."""
    recipe, run, _ = made
    taught = classifier_fit.read_films(run)["train"]
    with pytest.raises(RunError, match="groups of fold 3"):
        classifier_evaluate.check_apart(run, recipe.read(data_folder), taught, 3)
    classifier_evaluate.check_apart(run, recipe.read(data_folder), taught, 4)


def test_a_finished_run_started_again_changes_nothing(made, data_folder):
    recipe, run, _ = made
    before = dict(np.load(run / runs.WEIGHTS))
    classifier_fit.fit(recipe, data_folder, run, PLAN)
    after = np.load(run / runs.WEIGHTS)
    assert all((after[name] == before[name]).all() for name in before)


def test_a_run_stopped_between_goes_on_to_the_same_state(data_folder, tmp_path):
    recipe = small_classifier("covid_cnn")
    whole, batches = learner_for(recipe, data_folder, tmp_path)
    whole.step(batches.make(0), 1e-3)
    runs.save_checkpoint(tmp_path, whole.state(), Progress(1, 2, 1.0))
    whole.step(batches.make(1), 1e-3)
    other, batches = learner_for(recipe, data_folder, tmp_path)
    arrays, _ = runs.load_checkpoint(tmp_path)
    other.restore(arrays)
    other.step(batches.make(1), 1e-3)
    for one, two in zip(whole.state(), other.state(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def learner_for(recipe, folder, cache):
    examples = recipe.read(folder)
    rows = classifier.split(recipe, examples, 4).train
    used = [examples[row] for row in rows]
    pixels = films(used, recipe.cache_size, cache).pixels
    learner = classifier_fit.ClassifierLearner(classifier_network.build(recipe.shape), recipe)
    return learner, classifier_fit.ClassifierBatches(recipe, used, pixels, range(len(used)))


def test_a_batch_is_balanced_and_only_of_its_collection(data_folder, tmp_path):
    recipe = replace(small_classifier("covid_cnn"), strata={"covid": 3, "normal": 3})
    _, batches = learner_for(recipe, data_folder, tmp_path)
    for step in range(4):
        assert batches.make(step)["truth"].sum() == 3
        assert {batches.examples[row].source for row in batches.chosen(step)} == {"radiography"}


def film(number, stratum="covid", group="", fold=0):
    return Example(str(number), Path("none"), group or f"g{number}", fold, stratum, "radiography", {"covid": 1})


def test_the_draw_is_balanced_and_keeps_a_quarter_apart():
    recipe = replace(load("covid_cnn"), films=40)
    examples = [film(k, "covid" if k % 3 else "normal", fold=k % 5) for k in range(400)]
    found = classifier.split(recipe, examples, 4)
    for rows, count in ((found.train, 30), (found.validation, 10)):
        assert sum(examples[row].stratum == "covid" for row in rows) == count
        assert sum(examples[row].stratum == "normal" for row in rows) == count
    assert not set(found.train) & set(found.validation)
    assert all(examples[row].fold != 4 for row in (*found.train, *found.validation))
    assert classifier.split(recipe, examples, 4) == found


def test_a_patient_with_many_films_stands_on_one_side():
    recipe = replace(load("covid_cnn"), films=30, strata={"covid": 4, "normal": 4})
    examples = [film(k, "covid" if k % 2 else "normal", group=f"p{k // 8}") for k in range(120)]
    found = classifier.split(recipe, examples, None)
    apart = {examples[row].group for row in found.validation}
    assert found.validation
    assert not apart & {examples[row].group for row in found.train}


def test_a_draw_larger_than_the_collection_is_refused():
    with pytest.raises(EmptyClass, match="draws 196 films of covid; there are only 5"):
        classifier.split(load("covid_cnn"), [film(k) for k in range(5)], None)


def test_the_four_classes_come_from_where_the_card_says(data_folder):
    examples = radiography.read_four(data_folder)
    taught = [item for item in examples if item.stratum]
    found = {(item.source, item.facts["finding"]) for item in taught}
    assert found == {
        ("radiography", "COVID-19"),
        ("radiography", "Normal"),
        ("radiography", "Viral Pneumonia"),
        ("nih", "Lung Opacity"),
        ("nih", "Normal"),
    }
    assert all(sum(item.targets.values()) == 1 and len(item.targets) == 4 for item in taught)
    assert all(item.group.startswith("n") for item in taught if item.source == "nih")
    assert {item.source for item in examples if not item.stratum} == {"siim", "ieee8023"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"trunk": Path("runs/other")}, RunError, "has no trunk"),
        ({"feedback": Feedback(Path("reviews.jsonl"))}, RunError, "reviewed films"),
    ],
)
def test_what_the_small_network_cannot_do_is_said_before_the_first_step(data_folder, tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        classifier_fit.fit(small_classifier("covid_cnn"), data_folder, tmp_path / "run", replace(PLAN, **change))
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_contradicts_itself_is_refused():
    with pytest.raises(RecipeError, match="labels for"):
        replace(load("radiography4"), targets=("one",))
    with pytest.raises(RecipeError, match="share of a drawn set"):
        replace(load("radiography4"), validation=0.25)
