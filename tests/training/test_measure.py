"""The figures of both systems, for a network that knows the truth and for one that knows nothing."""

import numpy as np
import pytest

from cxr_core.records import NIH_LABELS
from training import covid, measure_covid, measure_nih, nih
from training.predict import Answers, Found, film, truths


class Knowing:
    """Says the truth of every film: score .9 or .1, every true box with score .8."""

    def __init__(self, labels, targets):
        self.labels, self.targets = labels, targets
        self.edits = []

    def look(self, examples, what, edit=None):
        self.edits.append((what, edit))
        image = np.array([[0.1 + 0.8 * item.targets.get(name, 0) for name in self.targets] for item in examples])
        return Answers(image, tuple(self.found(item) for item in examples))

    def found(self, item):
        each = [truths([item], label)[0] for label in self.labels]
        classes = np.repeat(np.arange(len(each)), [len(boxes) for boxes in each])
        return Found(np.concatenate(each), classes, np.full(len(classes), 0.8))


class Blind(Knowing):
    """The same answer and one box in a corner for every film."""

    def look(self, examples, what, edit=None):
        corner = np.array([[0.0, 0.0, 0.05, 0.05]] * len(self.labels))
        found = Found(corner, np.arange(len(self.labels)), np.full(len(self.labels), 0.5))
        return Answers(np.full((len(examples), len(self.targets)), 0.5), (found,) * len(examples))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested with the figures of merit; here fifty draws will do."""
    whole = measure_nih.metrics.resamples
    monkeypatch.setattr(measure_nih.metrics, "resamples", lambda groups: whole(groups, 50))


def test_who_knows_the_truth_has_perfect_nih_figures(data_folder):
    found = measure_nih.measure(Knowing(NIH_LABELS, NIH_LABELS), nih.read(data_folder), 4)
    assert found.metrics["location"]["top1_iou_0.5"]["value"] == 1
    assert found.metrics["boxes"]["map_iou_0.5"]["value"] == 1
    assert found.metrics["boxes"]["sensitivity_at_1_false_box"]["value"] == 1
    assert found.metrics["image_auc"]["macro"]["value"] == 1
    flagged = found.metrics["films_flagged_by_any_of_the_eight_labels"]["specific"]
    assert flagged["no_finding"]["value"] == 0
    assert set(found.calibrated) == set(found.box_thresholds) == set(NIH_LABELS)


def test_who_knows_nothing_has_chance_figures(data_folder):
    found = measure_nih.measure(Blind(NIH_LABELS, NIH_LABELS), nih.read(data_folder), 4)
    assert found.metrics["location"]["top1_iou_0.1"]["value"] == 0
    assert found.metrics["boxes"]["map_iou_0.3"]["value"] == 0
    assert found.metrics["image_auc"]["macro"]["value"] == 0.5


def test_only_the_fold_held_out_is_measured(data_folder):
    found = measure_nih.measure(Knowing(NIH_LABELS, NIH_LABELS), nih.read(data_folder), 4)
    assert found.metrics["location"]["top1_iou_0.5"]["n"] == len(NIH_LABELS)


def test_who_knows_the_truth_has_perfect_covid_figures_inside_and_outside(data_folder):
    knowing = Knowing(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID))
    found = measure_covid.measure(knowing, covid.read(data_folder), 4)
    assert found.metrics["siim"]["typical_v_negative_auc"]["value"] == 1
    assert found.metrics["boxes_on_siim"]["opacity_ap_iou_0.5"]["value"] == 1
    assert found.metrics["boxes_on_siim"]["lungs_top1_iou_0.5"]["value"] == 1
    assert found.metrics["radiography"]["covid_v_normal_and_viral_auc"]["value"] == 1
    assert found.metrics["outside_ieee8023"]["covid_v_other_pneumonia_auc"]["value"] == 1
    assert {edit for _, edit in knowing.edits} == {None, measure_covid.black_lungs, measure_covid.lungs_alone}


def test_the_controls_cover_the_lungs_or_all_else(data_folder):
    item = next(x for x in covid.read(data_folder) if x.source == "siim")
    whole = film(item.path, item) // 257
    lungs = film(item.path, item, measure_covid.lungs_alone) // 257
    rest = film(item.path, item, measure_covid.black_lungs) // 257
    assert (lungs + rest == whole).all()
    assert rest[48, 48] == 0
    assert lungs[2, 2] == 0
