"""A detector's file in 8 bits: made from its shipped weights, measured beside the other, kept only if it is as good."""

import shutil
from types import MappingProxyType

import numpy as np
import pytest

from cxr_core.card import load_card, sha256_of
from cxr_core.detect.litert import LiteRTRuntime
from cxr_core.detect.registry import clear, load_detector
from cxr_core.settings import Settings
from tests.training.folders import small
from training import export, fit, quantise
from training.__main__ import main
from training.errors import TrainingError

GENEROUS = MappingProxyType({"auc": 1.0, "map": 1.0})


FILMS = np.random.default_rng(0).integers(0, 256, (6, 1, 64, 64, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def exported(data_folder, tmp_path_factory):
    """(recipe, models): trained two steps and exported."""
    recipe, root = small("covid_ssd"), tmp_path_factory.mktemp("quantised")
    run = fit.fit(recipe, data_folder, root / "runs" / "tiny", fit.Plan(steps=2, pretrained=False))
    export.export(recipe, run, root / "models")
    return recipe, root / "models"


@pytest.fixture(scope="module")
def in_8_bits(exported) -> bytes:
    """Its file in 8 bits, made once: conversion takes seconds."""
    folder = exported[1] / "covid_ssd"
    return quantise.rounded(folder, load_card(folder), list(FILMS))


@pytest.fixture
def models(exported, in_8_bits, tmp_path, monkeypatch):
    """A copy of the models folder that a test may change; what is made for it is that file."""
    monkeypatch.setattr(quantise, "rounded", lambda *_: in_8_bits)
    return shutil.copytree(exported[1], tmp_path / "models")


def test_the_file_in_8_bits_is_smaller_and_answers_nearly_alike(exported, models, in_8_bits):
    recipe, folder = exported[0], models / "covid_ssd"
    card = load_card(folder)
    path = folder / quantise.INT8
    path.write_bytes(in_8_bits)
    assert path.stat().st_size < 0.5 * (folder / export.LITERT).stat().st_size
    plain, rounded = LiteRTRuntime(folder / export.LITERT, card, 1), LiteRTRuntime(path, card, 1)
    mine, other = plain.run(FILMS[:, 0]), rounded.run(FILMS[:, 0])
    np.testing.assert_allclose(other.image_scores, mine.image_scores, atol=0.1)
    assert np.abs(other.image_scores - mine.image_scores).max() > 0, "nothing was rounded"
    assert recipe.name == card.name


def test_what_is_kept_stands_in_the_card_with_both_figures(exported, models, data_folder, monkeypatch):
    monkeypatch.setattr(quantise, "LIMITS", GENEROUS)
    before = load_card(models / "covid_ssd")
    found = quantise.quantise(exported[0], data_folder, models)
    card = load_card(models / "covid_ssd")
    assert card.files["litert_int8"].sha256 == sha256_of(models / "covid_ssd" / quantise.INT8)
    assert {key: card.files[key] for key in before.files} == dict(before.files)
    told = card.metrics["in_8_bits_beside_single_precision"]
    assert set(found) == {"typical_v_no_pneumonia_auc", "opacity_map_iou_0.5", "opacity_map_iou_0.3"}
    for name, loss in found.items():
        assert told[name]["single_precision"] == round(loss.first, 4)
        assert told[name]["in_8_bits"] == round(loss.second, 4)
        assert loss.difference.value == pytest.approx(loss.second - loss.first)
    assert "in 8 bits" in (models / "covid_ssd" / "card.md").read_text()
    clear()
    chosen = load_detector(models / "covid_ssd", Settings(models_dir=models, threads=1))
    clear()
    assert chosen.runtime_name == "litert_int8"


def test_a_file_that_loses_too_much_is_not_kept(exported, models, data_folder, monkeypatch, capsys):
    monkeypatch.setattr(quantise, "LIMITS", MappingProxyType({"auc": -2.0, "map": -2.0}))
    before = {path.name: path.read_bytes() for path in (models / "covid_ssd").iterdir() if path.is_file()}
    with pytest.raises(TrainingError, match="in 8 bits typical_v_no_pneumonia_auc"):
        quantise.quantise(exported[0], data_folder, models)
    assert {path.name: path.read_bytes() for path in (models / "covid_ssd").iterdir() if path.is_file()} == before
    with pytest.raises(SystemExit):
        main(["quantise", "radiography4", "--data", str(data_folder)])
    assert "invalid choice" in capsys.readouterr().err


def test_a_folder_that_holds_no_network_of_ours_is_named(models):
    import tensorflow as tf  # noqa: PLC0415  (only this test builds one)

    module = tf.Module()
    module.serve = tf.function(lambda x: {"image_scores": x}, input_signature=[tf.TensorSpec((1, 2), tf.float32)])
    tf.saved_model.save(module, str(models / "other" / "saved_model"), signatures={"serving_default": module.serve})
    with pytest.raises(TrainingError, match="other: found 0 networks"):
        quantise.network(models / "other" / "saved_model", 64, "nowhere")
