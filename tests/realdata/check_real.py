"""Screens 60 real radiographs through the command line; checks the contract strictly and the accuracy modestly.

    python tests/realdata/check_real.py DATA

DATA holds ``nih/`` and ``covid/`` (images.csv, boxes.csv and the films). Thirty films of either kind are drawn from
fold 4; a third is wrapped into DICOM, a third into a zip archive. The shipped detectors learnt from that fold too: the
numbers below say that the chain works, not how good the models are (their cards do, by networks that held it out).
The checks read the outputs with nothing but the standard library, as another program would.
Exit code 1 says what did not hold.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cxr_core.gate import judge  # noqa: E402 - a plain script finds the package beside itself
from cxr_core.gate import load as load_gate  # noqa: E402
from cxr_core.phantom import as_dicom  # noqa: E402
from cxr_core.read import read  # noqa: E402
from cxr_core.settings import Settings  # noqa: E402

SEED, FOLD, EACH = 20, "4", 30
NIH = ["Atelectasis", "Cardiomegaly", "Effusion", "Infiltrate", "Mass", "Nodule", "Pneumonia", "Pneumothorax"]
LABELS = ["COVID-19", *NIH]
KEYS = {
    "file", "sha256", "status", "refusal", "warnings", "image", "models", "scores", "findings", "flagged", "urgency",
    "priority", "rank", "reasons", "seconds",
}  # fmt: skip
GATED, MOST_STOPPED = 75, 0.02  # films of either table; one of a hundred and fifty may be stopped, or two
LANES = ["urgent", "soon", "check", "routine"]

# Well below what the cards report, above what an untrained network reaches: with thirty films a figure swings by 0.1.
FLOORS = {"AUC of COVID-19, Typical v Negative": 0.80, "true NIH box hit (IoU > 0.1)": 0.40, "COVID box hit": 0.50}

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Film:
    """A real film with its truth: ``boxes`` as fractions of width and height, by label."""

    path: Path
    covid: bool | None
    boxes: dict[str, list[Box]]


def main(data: Path) -> int:
    """Draw, screen, check, print; 0 if all holds."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        truth = lay_out(nih_films(data / "nih") + covid_films(data / "covid"), work / "films")
        screen(work)
        lines = [json.loads(text) for text in (work / "out.jsonl").read_text(encoding="utf-8").splitlines()]
        table = (work / "out.csv").read_bytes()
    wrong = [*contract(lines, len(truth) + 1), *agreement(lines, table)]
    found = figures(lines, truth)
    wrong += [f"{name}: {found[name]:.3f} is below {floor}" for name, floor in FLOORS.items() if found[name] < floor]
    stopped, doubted = gate(data)
    wrong += [f"the gate refused {stopped:.1%} of real films"] if stopped > MOST_STOPPED else []
    seconds = sum(sum(line["seconds"].values()) for line in lines) / len(lines)
    print(f"{len(lines)} inputs, {sum(line['status'] == 'screened' for line in lines)} screened, {seconds:.3f} s each")
    for name, value in found.items():
        print(f"{name}: {value:.3f}")
    print(f"gate, false refusals of {2 * GATED} real films: {stopped:.3f}, sent to check: {doubted:.3f}")
    for text in wrong:
        print(f"WRONG: {text}")
    return 1 if wrong else 0


def nih_films(folder: Path) -> list[Film]:
    """Boxed films of the fold."""
    boxes: dict[str, dict[str, list[Box]]] = {}
    for row in rows(folder / "boxes.csv"):
        x, y, w, h = (float(row[name]) / 1024 for name in "xywh")
        boxes.setdefault(row["image"], {}).setdefault(row["label"], []).append((x, y, x + w, y + h))
    held = [row["image"] for row in rows(folder / "images.csv") if row["fold"] == FOLD and row["image"] in boxes]
    chosen = random.Random(SEED).sample(sorted(held), EACH)
    paths = {path.stem: path for path in (folder / "images").rglob("*.jpg")}
    return [Film(paths[image], None, boxes[image]) for image in chosen]


