"""Where a score comes from: only when asked for, exact, calibrated, alike on both runtimes; opinions without boxes."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core.card import Platt
from cxr_core.detect import load_detector, load_detectors
from cxr_core.detect.litert import LiteRTRuntime
from cxr_core.errors import ModelError, ModelInvalid
from tests import fakes
from tests.detect import networks

RUNTIMES = ("litert", "tensorflow")


@pytest.fixture(scope="session")
def opinions(tmp_path_factory, tf):
    """Folders of one tiny classifier: with class_maps, without, and one whose card calls it a detector."""
    root, net = tmp_path_factory.mktemp("opinions"), networks.tiny_network(tf)
    networks.export_opinion(tf, net, root / "mapped")
    networks.export_opinion(tf, net, root / "plain", maps=False)
    networks.export_opinion(tf, net, root / "detector", role="detector")
    return root


def opened(opinions, name, settings, runtime):
    return load_detector(opinions / name, replace(settings, runtime=runtime))


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["mapped", "plain"])
def test_an_opinion_needs_no_boxes(opinions, settings, batch, runtime, name):
    for found in opened(opinions, name, settings, runtime).detect(batch, 0.0):
        assert set(found.scores) == {"COVID-19", "Mass"}
        assert found.boxes.shape == (0, 4)
        assert found.anatomy == ()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_detector_without_boxes_is_refused(opinions, settings, runtime):
    with pytest.raises(ModelInvalid, match=r"is not a detector of its card: found .*raw_detection_boxes"):
        opened(opinions, "detector", settings, runtime)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_cells_and_constant_are_the_log_odds_of_the_calibrated_score(opinions, settings, batch, runtime):
    detector = opened(opinions, "mapped", settings, runtime)
    assert detector.explains
    constants = set()
    for said, seen in zip(detector.explain(batch), detector.detect(batch), strict=True):
        assert set(said) == {"COVID-19", "Mass"}
        for label, item in said.items():
            assert item.cells.shape == (6, 8)
            assert item.score == pytest.approx(seen.scores[label], abs=1e-6)
            whole = item.cells.sum(dtype=np.float64) + item.constant
            assert whole == pytest.approx(np.log(item.score / (1 - item.score)), abs=1e-5)
            constants.add((label, round(item.constant, 3)))
    calibrations = {"COVID-19": networks.LABELS[1].calibration, "Mass": networks.LABELS[2].calibration}
    assert constants == {(label, round(c.slope * 0.25 + c.intercept, 3)) for label, c in calibrations.items()}


def test_both_runtimes_show_the_same_places(opinions, settings, batch):
    one, other = (opened(opinions, "mapped", settings, runtime).explain(batch) for runtime in RUNTIMES)
    for mine, theirs in zip(one, other, strict=True):
        for label in mine:
            np.testing.assert_allclose(mine[label].cells, theirs[label].cells, atol=1e-3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_maps_come_only_when_asked_for(opinions, settings, batch, runtime):
    network = opened(opinions, "mapped", settings, runtime).runtime
    assert network.run(batch).class_maps is None
    assert network.run(batch, maps=True).class_maps.shape == (7, 6, 8, 3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_without_maps_explains_nothing(opinions, settings, batch, runtime):
    detector = opened(opinions, "plain", settings, runtime)
    assert not detector.explains
    assert [dict(said) for said in detector.explain(batch)] == [{}] * 7


def test_foreign_exports_explain_nothing(exports, settings, batch):
    for folder in (exports.foreign, exports.foreign_one):
        (detector,) = load_detectors(replace(settings, models_dir=folder))
        assert not detector.explains
        films = np.repeat(batch, detector.card.input.channels, axis=-1)
        assert [dict(said) for said in detector.explain(films)] == [{}] * 7


def test_maps_of_another_number_of_classes_are_refused(tf, tmp_path):
    net = networks.tiny_network(tf)

    def answer(grey):
        said = networks.opinion_outputs(tf, net, grey)
        return said | {"class_maps": said["class_maps"][..., :2]}

    spec = tf.TensorSpec((1, 48, 64, 1), tf.float32, name="image")
    (tmp_path / "model.tflite").write_bytes(networks.frozen_litert(tf, answer, spec))
    with pytest.raises(ModelInvalid, match=r"class_maps \(1, 6, 8, 2\).*class_maps \(N, h, w, 3\) if any"):
        LiteRTRuntime(tmp_path / "model.tflite", networks.make_card(tmp_path, role="second_opinion"), 1)


def test_maps_that_are_no_numbers_are_not_shown():
    network = fakes.PatchNetwork(1)
    detector = fakes.covid(network)
    film = np.zeros((1, 32, 64, 1), np.float32)
    detector.explain(film)
    film[0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="maps that are no numbers"):
        detector.explain(film)


def test_two_classes_of_one_finding_show_the_stronger_one_s_place(tmp_path):
    labels = (
        networks.LabelCard(1, "a", "Mass", calibration=Platt(1.0, -2.0)),
        networks.LabelCard(2, "b", "Mass", calibration=Platt(2.0, 0.0)),
    )
    detector = fakes.Detector(networks.make_card(tmp_path, labels=labels), fakes.PatchNetwork(2))
    film = np.full((1, 48, 64, 1), 200, np.float32)
    (said,) = detector.explain(film)
    (seen,) = detector.detect(film)
    assert said["Mass"].score == pytest.approx(seen.scores["Mass"])
    np.testing.assert_allclose(said["Mass"].cells, 2 * 200 / 255, rtol=1e-5)
