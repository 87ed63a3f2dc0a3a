"""Second opinions in the models folder: found by their role, loaded apart, and never in the way of the detectors."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cxr_core.detect import load_cards, load_detectors, load_opinions, opinion_cards, why_not
from cxr_core.errors import ModelInvalid
from tests.detect import networks


@pytest.fixture(scope="module")
def both(exports, tf, tmp_path_factory):
    """A models folder with a detector and two second opinions."""
    root = tmp_path_factory.mktemp("both") / "models"
    shutil.copytree(exports.ours, root)
    networks.export_opinion(tf, networks.tiny_network(tf), root / "second")
    shutil.copytree(root / "second", root / "third")
    recard(root / "third", name="third")
    return root


@pytest.fixture
def folder(both, tmp_path):
    """The same, for a test to break."""
    return shutil.copytree(both, tmp_path / "models")


@pytest.fixture
def site(settings, folder):
    return replace(settings, models_dir=folder)


def recard(folder, **changes):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def everyone(name):
    return True


def names(opinions) -> list[str]:
    return [item.card.name for item in opinions.detectors]


def test_each_role_is_loaded_by_its_own_call(site):
    assert [item.card.name for item in load_detectors(site)] == ["tiny"]
    assert [card.name for card in load_cards(site)] == ["tiny"]
    assert names(load_opinions(site, everyone)) == ["second", "third"]
    assert names(load_opinions(site, {"third"}.__contains__)) == ["third"]
    assert [card.name for _, card in opinion_cards(site)[0]] == ["second", "third"]


def test_a_second_opinion_answers_through_the_same_protocol_with_scores_and_no_boxes(site, batch):
    (model, _), (detector,) = load_opinions(site, everyone).detectors, load_detectors(site)
    assert type(model) is type(detector)
    for said in model.detect(batch):
        assert set(said.scores) == {"COVID-19", "Mass"}
        assert len(said.boxes) == 0
        assert np.isfinite(list(said.scores.values())).all()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: (path / "card.json").write_text((path / "card.json").read_text()[:200]), "card.json of second"),
        (lambda path: recard(path, labels=[]), "card.json of second cannot be used"),
        (lambda path: (path / "model.tflite").write_bytes(b"no network"), "is not the file its card describes"),
        (lambda path: shutil.rmtree(path / "saved_model") or (path / "model.tflite").unlink(), "has no model.tflite"),
        (lambda path: recard(path, name="tiny"), "another model folder holds a model of the name tiny"),
        (lambda path: recard(path, name="third_"), ""),
    ],
)
def test_one_that_cannot_be_used_is_named_and_the_others_go_on(site, folder, damage, reason):
    damage(folder / "second")
    assert [item.card.name for item in load_detectors(site)] == ["tiny"]
    found = load_opinions(site, everyone)
    assert "third" in names(found)
    assert [reason in item.reason for item in found.unusable] == ([True] if reason else [])


def test_a_card_without_findings_cannot_answer(site, folder):
    labels = json.loads((folder / "second" / "card.json").read_text())["labels"]
    recard(folder / "second", labels=[label | {"finding": None} for label in labels])
    (item,) = load_opinions(site, everyone).unusable
    assert "names no finding" in item.reason


def test_a_name_that_the_settings_ask_for_and_no_folder_holds_is_said(site):
    asked = replace(site, second_opinions="second, gone")
    found = load_opinions(asked, asked.wants_opinion)
    assert names(found) == ["second"]
    (item,) = found.unusable
    assert (item.name, "CXR_SECOND_OPINIONS asks for it" in item.reason) == ("gone", True)


def test_weights_that_could_not_be_loaded_are_remembered_until_they_are_mended(site, folder):
    whole = (folder / "second" / "model.tflite").read_bytes()
    (folder / "second" / "model.tflite").write_bytes(b"no network")
    load_opinions(site, everyone)
    assert "is not the file" in why_not(folder / "second")
    (folder / "second" / "model.tflite").write_bytes(whole)
    assert names(load_opinions(site, everyone)) == ["second", "third"]
    assert why_not(folder / "second") == ""


def test_a_detector_that_cannot_be_used_still_stops_the_loading(site, folder):
    (folder / "tiny" / "card.json").write_text("{")
    with pytest.raises(ModelInvalid, match="tiny"):
        load_detectors(site)
    with pytest.raises(ModelInvalid, match="tiny"):
        load_opinions(site, everyone)
