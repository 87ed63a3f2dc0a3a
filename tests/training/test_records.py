"""TFRecord files: what TensorFlow's own parser finds in them, and that nothing is lost on the way."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxr_core.detect.foreign import parse_label_map
from cxr_core.records import NIH_LABELS
from tests.training.foreign import foreign_record, png, write_voc
from training import covid, data, nih, sources
from training.data import Area, Example
from training.errors import BadFile, DataError, EmptyClass, MissingData, UnknownLabel
from training.recipe import load
from training.records import names, write
from training.records.read import read

COVID, NIH = load("covid_ssd"), load("nih_ssd")
LABEL_MAP = "item {\n  id: 1\n  name: 'covid_19_negative'\n}\nitem {\n  id: 2\n  name: 'covid_19_positive'\n}\n"


def bare(examples):
    """The examples without the place of their pictures."""
    return [replace(item, path=None, span=None) for item in examples]


def write_foreign(folder, records, label_map=LABEL_MAP):
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "train.record-00000-of-00001")) as writer:
        for record in records:
            writer.write(record)
    if label_map:
        (folder / "label_map.pbtxt").write_text(label_map)
    return folder


@pytest.mark.parametrize(("recipe", "shards"), [(COVID, 1), (NIH, 3)], ids=["covid_ssd", "nih_ssd in shards"])
def test_examples_from_records_are_those_of_the_folder(data_folder, tmp_path, recipe, shards):
    folder = sources.material(recipe, data_folder)
    write.write(folder.examples, recipe, tmp_path, held_out=4, shards=shards)
    records = sources.material(recipe, tmp_path)
    assert records.layout == "TFRecords"
    assert records.recipe == recipe
    assert bare(records.examples) == bare(folder.examples)
    assert [item.encoded() for item in records.examples] == [item.encoded() for item in folder.examples]


def test_tensorflow_parses_what_was_written(data_folder, tmp_path):
    """By the keys and types of the Object Detection API's own decoder."""
    example = next(item for item in nih.read(data_folder) if item.name == "02_boxed")
    write.write([example], NIH, tmp_path, held_out=4)
    keys = {
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
        "image/format": tf.io.FixedLenFeature((), tf.string),
        "image/filename": tf.io.FixedLenFeature((), tf.string),
        "image/key/sha256": tf.io.FixedLenFeature((), tf.string),
        "image/source_id": tf.io.FixedLenFeature((), tf.string),
        "image/height": tf.io.FixedLenFeature((), tf.int64),
        "image/width": tf.io.FixedLenFeature((), tf.int64),
        "image/object/class/text": tf.io.VarLenFeature(tf.string),
        "image/object/class/label": tf.io.VarLenFeature(tf.int64),
        **{f"image/object/bbox/{side}": tf.io.VarLenFeature(tf.float32) for side in names.SIDES},
    }
    (raw,) = list(tf.data.TFRecordDataset(str(tmp_path / "train.tfrecord")))
    found = tf.io.parse_single_example(raw, keys)
    pixels = tf.io.decode_image(found["image/encoded"]).numpy()
    assert pixels.shape[:2] == (found["image/height"].numpy(), found["image/width"].numpy()) == (96, 96)
    assert found["image/format"].numpy() == b"jpeg"
    assert found["image/filename"].numpy() == b"02_boxed.jpg"
    assert found["image/object/class/label"].values.numpy().tolist() == [3]
    assert found["image/object/class/text"].values.numpy().tolist() == [b"Effusion"]
    corners = [found[f"image/object/bbox/{side}"].values.numpy()[0] for side in names.SIDES]
    assert np.allclose(corners, [140 / 1024, 200 / 1024, 440 / 1024, 600 / 1024])


def test_the_splits_are_the_folds(data_folder, tmp_path):
    examples = covid.read(data_folder)
    made = write.write(examples, COVID, tmp_path, held_out=2)
    counts = {path.name: sum(1 for _ in tf.data.TFRecordDataset(str(path))) for path in made}
    outside = sum(not item.stratum for item in examples)
    held = sum(bool(item.stratum) and item.fold == 2 for item in examples)
    assert counts == {
        "train.tfrecord": len(examples) - outside - held,
        "val.tfrecord": held,
        "test.tfrecord": outside,
    }


def test_the_label_map_counts_from_one_in_the_published_order(data_folder, tmp_path):
    write.write(nih.read(data_folder)[:1], NIH, tmp_path, held_out=4)
    items = parse_label_map((tmp_path / "label_map.pbtxt").read_text())
    assert [(item.id, item.name) for item in items] == list(enumerate(NIH_LABELS, 1))


single = st.floats(0, 1, width=32)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@st.composite
def films(draw):
    """Any example that could come out of a reader; its picture is a constant."""
    areas = []
    for label in draw(st.lists(st.sampled_from([*nih.BOX_CLASSES]), max_size=4)):
        x1, x2, y1, y2 = (draw(single) for _ in range(4))
        if x1 < x2 and y1 < y2:
            areas.append(Area(label, x1, y1, x2, y2))
    # opacities come last: the label map does not know them
    areas.sort(key=lambda item: item.label == nih.OPACITY)
    return Example(
        name=draw(words),
        path=None,
        group=draw(words),
        fold=draw(st.integers(-2, 4)),
        stratum=draw(st.sampled_from(["boxed", "opacity", "labelled", "clear", ""])),
        source=draw(words),
        targets=draw(st.dictionaries(words, st.integers(0, 1), max_size=4)),
        areas=tuple(areas),
        searched=frozenset(draw(st.lists(st.sampled_from(nih.BOX_CLASSES), max_size=3))),
        facts=draw(st.dictionaries(words, st.text(max_size=8), max_size=3)),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(films(), min_size=1, max_size=4, unique_by=lambda item: item.name))
