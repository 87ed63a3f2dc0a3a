"""Small folders in other makers' layouts: Pascal VOC XML, NIH's own list, foreign TFRecords, reviews."""

import hashlib
import json

import cv2
import numpy as np
import tensorflow as tf

from cxr_core.records import NIH_LABELS
from tests.training.folders import picture


def voc_xml(name, objects, size=(96, 96)):
    """As labelImg writes it: ``objects`` are (class, xmin, ymin, xmax, ymax)."""
    boxes = "".join(
        f"<object><name>{label}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult><bndbox>"
        f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for label, x1, y1, x2, y2 in objects
    )
    return (
        f"<annotation><folder>films</folder><filename>{name}</filename><path>C:\\films\\{name}</path>"
        f"<source><database>Unknown</database></source><size><width>{size[0]}</width><height>{size[1]}</height>"
        f"<depth>1</depth></size><segmented>0</segmented>{boxes}</annotation>"
    )


def write_voc(folder, films=20):
    """Half positive, half negative, each with one box of the lungs; every second picture is wide."""
    for number in range(films):
        label = "covid_19_positive" if number % 2 else "covid_19_negative"
        size = (96, 96) if number % 4 < 2 else (120, 60)
        grey = np.random.default_rng(number).integers(0, 256, (size[1], size[0])).astype(np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"film {number}.png"), grey)
        (folder / f"film {number}.xml").write_text(voc_xml(f"film {number}.png", [(label, 10, 8, 80, 55)], size))
    return folder


def nih_name(label, patient):
    return f"{patient:08d}_{NIH_LABELS.index(label):03d}.png"


def write_box_list(folder, entries=True, patients=12):
    """Each patient has a film of every sign; with ``entries`` also one without a finding and one with labels alone."""
    lines, listed = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"], []
    for patient in range(patients):
        for number, label in enumerate(NIH_LABELS):
            name = nih_name(label, patient)
            picture(folder / "images_001" / "images" / name, 100 * patient + number)
            lines.append(f"{name},{label},{100 + 20 * number}.5,200,300,400.25,,,")
            listed.append((name, "Infiltration" if label == "Infiltrate" else label, patient))
        for number, text in ((90, "No Finding"), (91, "Edema|Effusion")):
            if entries:
                name = f"{patient:08d}_{number:03d}.png"
                picture(folder / "images_001" / "images" / name, 100 * patient + number)
                listed.append((name, text, patient))
    (folder / "BBox_List_2017.csv").write_text("\n".join(lines) + "\n")
    if entries:
        head = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,Width,Height"
        listed.append(("00999999_000.png", "Hernia", 999999))  # a film that this site does not keep
        rows = [f"{name},{text},0,{patient},58,M,PA,1024,1024" for name, text, patient in listed]
        (folder / "Data_Entry_2017.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder


def foreign_record(name, data, boxes, **changes):
    """A record as ``create_pascal_tf_record.py`` makes it; ``boxes`` are (class id, class, xmin, ymin, xmax, ymax)."""
    values = {
        "image/encoded": [data],
        "image/filename": [name.encode()],
        "image/source_id": [name.encode()],
        "image/format": [b"png"],
        "image/height": [96],
        "image/width": [96],
        "image/object/class/label": [box[0] for box in boxes],
        "image/object/class/text": [box[1].encode() for box in boxes],
    }
    values |= {
        f"image/object/bbox/{side}": [float(box[place]) for box in boxes]
        for place, side in enumerate(("xmin", "ymin", "xmax", "ymax"), 2)
    }
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    made = {}
    for key, found in (values | changes).items():
        if found:
            made[key] = tf.train.Feature(**{kinds[type(found[0])]: {"value": found}})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def png(seed=0, shape=(96, 96)):
    grey = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    return cv2.imencode(".png", grey)[1].tobytes()


def review(file, data, findings, **changes):
    """One line of reviews.jsonl of a film with these bytes."""
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).shape
    line = {
        "format": 1,
        "file": file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "image": {"width": width, "height": height},
        "decision": "agree",
        "findings": findings,
        "reviewer": {"role": "radiologist"},
        "reviewed_at": "2026-03-01T14:05:00+01:00",
        "models": "ab" * 32,
    }
    return json.dumps(line | changes)