def covid_films(folder: Path) -> list[Film]:
    """Half Typical, half Negative, of one source, so that the source cannot give the answer away."""
    boxes: dict[str, list[Box]] = {}
    for row in rows(folder / "boxes.csv"):
        if row["kind"] == "opacity":
            boxes.setdefault(row["file"], []).append(tuple(float(row[k]) for k in ("x1", "y1", "x2", "y2")))
    chosen: list[Film] = []
    for covid in ("positive", "negative"):
        held = [
            row["file"]
            for row in rows(folder / "images.csv")
            if (row["fold"], row["source"], row["covid"]) == (FOLD, "siim", covid)
        ]
        for name in random.Random(SEED).sample(sorted(held), EACH // 2):
            known = {"COVID-19": boxes[name]} if covid == "positive" and name in boxes else {}
            chosen.append(Film(folder / name, covid == "positive", known))
    return chosen


def gate(data: Path) -> tuple[float, float]:
    """The shares of real frontal films of the fold that the gate refuses, and that it sends to "check"."""
    settings = Settings.from_environment()
    network = load_gate(settings)
    kinds = []
    for table, name, folder in (("nih", "image", "images"), ("covid", "file", "")):
        held = [row for row in rows(data / table / "images.csv") if row["fold"] == FOLD]
        for row in random.Random(SEED).sample(held, GATED):
            path = data / table / folder / (row[name] if Path(row[name]).suffix else f"{row[name]}.jpg")
            kinds.append(judge(read(path.read_bytes(), "", settings), settings, network).kind)
    return kinds.count("refuse") / len(kinds), kinds.count("check") / len(kinds)


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The lines of a CSV file by column."""
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def lay_out(films: list[Film], folder: Path) -> dict[str, Film]:
    """The films under names that tell nothing, as a ward would have them; by the name that the output gives them."""
    (folder / "machine").mkdir(parents=True)
    (folder / "notes.png").write_text("no picture")
    truth: dict[str, Film] = {}
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for number, film in enumerate(films):
            data, name = film.path.read_bytes(), f"{number:02d}.jpg"
            if number % 3 == 0:
                pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).astype(np.uint16) * 257
                kind = "MONOCHROME1" if number % 2 else "MONOCHROME2"
                (folder / "machine" / f"{number:02d}").write_bytes(as_dicom(pixels, photometric=kind, seed=number))
                truth[f"machine/{number:02d}"] = film
            elif number % 3 == 1:
                archive.writestr(f"a/{name}", data)
                truth[f"export.zip/a/{name}"] = film
            else:
                (folder / name).write_bytes(data)
                truth[name] = film
    return truth


def screen(work: Path) -> None:
    """The command as a user gives it."""
    command = [sys.executable, "-m", "cxr_core", "screen", "films", "--jsonl", "out.jsonl", "--csv", "out.csv"]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    code = subprocess.run(command, cwd=work, env=os.environ | {"PYTHONPATH": paths}, check=False).returncode
    if code:
        raise SystemExit(f"WRONG: the command ended with {code}")
    left = sorted(path.name for path in work.iterdir())
    if left != ["films", "out.csv", "out.jsonl"]:
        raise SystemExit(f"WRONG: the command left {left}")


def contract(lines: list[dict], expected: int) -> Iterator[str]:
    """What in the JSON lines is not as the contract says."""
    if len(lines) != expected:
        yield f"{len(lines)} lines for {expected} inputs"
    if sorted(line["rank"] for line in lines) != list(range(1, len(lines) + 1)):
        yield "ranks are not 1 to the number of inputs"
    queue = sorted(lines, key=lambda line: line["rank"])
    if queue != sorted(queue, key=lambda line: (LANES.index(line["urgency"]), -line["priority"])):
        yield "ranks do not follow urgency and priority"
    refused = [line for line in lines if line["status"] == "refused"]
    if [(line["file"], line["refusal"]["code"]) for line in refused] != [("films/notes.png", "not_an_image")]:
        yield f"refused: {[(line['file'], line['refusal']) for line in refused]}"
    for line in lines:
        yield from (f"{line['file']}: {fault}" for fault in faults(line))


def faults(line: dict) -> Iterator[str]:
    """What in one line is not as the contract says."""
    if set(line) != KEYS:
        yield f"keys {sorted(set(line) ^ KEYS)}"
    if len(line["sha256"]) != 64 or not line["reasons"] or set(line["seconds"]) != {"read", "prepare", "detect"}:
        yield "sha256, reasons or seconds"
    if [model["name"] for model in line["models"]] != ["covid_ssd", "nih_ssd"]:
        yield f"models {line['models']}"
    if not all(set(model) == {"name", "version", "sha256"} and len(model["sha256"]) == 64 for model in line["models"]):
        yield "a model without its version and hash"
    if not 0 <= line["priority"] <= 1 or not set(line["flagged"]) <= set(LABELS):
        yield "priority or flags"
    if line["status"] == "refused":
        if line["scores"] or line["findings"] or line["flagged"] or line["urgency"] != "check":
            yield "a refused image with an opinion"
        return
    if line["refusal"] is not None or set(line["image"]) != {"width", "height", "view", "source"}:
        yield "refusal or image"
    if list(line["scores"]) != LABELS or not all(probability(value) for value in line["scores"].values()):
        yield f"scores {line['scores']}"
    if line["image"]["source"] == "dicom" and line["image"]["view"] != "PA":
        yield "the view of the DICOM header is lost"
    yield from box_faults(line)


def box_faults(line: dict) -> Iterator[str]:
    """What is wrong with the findings of one line."""
    width, height = line["image"]["width"], line["image"]["height"]
    counts = [sum(item["label"] == label for item in line["findings"]) for label in LABELS]
    if max(counts) > 10 or sum(counts) != len(line["findings"]):
        yield f"{counts} findings a label"
    for item in line["findings"]:
        x1, y1, x2, y2 = item["box"]
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height and 0.05 <= item["score"] <= 1):
            yield f"finding {item} in {width} x {height}"


def probability(value: object) -> bool:
    """A JSON number in [0, 1]."""
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1


def agreement(lines: list[dict], table: bytes) -> Iterator[str]:
    """What in the CSV table is not as the contract says, or not as the JSON lines say."""
    text = table.decode("utf-8-sig")
    if not table.startswith(b"\xef\xbb\xbf") or text.count("\n") != text.count("\r\n"):
        yield "the table lacks its byte order mark or its CRLF"
    told = {row["file"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    if sorted(told) != sorted(line["file"] for line in lines):
        yield "the table has other rows than the JSON lines"
        return
    for line in lines:
        row = told[line["file"]]
        same = all(str(line[key]) == row[key] for key in ("sha256", "status", "urgency", "rank", "priority"))
        if (
            not same
            or "; ".join(line["flagged"]) != row["flagged"]
            or not datetime.fromisoformat(row["screened_at"]).tzinfo
        ):
            yield f"{line['file']}: table and JSON line differ"
        for label, score in line["scores"].items():
            flag = score >= float(row[f"threshold_{label}"])
            if (float(row[f"score_{label}"]), row[f"flag_{label}"]) != (score, str(int(flag))):
                yield f"{line['file']}: {label} differs"
            if flag != (label in line["flagged"]):
                yield f"{line['file']}: {label} is flagged against its threshold"


def figures(lines: list[dict], truth: dict[str, Film]) -> dict[str, float]:
    """How good the answers are."""
    seen = {line["file"].removeprefix("films/"): line for line in lines}
    pairs = [(film, seen[name]) for name, film in truth.items()]
    positive = [line["scores"]["COVID-19"] for film, line in pairs if film.covid is True]
    negative = [line["scores"]["COVID-19"] for film, line in pairs if film.covid is False]
    wins = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    nih = [hit(line, label, boxes) for film, line in pairs if film.covid is None for label, boxes in film.boxes.items()]
    covid = [hit(line, "COVID-19", film.boxes["COVID-19"]) for film, line in pairs if "COVID-19" in film.boxes]
    return {
        "AUC of COVID-19, Typical v Negative": sum(wins) / len(wins),
        "true NIH box hit (IoU > 0.1)": sum(nih) / len(nih),
        "COVID box hit": sum(covid) / len(covid),
    }


def hit(line: dict, label: str, boxes: list[Box]) -> bool:
    """Whether the best box of a label overlaps one of the true ones (IoU > 0.1)."""
    best = next((item["box"] for item in line["findings"] if item["label"] == label), None)
    if best is None:
        return False
    width, height = line["image"]["width"], line["image"]["height"]
    found = (best[0] / width, best[1] / height, best[2] / width, best[3] / height)
    return any(iou(found, box) > 0.1 for box in boxes)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    common = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return common / (areas - common)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} DATA")
    sys.exit(main(Path(sys.argv[1])))