def test_whatever_an_example_says_comes_back(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("records")
    path = folder / "one.png"
    path.write_bytes(png())
    write.write([replace(item, path=path) for item in found], NIH, folder / "out", held_out=4, shards=2)
    back = read(folder / "out", nih.CLASSES)
    assert bare(back) == found
    assert all(item.encoded() == path.read_bytes() for item in back)


def test_records_of_another_maker_are_read(tmp_path):
    films = [
        foreign_record("a.png", png(1), [(2, "covid_19_positive", 0.1, 0.2, 0.5, 0.9)]),
        foreign_record("b.png", png(2), [(1, "", 0.1, 0.2, 0.5, 0.9)], **{"image/object/class/text": []}),
        foreign_record("c.png", png(3), []),
    ]
    found = read(write_foreign(tmp_path, films), covid.CLASSES)
    assert [dict(item.targets) for item in found] == [{"covid": 1, "opacity": 1}, {"covid": 0, "opacity": 0}, {}]
    assert [item.stratum for item in found] == ["typical", "negative", ""]
    assert [item.areas[0].label for item in found[:2]] == ["covid_19_positive", "covid_19_negative"]
    assert found[0].encoded() == png(1)
    assert found[0].fold == data.derived_fold("a")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"image/object/class/text": [b"tumour"]}, UnknownLabel, "record 1: 'tumour' is none of"),
        ({"image/object/class/text": [], "image/object/class/label": [7]}, UnknownLabel, "class 7"),
        ({"image/object/bbox/xmax": [1.3]}, DataError, "record 1: box of covid_19_positive lies outside"),
        ({"image/object/bbox/xmax": [0.05]}, DataError, "no area"),
        ({"image/object/bbox/xmax": [0.5, 0.6]}, BadFile, "1 classes for boxes"),
        ({"image/encoded": []}, MissingData, "holds no picture"),
        ({"image/source_id": [], "image/filename": []}, BadFile, "neither"),
        ({"cxr/group": [b"g"]}, BadFile, "cxr/fold has 0 values"),
        ({"cxr/group": [b"g"], "cxr/fold": [9]}, UnknownLabel, "cxr/fold must be 0 to 4"),
        (
            {key: [b"x"] for key in ("cxr/group", "cxr/stratum", "cxr/source", "cxr/target/name")} | {"cxr/fold": [1]},
            BadFile,
            "cxr/target/name has 1 values, but there are 0",
        ),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path, changes, error, said):
    film = foreign_record("a.png", png(), [(2, "covid_19_positive", 0.1, 0.2, 0.5, 0.9)], **changes)
    with pytest.raises(error, match=said):
        read(write_foreign(tmp_path, [film]), covid.CLASSES)


def test_a_damaged_file_is_named(tmp_path):
    folder = write_foreign(tmp_path, [foreign_record("a.png", png(), [])])
    path = folder / "train.record-00000-of-00001"
    raw = bytearray(path.read_bytes())
    raw[40] ^= 255
    path.write_bytes(raw)
    with pytest.raises(BadFile, match=r"train\.record-00000-of-00001 record 1 is damaged"):
        read(folder, covid.CLASSES)


def test_a_film_in_two_files_and_a_missing_or_strange_label_map_are_named(tmp_path):
    film = foreign_record("a.png", png(), [])
    with pytest.raises(BadFile, match=r"a\.png stands in two records"):
        read(write_foreign(tmp_path / "twice", [film, film]), covid.CLASSES)
    with pytest.raises(MissingData, match="label_map"):
        read(write_foreign(tmp_path / "without", [film], ""), covid.CLASSES)
    with pytest.raises(UnknownLabel, match="'cat' is none of"):
        read(write_foreign(tmp_path / "cats", [film], "item { id: 1 name: 'cat' }"), covid.CLASSES)
    with pytest.raises(BadFile, match="cannot be read"):
        read(write_foreign(tmp_path / "torn", [film], "item { id: 1"), covid.CLASSES)


def test_nothing_is_written_where_a_picture_is_missing_or_records_are(data_folder, tmp_path):
    examples = nih.read(data_folder)[:3]
    with pytest.raises(MissingData, match=examples[1].name):
        write.write([examples[0], replace(examples[1], path=tmp_path / "gone.jpg")], NIH, tmp_path / "out", held_out=4)
    assert not (tmp_path / "out").exists()
    with pytest.raises(EmptyClass):
        write.write([], NIH, tmp_path / "out", held_out=4)
    write.write(examples, NIH, tmp_path / "out", held_out=4)
    with pytest.raises(DataError, match="holds records already"):
        write.write(examples, NIH, tmp_path / "out", held_out=4)


def test_a_wide_picture_keeps_its_size_and_a_tiff_becomes_a_png(tmp_path):
    write_voc(tmp_path / "films", 4)
    found = sources.material(COVID, tmp_path / "films").examples
    wide = next(item for item in found if item.name == "film 2.png")
    assert write.picture(wide)[1:] == (b"png", (120, 60))
    grey = tf.io.decode_png(wide.encoded()).numpy()[..., 0]
    cv2.imwrite(str(tmp_path / "film.tif"), grey)
    encoded, kind, _ = write.picture(replace(wide, path=tmp_path / "film.tif"))
    assert kind == b"png"
    assert (tf.io.decode_png(encoded).numpy()[..., 0] == grey).all()
