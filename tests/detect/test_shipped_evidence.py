"""The shipped weights: their maps add up, follow the film, and come from what was learnt (Adebayo 2018)."""

from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from cxr_core.detect import load_detectors
from cxr_core.detect.litert import LiteRTRuntime
from cxr_core.phantom import phantom
from cxr_core.prepare import letterbox
from cxr_core.settings import Settings

pytestmark = pytest.mark.models

SIGNS = (("opacity",), ("effusion", "cardiomegaly"), ("pneumothorax",))


@pytest.fixture
def settings():
    return replace(Settings.from_environment(), threads=1)


def films(detector):
    spec = detector.card.input
    drawn = [phantom(seed, height=spec.height, width=spec.width, signs=signs) for seed, signs in enumerate(SIGNS)]
    return np.stack([letterbox(film, spec)[0] for film in drawn])


def ranks_agree(one, other):
    """Spearman's rank correlation, mean over films and classes."""
    found = []
    for mine, theirs in zip(one, other, strict=True):
        for kind in range(mine.shape[-1]):
            ranks = (np.argsort(np.argsort(each[..., kind].ravel())) for each in (mine, theirs))
            found.append(np.corrcoef(*ranks)[0, 1])
    return float(np.mean(found))


@pytest.mark.parametrize("runtime", ["litert", "tensorflow"])
def test_cells_and_a_constant_of_the_class_add_up_to_the_logit(settings, runtime):
    for detector in load_detectors(replace(settings, runtime=runtime)):
        raw = detector.runtime.run(films(detector), maps=True)
        scores = raw.image_scores.astype(np.float64)
        rest = np.log(scores / (1 - scores)) - raw.class_maps.sum((1, 2), dtype=np.float64)
        assert np.ptp(np.log(scores), axis=0).min() > 0.01
        np.testing.assert_allclose(rest, np.broadcast_to(rest[0], rest.shape), atol=2e-3)


def test_both_runtimes_show_the_same_places(settings):
    litert, tensorflow = (load_detectors(replace(settings, runtime=name)) for name in ("litert", "tensorflow"))
    for one, other in zip(litert, tensorflow, strict=True):
        batch = films(one)
        mine, theirs = (each.runtime.run(batch, maps=True).class_maps for each in (one, other))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-3)


def test_a_film_moved_by_two_cells_moves_its_maps_by_two_cells(settings):
    for detector in load_detectors(replace(settings, runtime="litert")):
        batch = films(detector)
        moved = np.zeros_like(batch)
        moved[:, :, 32:] = batch[:, :, :-32]
        before, after = (detector.runtime.run(each, maps=True).class_maps for each in (batch, moved))
        followed = ranks_agree(after[:, :, 2:], before[:, :, :-2])
        assert followed > 0.7
        assert followed > ranks_agree(after[:, :, 2:], before[:, :, 2:]) + 0.05


def test_shuffled_weights_look_elsewhere(settings, tmp_path):
    """A map that survives random weights shows the film's own edges, not what the network learnt."""
    for detector in load_detectors(replace(settings, runtime="litert")):
        card = detector.card
        path = tmp_path / f"{card.name}.tflite"
        path.write_bytes(shuffled((settings.models_dir / card.name / card.files["litert"].path).read_bytes()))
        batch = films(detector)
        learnt = detector.runtime.run(batch, maps=True).class_maps
        blind = LiteRTRuntime(path, card, 1).run(batch, maps=True).class_maps
        assert np.isfinite(blind).all()
        assert np.ptp(blind) > 0
        assert ranks_agree(learnt, blind) < 0.4


def shuffled(data: bytes) -> bytes:
    """The file with the numbers of every weight tensor mixed among themselves."""
    model, rng = schema.ModelT.InitFromPackedBuf(data, 0), np.random.default_rng(0)
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) >= 2048:  # smaller ones hold shapes and biases
            numbers = np.asarray(buffer.data, np.uint8).view(np.float32)
            buffer.data = rng.permutation(numbers).view(np.uint8)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
