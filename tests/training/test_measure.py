"""The figures of both systems, for a network that knows the truth and for one that knows nothing."""

import numpy as np
import pytest

from cxr_core.records import NIH_LABELS
from training import covid, lungs, measure_covid, measure_nih, metrics, nih
from training.errors import EmptyClass
from training.judges import Judges
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
    whole = metrics.resamples
    monkeypatch.setattr(metrics, "resamples", lambda groups: whole(groups, 50))


def judged(looking, folds=(4,)):
    """The same witness for every fold."""
    return Judges(dict.fromkeys(folds, looking))


def all_nih(data_folder, looking, folds=(4,)):
    return measure_nih.measure(judged(looking, folds), nih.read(data_folder), folds)


def all_covid(data_folder, looking, folds=(4,)):
    return measure_covid.measure(judged(looking, folds), covid.read(data_folder), folds)


def test_who_knows_the_truth_has_perfect_nih_figures(data_folder):
    found = all_nih(data_folder, Knowing(NIH_LABELS, NIH_LABELS))
    assert found.metrics["location"]["top1_iou_0.5"]["value"] == 1
    assert found.metrics["boxes"]["map_iou_0.5"]["value"] == 1
    assert found.metrics["boxes"]["sensitivity_at_1_false_box"]["value"] == 1
    assert found.metrics["image_auc"]["macro"]["value"] == 1
    flagged = found.metrics["films_flagged_by_any_of_the_eight_labels"]["specific"]
    assert flagged["no_finding"]["value"] == 0
    assert set(found.calibrated) == set(found.box_thresholds) == set(NIH_LABELS)


def test_who_knows_nothing_has_chance_figures(data_folder):
    found = all_nih(data_folder, Blind(NIH_LABELS, NIH_LABELS))
    assert found.metrics["location"]["top1_iou_0.1"]["value"] == 0
    assert found.metrics["boxes"]["map_iou_0.3"]["value"] == 0
    assert found.metrics["image_auc"]["macro"]["value"] == 0.5


def test_only_the_fold_held_out_is_measured(data_folder):
    found = all_nih(data_folder, Knowing(NIH_LABELS, NIH_LABELS))
    assert found.metrics["location"]["top1_iou_0.5"]["n"] == len(NIH_LABELS)


def test_who_knows_the_truth_has_perfect_covid_figures_inside_and_outside(data_folder):
    knowing = Knowing(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID))
    found = all_covid(data_folder, knowing)
    assert found.metrics["siim"]["typical_v_no_pneumonia_auc"]["value"] == 1
    assert found.metrics["boxes_on_siim"]["opacity_ap_iou_0.5"]["value"] == 1
    assert found.metrics["boxes_on_siim"]["lungs_top1_iou_0.5"]["value"] == 1
    assert found.metrics["radiography"]["covid_v_rest_auc"]["value"] == 1
    assert found.metrics["outside_ieee8023"]["covid_v_other_pneumonia_auc"]["value"] == 1
    assert {edit for _, edit in knowing.edits} == {None, lungs.black_lungs, lungs.lungs_alone}


def test_the_controls_cover_the_lungs_or_all_else(data_folder):
    item = next(x for x in covid.read(data_folder) if x.source == "siim")
    whole = film(item) // 257
    inside = film(item, lungs.lungs_alone) // 257
    rest = film(item, lungs.black_lungs) // 257
    assert (inside + rest == whole).all()
    assert rest[48, 48] == 0
    assert inside[2, 2] == 0


FOLDS = (0, 1, 2, 3, 4)


def test_five_folds_are_measured_together(data_folder):
    knowing = Knowing(NIH_LABELS, NIH_LABELS)
    found = all_nih(data_folder, knowing, FOLDS)
    assert found.metrics["location"]["top1_iou_0.5"] == {"value": 1, "low": 1, "high": 1, "n": 5 * len(NIH_LABELS)}
    assert found.metrics["image_auc"]["macro"]["value"] == 1
    assert found.metrics["by_fold"]["image_auc_macro"] == {f"fold {fold}": 1.0 for fold in FOLDS}
    assert found.metrics["boxes"]["map_iou_0.5_pooled"]["value"] == 1
    assert len(knowing.edits) == len(FOLDS)
    covid_found = all_covid(data_folder, Knowing(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID)), FOLDS)
    assert covid_found.metrics["siim"]["typical_v_no_pneumonia_accuracy"]["value"] == 1
    assert covid_found.metrics["by_fold"]["radiography_auc"] == {f"fold {fold}": 1.0 for fold in FOLDS}


class Scaled(Knowing):
    """Knows the truth and says it on a scale of its own: what is high for one network is low for the next."""

    def __init__(self, labels, targets, factor):
        super().__init__(labels, targets)
        self.factor = factor

    def look(self, examples, what, edit=None):
        answers = super().look(examples, what, edit)
        return Answers(answers.image * self.factor, answers.found)


def test_networks_are_ranked_on_their_own_fold(data_folder):
    each = {fold: Scaled(NIH_LABELS, NIH_LABELS, 0.05 ** (fold % 2)) for fold in FOLDS}
    examples = nih.read(data_folder)
    found = measure_nih.measure(Judges(each), examples, FOLDS)
    assert found.metrics["image_auc"]["macro"]["value"] == 1
    assert found.metrics["by_fold"]["image_auc_macro"]["fold 1"] == 1


def test_the_card_says_what_it_draws(data_folder):
    found = all_covid(data_folder, Blind(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID)), FOLDS)
    assert set(found.curves) == {
        "roc",
        "precision_recall",
        "reliability",
        "confusion",
        "scores",
        "rates",
        "froc",
        "failures",
    }
    cells = found.curves["confusion"]["COVID-19"]
    assert {name: sum(cell.values()) for name, cell in cells.items()} == dict.fromkeys(
        ("sensitive", "balanced", "specific"), 30
    )
    subgroup = found.metrics["subgroups"]["COVID-19"]["source siim"]
    assert subgroup["n"] == 30
    assert subgroup["auc"]["value"] == 0.5


def test_the_control_is_measured_on_the_fold_it_never_saw(data_folder):
    class Blacked(Knowing):
        fold = 2

    control = Blacked(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID))
    judges = Judges({4: Knowing(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID))}, {"blacked": control})
    found = measure_covid.measure(judges, covid.read(data_folder), (4,))
    assert "retrained_with_the_lungs_blacked_out_auc" not in found.metrics["shortcut_controls_on_siim"]
    control.fold = 4
    found = measure_covid.measure(judges, covid.read(data_folder), (4,))
    figure = found.metrics["shortcut_controls_on_siim"]["retrained_with_the_lungs_blacked_out_auc"]
    assert figure["value"] == 1
    assert figure["n"] == 6
    assert control.edits == [("lungs blacked out", lungs.black_lungs)]


def test_no_figure_without_a_film(data_folder):
    judges = judged(Knowing(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID)))
    only = [item for item in covid.read(data_folder) if item.source == "siim"]
    found = measure_covid.measure(judges, only, (4,))
    assert found.metrics["radiography"] == found.metrics["outside_ieee8023"] == {}


def test_data_without_both_classes_of_siim_are_refused(data_folder):
    judges = judged(Knowing(covid.BOX_CLASSES, (covid.OPACITY, covid.COVID)))
    others = [item for item in covid.read(data_folder) if item.source != "siim"]
    with pytest.raises(EmptyClass, match="both classes"):
        measure_covid.measure(judges, others, (4,))
