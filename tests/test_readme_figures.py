"""The README's figures are those of the shipped model cards, to the digit."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TOLD = [
    ("covid_ssd", "siim", "typical_v_negative_auc"),
    ("covid_ssd", "siim", "typical_v_negative_accuracy"),
    ("covid_ssd", "boxes_on_siim", "opacity_ap_iou_0.5"),
    ("covid_ssd", "radiography", "covid_v_normal_and_viral_auc"),
    ("covid_ssd", "shortcut_controls_on_siim", "lungs_blacked_out_auc"),
    ("covid_ssd", "outside_ieee8023", "covid_v_other_pneumonia_auc"),
    ("nih_ssd", "image_auc", "macro"),
    ("nih_ssd", "location", "top1_iou_0.1"),
    ("nih_ssd", "location", "top1_iou_0.3"),
    ("nih_ssd", "location", "top1_iou_0.3_without_cardiomegaly"),
    ("nih_ssd", "location", "top1_iou_0.5"),
    ("nih_ssd", "boxes", "map_iou_0.5"),
    ("nih_ssd", "boxes", "sensitivity_at_1_false_box"),
]


@pytest.mark.parametrize(("model", "group", "name"), TOLD)
def test_a_figure_of_the_readme_is_the_cards(model, group, name):
    card = json.loads((ROOT / "models" / model / "card.json").read_text())
    figure = card["metrics"][group][name]
    told = f"| {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f}) | {figure['n']:,} |"
    rows = [row for row in (ROOT / "README.md").read_text().splitlines() if f"`{group}.{name}`" in row]
    assert len(rows) == 1
    assert rows[0].endswith(told)
