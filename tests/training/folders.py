"""A small data folder in the shared layout, of generated films, and a recipe small enough to train in seconds."""

import csv
from dataclasses import replace

import cv2
import numpy as np

from cxr_core.records import NIH_LABELS
from training.recipe import load


def table(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (96, 96)))


def nih_rows():
    """(images, boxes, opacities): each label boxed once in every fold, clear and labelled films beside."""
    images, boxes, opacities = [], [], []
    for fold in range(5):
        for number, label in enumerate(NIH_LABELS):
            name = f"{fold}{number}_boxed"
            text = "Infiltration" if label == "Infiltrate" else label
            images.append((name, text, "PA", "F", "50", f"g{name}", fold, ""))
            boxes.append((name, label, 100 + 20 * number, 200, 300, 400))
        images.append((f"{fold}_clear", "No Finding", "AP", "M", "60", f"gc{fold}", fold, "Normal"))
        images.append((f"{fold}_label", "Effusion|Mass|Consolidation", "PA", "F", "40", f"gl{fold}", fold, ""))
        images.append(
            (
                f"{fold}_rare",
                "Edema|Emphysema|Fibrosis|Hernia|Pleural_Thickening",
                "PA",
                "F",
                "40",
                f"gr{fold}",
                fold,
                "",
            )
        )
        images.append((f"{fold}_rsna", "Edema", "AP", "M", "70", f"go{fold}", fold, "Lung Opacity"))
        opacities.append((f"{fold}_rsna", 150, 500, 200, 300))
    return images, boxes, opacities


def write_nih(folder, images, boxes, opacities):
    root = folder / "nih"
    columns = ("image", "finding_labels", "view", "sex", "age", "group", "fold", "rsna_class")
    table(root / "images.csv", columns, images)
    table(root / "boxes.csv", ("image", "label", "x", "y", "w", "h"), boxes)
    table(root / "rsna_opacity_boxes.csv", ("image", "x", "y", "w", "h"), opacities)
    for seed, row in enumerate(images):
        picture(root / "images" / f"{row[0]}.jpg", seed)


COVID_KINDS = (
    ("siim", "Typical Appearance", "positive", "train"),
    ("siim", "Negative for Pneumonia", "negative", "train"),
    ("siim", "Atypical Appearance", "uncertain", "train"),
    ("radiography", "COVID-19", "positive", "train"),
    ("radiography", "Normal", "negative", "train"),
    ("radiography", "Viral Pneumonia", "negative", "train"),
    ("ieee8023", "COVID-19", "positive", "external"),
    ("ieee8023", "SARS", "negative", "external"),
    ("ieee8023", "No Finding", "negative", "external"),
)


def covid_rows():
    """(images, boxes): three films of each kind in every fold."""
    images, boxes = [], []
    for fold in range(5):
        for kind, (source, finding, covid, role) in enumerate(COVID_KINDS):
            for copy in range(3):
                name = f"{source}/{fold}{kind}{copy}.jpg"
                images.append((name, source, finding, covid, f"c{fold}{kind}{copy}", role, fold))
                if source == "siim":
                    boxes.append((name, "lungs", 0.1, 0.1, 0.9, 0.85))
                    if covid != "negative":
                        boxes.append((name, "opacity", 0.2, 0.3, 0.4, 0.7))
    return images, boxes


def write_covid(folder, images, boxes):
    root = folder / "covid"
    table(root / "images.csv", ("file", "source", "finding", "covid", "group", "role", "fold"), images)
    table(root / "boxes.csv", ("file", "kind", "x1", "y1", "x2", "y2"), boxes)
    for seed, row in enumerate(images):
        picture(root / row[0], seed)


def small(name):
    """A recipe with a small picture, a small head and two or three images of everything."""
    recipe = load(name)
    strata = dict.fromkeys(recipe.strata, 1)
    return replace(recipe, size=64, cache_size=80, width=16, depth=1, warm_up=2, strata=strata)


def small_classifier(name):
    """A classifier's recipe with a small picture, drawn from few films."""
    recipe = load(name)
    drawn = {"films": 8} if recipe.films else {}
    return replace(recipe, size=64, cache_size=80, warm_up=2, strata=dict.fromkeys(recipe.strata, 1), steps=2, **drawn)
