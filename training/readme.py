"""The tables of figures in README.md and docs/training.md, written from the models' cards alone.

In: texts with two marks, cards. Out: the texts with the rows between the marks made anew. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_core.card import CARD_FILE, ModelCard, load_card
from training.errors import TrainingError

START, END = "<!-- figures: python -m training readme -->", "<!-- end of figures -->"
FILES = (Path("README.md"), Path("docs/training.md"))


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one model's card, and what it is in words."""

    model: str
    group: str
    name: str
    words: str


ROWS = (
    Row("covid_ssd", "siim", "typical_v_no_pneumonia_auc", "SIIM, typical appearance v. no pneumonia, AUC"),
    Row(
        "covid_ssd",
        "siim",
        "typical_v_no_pneumonia_accuracy",
        "the same, accuracy at a threshold chosen on other patients",
    ),
    Row(
        "covid_ssd", "boxes_on_siim", "opacity_ap_iou_0.5", "radiologists' opacity boxes, average precision at IoU 0.5"
    ),
    Row("covid_ssd", "radiography", "covid_v_rest_auc", "Radiography Database, COVID-19 v. the rest, AUC"),
    Row(
        "covid_ssd",
        "shortcut_controls_on_siim",
        "lungs_blacked_out_auc",
        "SIIM with the lungs blacked out (0.5 is chance), AUC",
    ),
    Row(
        "covid_ssd",
        "shortcut_controls_on_siim",
        "lungs_only_minus_full_auc",
        "SIIM, AUC with only the lungs, minus all",
    ),
    Row(
        "covid_ssd",
        "shortcut_controls_on_siim",
        "retrained_with_the_lungs_blacked_out_auc",
        "another network that never saw a lung, AUC: what a film's rest gives away",
    ),
    Row(
        "covid_ssd",
        "outside_ieee8023",
        "covid_v_other_pneumonia_auc",
        "outside hospitals, COVID-19 v. another pneumonia, AUC",
    ),
    Row("nih_ssd", "image_auc", "macro", "image AUC, mean of eight signs"),
    Row("nih_ssd", "location", "top1_iou_0.1", "first box of the true sign hits, IoU > 0.1, mean of eight"),
    Row("nih_ssd", "location", "top1_iou_0.3", "the same, IoU > 0.3"),
    Row("nih_ssd", "location", "top1_iou_0.5", "the same, IoU > 0.5"),
    Row(
        "nih_ssd",
        "location",
        "top1_iou_0.1_without_cardiomegaly",
        "without Cardiomegaly, which a fixed box hits, IoU > 0.1",
    ),
    Row("nih_ssd", "location", "top1_iou_0.3_without_cardiomegaly", "the same, IoU > 0.3"),
    Row("nih_ssd", "location", "top1_iou_0.5_without_cardiomegaly", "the same, IoU > 0.5"),
    Row("nih_ssd", "boxes", "map_iou_0.5", "mean average precision at IoU 0.5"),
    Row("nih_ssd", "boxes", "sensitivity_at_1_false_box", "share of boxes found at one false box a film"),
    Row(
        "covid_cnn",
        "own_validation",
        "accuracy_at_one_half",
        "its own validation films, accuracy, as the published 0.985",
    ),
    Row(
        "covid_cnn",
        "radiography_held_out_fold",
        "covid_v_films_without_pneumonia_accuracy",
        "Radiography Database, COVID-19 v. films without pneumonia, accuracy at a threshold chosen on other patients",
    ),
    Row(
        "covid_cnn",
        "siim",
        "typical_v_no_pneumonia_auc",
        "SIIM, typical appearance v. no pneumonia, AUC (0.5 is chance)",
    ),
    Row(
        "covid_cnn",
        "outside_ieee8023",
        "covid_v_other_pneumonia_auc",
        "outside hospitals, COVID-19 v. another pneumonia, AUC",
    ),
    Row(
        "radiography4",
        "published_protocol",
        "accuracy",
        "400 films as published, four classes, accuracy of the calibrated scores (published 0.95)",
    ),
    Row("radiography4", "published_protocol", "accuracy_of_raw_scores", "the same, of the raw scores"),
    Row("radiography4", "published_protocol", "auc_macro", "the same, AUC, mean of the four (published 0.98)"),
    Row(
        "radiography4",
        "radiography",
        "covid_v_rest_accuracy",
        "Radiography Database, COVID-19 v. the rest, accuracy at a threshold chosen on other patients",
    ),
    Row("radiography4", "radiography", "covid_v_rest_auc", "the same, AUC"),
    Row("radiography4", "within_nih", "lung_opacity_v_no_finding_auc", "NIH alone, Lung Opacity v. no finding, AUC"),
    Row("radiography4", "siim", "typical_v_no_pneumonia_auc", "SIIM, typical appearance v. no pneumonia, AUC"),
    Row(
        "radiography4",
        "outside_ieee8023",
        "covid_v_other_pneumonia_auc",
        "outside hospitals, COVID-19 v. another pneumonia, AUC",
    ),
)


def table(cards: Mapping[str, ModelCard], rows: Sequence[Row] = ROWS) -> str:
    """The rows that the cards can fill, as Markdown."""
    lines = ["| detector | on patients never trained on | figure, 95% interval | n |", "|---|---|---|---|"]
    for row in rows:
        card = cards.get(row.model)
        figure = card.metrics.get(row.group, {}).get(row.name) if card else None
        if figure:
            value = f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
            lines.append(f"| {row.model} | {row.words} `{row.group}.{row.name}` | {value} | {figure['n']:,} |")
    return "\n".join(lines)


def refreshed(text: str, cards: Mapping[str, ModelCard]) -> str:
    """The text with the table of today's cards between its marks; TrainingError if it has not exactly one place."""
    if text.count(START) != 1 or text.count(END) != 1 or text.index(END) < text.index(START):
        raise TrainingError(f"expected the lines {START} and {END} once each, in this order")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{table(cards)}\n\n{END}{after}"


def cards_of(models: Path) -> dict[str, ModelCard]:
    """The cards of the models that have one and are told of here."""
    names = {row.model for row in ROWS}
    return {name: load_card(models / name) for name in sorted(names) if (models / name / CARD_FILE).is_file()}


def refresh(models: Path, root: Path) -> list[Path]:
    """Rewrites the files; returns those that changed."""
    cards = cards_of(models)
    changed = []
    for name in FILES:
        path = root / name
        old = path.read_text(encoding="utf-8")
        new = refreshed(old, cards)
        if new != old:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed
