"""What a detector makes of a runtime's answer: calibration, names, floors, batches; a hand-made runtime answers."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from cxr_core.card import Decoding, LabelCard, Platt
from cxr_core.detect import Detection, Detector
from cxr_core.detect.raw import RawOutput
from cxr_core.errors import ModelError, RecordError
from tests.detect.networks import SPEC, make_card

LABELS = (  # out of order on purpose: ids, not places, name the network's columns
    LabelCard(3, "mass", "Mass", calibration=Platt(2.0, 0.5)),
    LabelCard(1, "covid_19_negative", None),
    LabelCard(2, "covid_19_positive", "COVID-19"),
)


@dataclass
class Answers:
    """Gives the same three boxes for every film and remembers how many films it was shown at once."""

    image_scores: tuple[float, ...] = (0.9, 0.2, 0.7)
    box_scores: tuple[float, ...] = (0.8, 0.3, 0.06)
    name: str = "by hand"
    seen: list[int] = field(default_factory=list)

    def run(self, batch):
        self.seen.append(len(batch))
        boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.25, 1]], np.float32)[None, :, None]
        scores = np.diag(np.asarray(self.box_scores, np.float32))[None]
        image = np.asarray(self.image_scores, np.float32)[None]
        return RawOutput(*(np.repeat(one, len(batch), axis=0) for one in (image, boxes, scores)))


def detector(tmp_path, runtime=None, **changes) -> Detector:
    return Detector(make_card(tmp_path, labels=LABELS, **changes), runtime or Answers(), batch_size=4)


def films(count=1):
    return np.zeros((count, SPEC.height, SPEC.width, 1), np.float32)


def test_scores_are_calibrated_and_named_by_the_class_ids(tmp_path):
    (found,) = detector(tmp_path).detect(films())
    assert found.scores == pytest.approx({"COVID-19": 0.2, "Mass": float(Platt(2.0, 0.5)(0.7))}, abs=1e-6)


def test_boxes_come_with_their_findings_and_the_lungs_apart(tmp_path):
    (found,) = detector(tmp_path).detect(films(), 0.05)
    assert found.labels == ("COVID-19", "Mass")
    np.testing.assert_allclose(found.box_scores, [0.3, 0.06])
    np.testing.assert_allclose(found.boxes, [[32, 24, 64, 48], [32, 0, 64, 12]])
    (lungs,) = found.anatomy
    assert (lungs.name, lungs.box) == ("covid_19_negative", (0, 0, 32, 24))
    assert lungs.score == pytest.approx(0.8)


def test_the_floor_hides_boxes_but_no_image_score(tmp_path):
    (found,) = detector(tmp_path).detect(films(), 0.5)
    assert found.labels == ()
    assert found.boxes.shape == (0, 4)
    assert set(found.scores) == {"COVID-19", "Mass"}


def test_films_go_in_by_the_batch_size(tmp_path):
    runtime = Answers()
    assert len(detector(tmp_path, runtime).detect(films(10))) == 10
    assert runtime.seen == [4, 4, 2]


def test_no_film_needs_no_network(tmp_path):
    runtime = Answers()
    assert detector(tmp_path, runtime).detect(films(0)) == ()
    assert runtime.seen == []


def test_two_classes_of_one_finding_give_its_stronger_score(tmp_path):
    labels = (LabelCard(1, "a", "Mass"), LabelCard(2, "b", "Mass"), LabelCard(3, "c", "Nodule"))
    (found,) = Detector(make_card(tmp_path, labels=labels), Answers()).detect(films())
    assert found.scores == pytest.approx({"Mass": 0.9, "Nodule": 0.7}, abs=1e-6)


def test_the_card_s_cap_and_overlap_are_used(tmp_path):
    (found,) = detector(tmp_path, decoding=Decoding(iou=0.45, max_per_label=1)).detect(films(), 0.0)
    assert sorted(found.labels) == ["COVID-19", "Mass"]


@pytest.mark.parametrize("broken", [{"image_scores": (0.1, np.nan, 0.2)}, {"box_scores": (0.1, np.inf, 0.2)}])
def test_a_network_that_answers_no_numbers_is_not_a_quiet_film(tmp_path, broken):
    with pytest.raises(ModelError, match="no numbers"):
        detector(tmp_path, Answers(**broken)).detect(films())


@pytest.mark.parametrize(
    "batch",
    [np.zeros((1, 48, 64), np.float32), np.zeros((1, 64, 48, 1), np.float32), np.zeros((1, 48, 64, 1), np.float64)],
)
def test_a_batch_of_another_shape_is_refused(tmp_path, batch):
    with pytest.raises(RecordError, match="wants float32"):
        detector(tmp_path).detect(batch)


@pytest.mark.parametrize("floor", [-0.1, 1.1, float("nan")])
def test_a_floor_outside_0_to_1_is_refused(tmp_path, floor):
    with pytest.raises(RecordError, match="floor must lie"):
        detector(tmp_path).detect(films(), floor)


def test_a_detection_with_a_box_too_few_is_refused():
    with pytest.raises(RecordError, match="0 boxes, 1 labels"):
        Detection({}, np.zeros((0, 4)), ("Mass",), np.zeros(1))
