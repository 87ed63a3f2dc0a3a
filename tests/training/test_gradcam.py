"""Grad-CAM pictures: the gradient's map is the class map, and it follows the weights."""

import cv2
import numpy as np
import pytest

from cxr_core.card import InputSpec
from cxr_core.prepare import Placement
from tests.training.folders import picture, small_classifier
from training import classifier_fit, classifier_network, fit, gradcam
from training.__main__ import main
from training.classifier import Shape
from training.errors import MissingData, RecipeError

SHAPE = Shape("trunk", 64, 4)


def noise(count):
    return np.random.default_rng(count).integers(0, 256, (count, 64, 64, 1)).astype(np.float32)


def network(seed=0):
    """A trunk whose head says something: as built it starts near zero."""
    model = classifier_network.build(SHAPE)
    kernel = model.get_layer("head_votes").kernel
    kernel.assign(np.random.default_rng(seed).normal(0, 1, kernel.shape).astype(np.float32))
    return model


def test_grad_cam_is_the_class_map_without_what_speaks_against():
    """The head is linear in pooled features, so the gradient adds nothing to what the forward pass shows."""
    model, films = network(), noise(2)
    maps = np.asarray(model.predict_on_batch(films)["class_maps"])
    for kind in range(4):
        cam, scores = gradcam.GradCam(model, SHAPE).maps(films, kind)
        np.testing.assert_allclose(cam, np.maximum(maps[..., kind], 0), rtol=1e-3, atol=1e-6)
        logits = np.asarray(model.predict_on_batch(films)["logits"])[:, kind]
        np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), rtol=1e-4)
    assert cam.max() > 0


def test_other_weights_make_another_map():
    """A map that random weights do not change would show the film, not the network (Adebayo 2018)."""
    films = noise(3)
    one, two = (gradcam.GradCam(network(seed), SHAPE).maps(films, 3)[0].ravel() for seed in (0, 1))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.6


def test_the_small_network_has_a_map_too():
    shape = Shape("cnn", 64, 1)
    cam, scores = gradcam.GradCam(classifier_network.build(shape), shape).maps(noise(2), 0)
    assert cam.shape == (2, 4, 4)
    assert (cam >= 0).all()
    assert ((scores > 0) & (scores < 1)).all()


def test_a_map_lies_over_the_film_and_not_over_its_bars():
    """A tall film fills the middle half of the input; heat in the bars beside it is not drawn."""
    spec = InputSpec(64, 64)
    heat = np.zeros((2, 2), np.float32)
    heat[1] = 1.0
    over = gradcam.on_film(heat, Placement.fit(50, 100, spec), spec)
    assert over.shape == (100, 50)
    assert over[-1].min() == pytest.approx(1.0, abs=0.15)
    assert over[0].max() < 0.1


def test_where_the_map_is_nothing_the_film_is_untouched():
    film = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    strength = np.zeros((20, 30), np.float32)
    strength[:, 15:] = 1.0
    drawn = gradcam.overlay(film, strength)
    assert (drawn[:, :15] == film[:, :15, None]).all()
    assert (drawn[:, 15:].std(-1) > 0).any()


@pytest.fixture(scope="module")
def run(data_folder, tmp_path_factory):
    recipe = small_classifier("covid_cnn")
    folder = tmp_path_factory.mktemp("cam") / "covid_cnn"
    return classifier_fit.fit(recipe, data_folder, folder, fit.Plan(steps=1))


def test_one_command_writes_a_picture_a_film(run, tmp_path, capsys):
    for seed in range(2):
        picture(tmp_path / "films" / f"{seed}.jpg", seed)
    (tmp_path / "films" / "notes.txt").write_text("no picture")
    out = tmp_path / "out"
    asked = ["explain", "covid_cnn", "--run", str(run), "--images", str(tmp_path / "films"), "--out", str(out)]
    assert main(asked) == 0
    written = sorted(out.iterdir())
    assert [path.name[:2] for path in written] == ["0_", "1_"]
    assert all(cv2.imread(str(path)).shape == (96, 96, 3) for path in written)
    assert "2 pictures of covid_19_positive" in capsys.readouterr().out


def test_what_cannot_be_explained_is_said(run, tmp_path):
    with pytest.raises(RecipeError, match="no class 'Mass'"):
        gradcam.explain(small_classifier("covid_cnn"), run, [tmp_path], "Mass", tmp_path)
    with pytest.raises(MissingData, match="no picture in"):
        gradcam.explain(small_classifier("covid_cnn"), run, [tmp_path], "covid_19_positive", tmp_path)
    assert main(["explain", "nih_ssd", "--images", str(tmp_path), "--out", str(tmp_path)]) == 2
