"""The JSON-line contract: its keys, and that nothing is lost on the way there and back."""

import json
from dataclasses import replace

import pytest
from hypothesis import given

from cxr_core.errors import RecordError
from cxr_core.records import LABELS
from cxr_core.serial import from_json, review_from_json, review_to_json, screening_to_json, to_json
from cxr_core.triage import rank
from cxr_core.voices import ensemble
from tests.strategies import REVIEWS, screenings

HALF = dict.fromkeys(LABELS, 0.5)
SOON = dict.fromkeys(LABELS, "soon")
KEYS = [
    "file", "sha256", "status", "refusal", "warnings", "image", "models", "scores", "findings", "flagged", "urgency",
    "priority", "rank", "reasons", "seconds",
]  # fmt: skip


@given(screenings())
def test_a_line_read_back_is_the_same_screening(screening):
    (ranked,) = rank([screening], HALF, SOON)
    line = json.loads(json.dumps(to_json(ranked, opinions=True), allow_nan=False))
    assert from_json(line) == screening
    assert from_json(json.loads(json.dumps(screening_to_json(screening)))) == screening


@given(screenings())
def test_a_line_has_exactly_the_keys_of_the_contract(screening):
    (ranked,) = rank([screening], HALF, SOON)
    line = to_json(ranked)
    assert list(line) == KEYS
    assert list(line["seconds"]) == ["read", "prepare", "detect"]
    assert list(line["scores"]) == (list(LABELS) if screening.status == "screened" else [])
    assert line["image"] is None or list(line["image"]) == ["width", "height", "view", "source"]
    assert all(list(item) == ["label", "score", "box"] and len(item["box"]) == 4 for item in line["findings"])
    assert all(list(item) == ["name", "version", "sha256"] for item in line["models"])
    assert (line["rank"], line["urgency"]) == (1, ranked.assessment.urgency)


@given(screenings())
def test_second_opinions_stand_behind_the_contract_where_they_are_asked_for(screening):
    (ranked,) = rank([screening], HALF, SOON)
    line = to_json(ranked, opinions=True)
    assert list(line) == [*KEYS, "opinions", "ensemble"]
    assert all(list(item) == ["model", "version", "sha256", "scores"] for item in line["opinions"])
    assert line["ensemble"] == pytest.approx(ensemble(screening), abs=5e-7)


@given(screenings())
def test_a_line_without_one_of_its_keys_is_no_screening(screening):
    line = screening_to_json(screening)
    for key in line.keys() - {"opinions"}:
        with pytest.raises(RecordError):
            from_json({name: value for name, value in line.items() if name != key})


@given(screenings())
def test_a_line_from_before_there_were_second_opinions_is_read_without_them(screening):
    line = screening_to_json(screening)
    del line["opinions"]
    assert from_json(line) == replace(screening, opinions=())


@given(REVIEWS)
def test_a_review_read_back_is_the_same(review):
    assert review_from_json(json.loads(json.dumps(review_to_json(review), allow_nan=False))) == review


@given(REVIEWS)
def test_a_review_without_one_of_its_keys_is_none(review):
    said = review_to_json(review)
    for key in said:
        with pytest.raises(RecordError, match="not a review"):
            review_from_json({name: value for name, value in said.items() if name != key})
