"""The model card: written and read back, digests, calibration, thresholds."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.card import (
    CARD_FILE,
    Decoding,
    InputSpec,
    LabelCard,
    ModelCard,
    Platt,
    WeightsFile,
    card_from_dict,
    load_card,
    sha256_of,
    thresholds_of,
)
from cxr_core.errors import ModelInvalid, RecordError
from cxr_core.records import PRESETS, Interval, OperatingPoint
from tests.strategies import HEX, TEXT, UNIT

numbers = st.floats(-1e6, 1e6)
intervals = st.builds(Interval, UNIT, UNIT, UNIT) | st.none()
points = st.dictionaries(st.sampled_from(PRESETS), st.builds(OperatingPoint, UNIT, intervals, intervals))
facts = st.dictionaries(TEXT, st.recursive(numbers | TEXT | st.none(), st.lists, max_leaves=4), max_size=3)


@st.composite
def cards(draw) -> ModelCard:
    labels = [
        LabelCard(number, name, draw(TEXT | st.none()), draw(st.sampled_from(["urgent", "soon"])),
                  draw(st.builds(Platt, numbers, numbers)), draw(UNIT), draw(points))
        for number, name in enumerate(draw(st.lists(TEXT, min_size=1, max_size=4)), 1)
    ]  # fmt: skip
    return ModelCard(
        name=draw(TEXT), version=draw(TEXT), title=draw(TEXT), task=draw(TEXT), created=draw(TEXT),
        input=draw(st.builds(InputSpec, *[st.integers(1, 2000)] * 3, st.tuples(numbers, numbers), numbers)),
        labels=tuple(draw(st.permutations(labels))),
        files=draw(st.dictionaries(st.sampled_from(["litert", "saved_model"]), st.builds(WeightsFile, TEXT, HEX))),
        decoding=draw(st.builds(Decoding, UNIT, st.integers(1, 100))), licence=draw(TEXT),
        limits=tuple(draw(st.lists(TEXT, max_size=2))), data=draw(facts), metrics=draw(facts), curves=draw(facts),
    )  # fmt: skip


def card(**changes) -> ModelCard:
    return replace(
        ModelCard("m", "1", "M", "detection", "2026-01-01", InputSpec(8, 8), (LabelCard(1, "mass", "Mass"),), {}),
        **changes,
    )


@given(cards())
def test_a_card_is_read_back_as_written(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("model")
    made.save(folder)
    assert load_card(folder) == made


def test_no_card_is_named(tmp_path):
    with pytest.raises(ModelInvalid, match=f"{tmp_path.name} has no card.json"):
        load_card(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda raw: raw.pop("name"), "name"),
        (lambda raw: raw.pop("labels"), "labels"),
        (lambda raw: raw.update(format=2), "format must be 1, got 2"),
        (lambda raw: raw.update(labels=[]), "label ids"),
        (lambda raw: raw["labels"][0].update(id=2), "without gaps"),
        (lambda raw: raw["labels"][0].update(colour="red"), "colour"),
        (lambda raw: raw["input"].pop("height"), "height"),
        (lambda raw: raw.update(files={"litert": {"path": "a"}}), "sha256"),
        (lambda raw: raw.update(files=["model.tflite"]), "list"),
        (lambda raw: raw.update(labels=["mass"]), "dictionary"),
        (lambda raw: raw["labels"][0].update(operating_points={"balanced": {"threshold": 1.5}}), "threshold"),
    ],
)
def test_a_wrong_card_says_which_field(tmp_path, change, reason):
    raw = json.loads(card().save(tmp_path).read_text())
    change(raw)
    (tmp_path / CARD_FILE).write_text(json.dumps(raw))
    with pytest.raises(ModelInvalid, match=reason):
        load_card(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"card"', "\0"])
def test_what_is_no_card_is_refused(tmp_path, text):
    (tmp_path / CARD_FILE).write_text(text)
    with pytest.raises(ModelInvalid, match="cannot be used"):
        load_card(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / CARD_FILE).write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ModelInvalid, match="cannot be used"):
        load_card(tmp_path)


def test_an_older_reader_s_optional_fields_have_defaults():
    raw = json.loads(json.dumps({"format": 1, "name": "m", "version": "1", "title": "M", "task": "d", "created": "",
                                 "input": {"height": 8, "width": 8, "value_range": [0, 1]}, "files": {},
                                 "labels": [{"id": 1, "name": "mass", "finding": "Mass"}]}))  # fmt: skip
    assert card_from_dict(raw).decoding == Decoding()
    assert card_from_dict(raw).labels[0].calibration == Platt()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(0.05, 10), st.floats(-5, 5))
def test_calibration_keeps_the_order_and_stays_a_probability(raw, slope, intercept):
    calibrated = Platt(slope, intercept)(np.sort(raw))
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated) >= 0).all()


def test_no_calibration_changes_nothing():
    raw = np.linspace(0.001, 0.999, 50)
    np.testing.assert_allclose(Platt()(raw), raw, atol=1e-12)
    assert math.isclose(float(Platt(1.0, 1.0)(0.5)), 1 / (1 + math.exp(-1)))


def test_the_reference_changes_with_weights_and_with_label_facts():
    """A threshold belongs to a model version: what was screened by other weights must not pass for these."""
    first = card(files={"litert": WeightsFile("a", "1" * 64)})
    others = [
        replace(first, files={"litert": WeightsFile("a", "2" * 64)}),
        replace(first, labels=(LabelCard(1, "mass", "Mass", calibration=Platt(2.0, 0.0)),)),
    ]
    assert first.ref() == replace(first, title="Another title").ref()
    assert len({first.ref().sha256, *(other.ref().sha256 for other in others)}) == 3


def test_thresholds_of_a_preset():
    operating = {"balanced": OperatingPoint(0.3)}
    labels = (
        LabelCard(1, "a", "Mass", operating_points=operating),
        LabelCard(2, "b", None),
        LabelCard(3, "c", "Nodule"),
    )
    assert thresholds_of((card(labels=labels),), "balanced") == {"Mass": 0.3, "Nodule": 0.5}
    with pytest.raises(RecordError, match="preset must be one of"):
        thresholds_of((card(),), "mine")


def test_the_digest_of_a_folder_sees_names_and_contents_not_the_order_of_writing(tmp_path):
    def folder(name, files):
        for file, content in files:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return sha256_of(tmp_path / name)

    one = folder("one", [("a", b"1"), ("sub/b", b"2")])
    assert one == folder("two", [("sub/b", b"2"), ("a", b"1")])
    assert one != folder("three", [("a", b"2"), ("sub/b", b"1")])
    assert one != folder("four", [("a", b"1"), ("b", b"2")])
    assert sha256_of(tmp_path / "one" / "a") == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
