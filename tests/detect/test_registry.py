"""Finding model folders, loading each once, and naming what is wrong with one."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from cxr_core.card import load_card
from cxr_core.detect import clear, load_cards, load_detectors
from cxr_core.errors import ModelInvalid, ModelNotFound


@pytest.fixture
def copied(settings, tmp_path):
    """A models folder that a test may break; returns (settings, model folder)."""
    shutil.copytree(settings.models_dir, tmp_path / "models")
    return replace(settings, models_dir=tmp_path / "models"), tmp_path / "models" / "tiny"


def recard(folder, change):
    path = folder / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_a_model_is_loaded_once_whoever_asks(settings):
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(load_detectors, [settings] * 16))
    assert len({id(detector.runtime) for (detector,) in loaded}) == 1
    assert load_detectors(replace(settings, batch_size=1))[0].runtime is loaded[0][0].runtime


def test_clear_forgets(settings):
    (before,) = load_detectors(settings)
    clear()
    assert load_detectors(settings)[0].runtime is not before.runtime


def test_each_runtime_has_its_own_copy(settings):
    (litert,), (tensorflow,) = load_detectors(settings), load_detectors(replace(settings, runtime="tensorflow"))
    assert (litert.runtime_name, tensorflow.runtime_name) == ("litert", "tensorflow")
    assert load_detectors(settings)[0].runtime is litert.runtime


def test_litert_serves_where_no_gpu_is_seen(settings, monkeypatch):
    monkeypatch.setattr("cxr_core.detect.runtimes.sees_gpu", lambda threads: False)
    assert load_detectors(replace(settings, runtime="auto"))[0].runtime_name == "litert"


def test_tensorflow_serves_where_a_gpu_is_seen(settings, monkeypatch):
    monkeypatch.setattr("cxr_core.detect.runtimes.sees_gpu", lambda threads: True)
    assert load_detectors(replace(settings, runtime="auto"))[0].runtime_name == "tensorflow"


def test_other_things_in_the_models_folder_are_passed_over(copied):
    settings, folder = copied
    (folder.parent / "README.md").write_text("notes")
    (folder.parent / "notes").mkdir()
    shutil.copytree(folder, folder.parent / "a_second")
    recard(folder.parent / "a_second", lambda card: card.update(name="a_second"))
    assert [card.name for card in load_cards(settings)] == ["a_second", "tiny"]
    assert [detector.card.name for detector in load_detectors(settings)] == ["a_second", "tiny"]


def test_no_model_is_an_error_that_says_what_to_do(settings, tmp_path):
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(ModelNotFound, match="CXR_MODELS_DIR"):
            load_detectors(replace(settings, models_dir=folder))


def test_the_same_model_twice_is_refused(copied):
    settings, folder = copied
    shutil.copytree(folder, folder.parent / "copy")
    with pytest.raises(ModelInvalid, match="two model folders"):
        load_detectors(settings)


def test_a_foreign_export_without_a_card_is_found_and_runs(settings, exports, batch):
    (ours,) = load_detectors(replace(settings, runtime="tensorflow"))
    (theirs,) = load_detectors(replace(settings, models_dir=exports.foreign))
    assert theirs.runtime_name == "tensorflow"
    assert [label.finding for label in theirs.card.labels] == [None, "COVID-19", "Mass"]
    films = np.repeat(batch, 3, axis=-1)
    for mine, found in zip(ours.detect(batch, 0.05), theirs.detect(films, 0.05), strict=True):
        assert len(found.boxes) > 1
        assert set(found.scores) == {"COVID-19", "Mass"}
        for label, score in found.scores.items():
            drawn = [value for name, value in zip(found.labels, found.box_scores, strict=True) if name == label]
            assert score == pytest.approx(max(drawn, default=0), abs=1e-6)
        # The best box of all is in both, as far as merging with neighbours lets it be.
        assert found.box_scores[0] == pytest.approx(mine.box_scores[0], abs=1e-3) or mine.anatomy


def test_an_export_for_one_picture_gives_what_one_for_any_batch_gives(settings, exports, batch):
    films = np.repeat(batch, 3, axis=-1)
    (many,) = load_detectors(replace(settings, models_dir=exports.foreign))
    (one,) = load_detectors(replace(settings, models_dir=exports.foreign_one))
    for mine, other in zip(many.detect(films), one.detect(films), strict=True):
        assert mine.labels == other.labels
        np.testing.assert_allclose(mine.boxes, other.boxes, atol=1e-3)


def test_a_foreign_export_without_a_label_map_is_named(settings, exports, tmp_path):
    shutil.copytree(exports.foreign, tmp_path / "models")
    (tmp_path / "models" / "export" / "label_map.pbtxt").unlink()
    with pytest.raises(ModelInvalid, match=r"no label_map\.pbtxt"):
        load_detectors(replace(settings, models_dir=tmp_path / "models"))


def test_a_label_map_of_another_model_is_noticed(settings, exports, tmp_path, batch):
    shutil.copytree(exports.foreign, tmp_path / "models")
    (tmp_path / "models" / "export" / "label_map.pbtxt").write_text("item { id: 1 name: 'mass' }")
    (detector,) = load_detectors(replace(settings, models_dir=tmp_path / "models"))
    with pytest.raises(ModelInvalid, match="answers with class 3, its label map names 1 to 1"):
        detector.detect(np.repeat(batch, 3, axis=-1))


def test_changed_weights_are_refused(copied):
    settings, folder = copied
    with (folder / "model.tflite").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelInvalid, match=r"model\.tflite of tiny is not the file its card describes"):
        load_detectors(settings)


def test_changed_variables_of_a_saved_model_are_refused(copied):
    settings, folder = copied
    (folder / "saved_model" / "extra").write_bytes(b"x")
    with pytest.raises(ModelInvalid, match="saved_model of tiny is not the file"):
        load_detectors(replace(settings, runtime="tensorflow"))


def test_missing_weights_are_refused(copied):
    settings, folder = copied
    (folder / "model.tflite").unlink()
    with pytest.raises(ModelInvalid, match=r"has no model\.tflite"):
        load_detectors(settings)


def test_weights_outside_the_model_folder_are_refused(copied):
    settings, folder = copied
    shutil.copy(folder / "model.tflite", folder.parent / "elsewhere.tflite")
    recard(folder, lambda card: card["files"]["litert"].update(path="../elsewhere.tflite"))
    with pytest.raises(ModelInvalid, match=r"has no \.\./elsewhere\.tflite"):
        load_detectors(settings)


def test_a_card_that_names_no_runtime_s_file_is_refused(copied):
    settings, folder = copied
    recard(folder, lambda card: card.update(files={"onnx": card["files"]["litert"]}))
    with pytest.raises(ModelInvalid, match="names files for onnx; expected litert or litert_int8 or saved_model"):
        load_detectors(settings)


def test_a_folder_with_one_runtime_s_file_is_served_by_that(copied):
    settings, folder = copied
    recard(folder, lambda card: card["files"].pop("litert"))
    assert load_detectors(settings)[0].runtime_name == "tensorflow"
    assert load_card(folder).files.keys() == {"saved_model"}
