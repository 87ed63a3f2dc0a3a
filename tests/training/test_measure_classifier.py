"""Figures of classifiers on answers whose figures are known."""

from pathlib import Path

import numpy as np
import pytest

from training import covid, measure_classifier, radiography
from training.data import EXTERNAL, Example

COUNTS = {radiography.COVID: 150, radiography.VIRAL: 140, radiography.NORMAL: 300}
PLACES = {"siim": ("Typical Appearance", "Negative for Pneumonia"), "ieee8023": ("COVID-19", "SARS")}


def four(name, finding, source="radiography", stratum="any", fold=4):
    targets = {other: int(other == finding) for other in radiography.FOUR}
    return Example(name, Path(name), name, fold, stratum, source, targets, facts={"finding": finding})


@pytest.fixture(scope="module")
def films():
    """A held-out fold of all classes with few opacities, and films of the two other sources."""
    found = [four(f"{finding}{k}", finding) for finding, count in COUNTS.items() for k in range(count)]
    found += [four(f"opacity{k}", radiography.OPACITY, "nih") for k in range(44)]
    found += [four(f"clear{k}", radiography.NORMAL, "nih") for k in range(60)]
    for source, findings in PLACES.items():
        for covid_, finding in zip((1, 0), findings, strict=True):
            fold = 4 if source == "siim" else EXTERNAL
            found += [
                Example(
                    f"{source}{covid_}{k}", Path("none"), f"{source}{covid_}{k}", fold, "", source,
                    {radiography.COVID: covid_, covid.COVID: covid_}, facts={"finding": finding},
                )
                for k in range(30)
            ]  # fmt: skip
    return found


def knowing(examples, _what):
    """Knows the collection by heart and says COVID-19 of every film elsewhere."""
    rows = [[item.targets.get(name, name == radiography.COVID) for name in radiography.FOUR] for item in examples]
    return 0.05 + 0.9 * np.array(rows, float).reshape(-1, 4)


def test_one_that_knows_the_collection_shines_inside_it_and_tosses_a_coin_outside(films):
    found = measure_classifier.measure_four(knowing_only_inside, films, frozenset(), 4).metrics
    for group in ("published_protocol", "held_out_fold"):
        assert found[group]["accuracy"]["value"] == 1
        assert found[group]["auc_macro"]["value"] == 1
    assert found["published_protocol"]["accuracy"]["n"] == 400
    assert found["published_protocol"]["covid_recognised"]["n"] == 100
    assert found["radiography"]["covid_v_rest_accuracy"] == {"value": 1, "low": 1, "high": 1, "n": 590}
    assert found["within_nih"]["lung_opacity_v_no_finding_auc"]["n"] == 104
    assert found["siim"]["typical_v_no_pneumonia_auc"]["value"] == 0.5
    assert found["outside_ieee8023"]["accuracy_at_one_half"]["value"] == 0.5
    assert found["outside_ieee8023"]["covid_v_other_pneumonia_auc"]["n"] == 60


def knowing_only_inside(examples, what):
    scores = knowing(examples, what)
    scores[[item.source in PLACES for item in examples]] = 0.95
    return scores


def test_the_published_protocol_is_four_hundred_films_a_quarter_of_them_covid(films):
    held = [item for item in films if item.stratum]
    rows = measure_classifier.drawn(held)
    findings = [held[row].facts["finding"] for row in rows]
    assert len(set(rows)) == 400
    assert {name: findings.count(name) for name in radiography.FOUR} == {
        radiography.COVID: 100,
        radiography.OPACITY: 44,
        radiography.VIRAL: 128,
        radiography.NORMAL: 128,
    }
    assert not [row for row in rows if held[row].source == "nih" and held[row].facts["finding"] == radiography.NORMAL]
    assert (measure_classifier.drawn(held) == rows).all()
    assert (measure_classifier.drawn(held, seed=2) != rows).any()


def test_films_are_counted_by_what_they_are_and_what_is_said(films):
    held = [item for item in films if item.stratum]
    answers = knowing(held, "")
    answers[:10] = answers[200]  # ten COVID-19 films taken for viral pneumonia
    table = measure_classifier.told(held, answers)
    assert table["COVID-19"] == {
        "told_without_pneumonia": 0,
        "told_Viral Pneumonia": 10,
        "told_Lung Opacity": 0,
        "told_COVID-19": 140,
    }
    assert sum(count for row in table.values() for count in row.values()) == len(held)


def two(item):
    """The same film for the two-class network: viral pneumonias are only measured."""
    known = item.source == "radiography" and item.facts["finding"] != radiography.VIRAL
    targets = {covid.COVID: item.targets[radiography.COVID]}
    return Example(
        item.name, item.path, item.group, item.fold, "any" if known else "", item.source, targets, facts=item.facts
    )


def test_the_small_network_is_measured_on_its_own_films_the_fold_and_elsewhere(films):
    own = [four(f"own{k}", radiography.COVID if k % 2 else radiography.NORMAL, fold=1) for k in range(40)]
    examples = [two(item) for item in [*films, *own] if item.source != "nih"]

    def half_right(asked, what):
        truth = np.array([item.targets[covid.COVID] for item in asked], float)
        wrong = np.arange(len(asked)) % 4 == 0 if what == "own validation" else np.zeros(len(asked), bool)
        return np.where(wrong, 1 - truth, truth)[:, None] * 0.8 + 0.1

    found = measure_classifier.measure_two(half_right, examples, frozenset(item.name for item in own), 4)
    values = found.metrics
    assert values["own_validation"]["accuracy_at_one_half"]["value"] == 0.75
    assert values["own_validation"]["accuracy_at_one_half"]["n"] == 40
    held = values["radiography_held_out_fold"]
    assert held["covid_v_films_without_pneumonia_accuracy_at_one_half"]["n"] == 450
    assert held["covid_v_viral_pneumonia_auc"] == {"value": 1, "low": 1, "high": 1, "n": 290}
    assert set(found.calibrated) == {covid.POSITIVE}
    assert set(values["subgroups"]["COVID-19"]) == {"source radiography", "source siim", "source ieee8023"}
