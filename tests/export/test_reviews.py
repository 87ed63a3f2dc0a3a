"""Reviews for the next training: read by the training's own reader, true to what was said, and without names."""

import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.export.reviews import LEFT_OUT, line, write_reviews
from cxr_core.gate import MENDS
from cxr_core.records import (
    LABELS,
    BlindRead,
    Box,
    FindingReview,
    ImageFacts,
    ModelRef,
    Notice,
    Review,
    Screening,
    models_key,
)
from tests.strategies import REVIEWS, screenings
from training.reviews import parse

AT = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
BOX, ELSEWHERE = Box(410.5, 820, 502, 914), Box(1200, 640, 1490, 900)
MODELS = (ModelRef("covid_ssd", "1.0", "cd" * 32),)


@dataclass(frozen=True)
class Entry:
    screening: Screening
    review: Review | None


def screening(**changes) -> Screening:
    facts = {
        "file": "ward/Zebedee.dcm",
        "sha256": "ab" * 32,
        "status": "screened",
        "image": ImageFacts(2048, 2500, "PA", "dicom"),
        "models": MODELS,
        "scores": dict.fromkeys(LABELS, 0.25),
    }
    return Screening(**(facts | changes))


def entry(*findings, **review) -> Entry:
    changes = review.pop("screening", {})
    said = {
        "decision": "disagree",
        "comment": "Zebedee",
        "reviewed_at": AT,
        "reader": "Dr Zebedee",
        "role": "radiologist",
    }
    return Entry(screening(**changes), Review(**(said | review), findings=findings))


def written(entries, **facts):
    stream = io.BytesIO()
    told = write_reviews(stream, entries, **facts)
    return stream.getvalue(), told


def back(tmp_path, entries, **facts):
    """What the training reads of the lines."""
    data, _ = written(entries, **facts)
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(data)
    return parse(path)


def test_the_training_reads_what_was_said(tmp_path):
    said = (
        FindingReview("Nodule", "agree", None),
        FindingReview("Nodule", "agree", BOX, BOX, 0.4),
        FindingReview("Mass", "added", ELSEWHERE),
        FindingReview("Effusion", "disagree", None),
    )
    (found,) = back(tmp_path, [entry(*said)])
    assert found.truth() == {"Nodule": 1, "Mass": 1, "Effusion": 0}
    assert [(item.label, item.status, item.corners) for item in found.said] == [
        ("Nodule", "agree", BOX.as_tuple()),
        ("Mass", "added", ELSEWHERE.as_tuple()),
        ("Effusion", "disagree", None),
    ]
    assert (found.width, found.height, found.sha256, found.role) == (2048, 2500, "ab" * 32, "radiologist")


def test_the_line_is_the_one_that_the_training_documents():
    told = json.loads(line(screening(), entry(FindingReview("Nodule", "agree", BOX, BOX)).review, identity=True))
    assert told == {
        "format": 1,
        "file": "ward/Zebedee.dcm",
        "sha256": "ab" * 32,
        "image": {"width": 2048, "height": 2500},
        "decision": "disagree",
        "findings": [{"label": "Nodule", "status": "agree", "box": [410.5, 820, 502, 914]}],
        "reviewer": {"role": "radiologist"},
        "reviewed_at": "2026-03-01T14:05:00+00:00",
        "models": models_key(MODELS),
    }


def test_a_rejected_box_says_nothing_of_the_label_elsewhere(tmp_path):
    rejected = FindingReview("Nodule", "disagree", None, BOX)
    (found,) = back(tmp_path, [entry(rejected, FindingReview("Mass", "agree", None))])
    assert found.truth() == {"Mass": 1}
    (found,) = back(tmp_path, [entry(rejected, FindingReview("Nodule", "agree", None))])
    assert found.truth() == {"Nodule": 1}
    (found,) = back(tmp_path, [entry(rejected, FindingReview("Nodule", "disagree", None))])
    assert found.truth() == {"Nodule": 0}


def test_what_was_seen_blind_and_not_spoken_of_later_is_kept(tmp_path):
    blind = BlindRead((FindingReview("Mass", "added", BOX),), ("Mass", "Nodule"), AT)
    (found,) = back(tmp_path, [entry(FindingReview("Nodule", "disagree", None), blind=blind)])
    assert found.truth() == {"Mass": 1, "Nodule": 0}
    assert next(item.corners for item in found.said if item.label == "Mass") == BOX.as_tuple()


def test_without_identity_no_name_leaves(tmp_path):
    data, told = written([entry(FindingReview("Nodule", "agree", None))])
    assert told.lines == 1
    assert b"Zebedee" not in data
    assert json.loads(data)["file"] == "abababababababab.dcm"
    assert b"ward/Zebedee.dcm" in written([entry(FindingReview("Nodule", "agree", None))], identity=True)[0]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (entry(), "nothing said"),
        (entry(FindingReview("Nodule", "disagree", None, BOX)), "nothing said"),
        (
            entry(
                FindingReview("Nodule", "agree", None),
                screening={"warnings": (Notice("turned_90_mended", "turned"),)},
            ),
            "mended",
        ),
        (
            entry(screening={"status": "refused", "refusal": Notice("too_small", "small"), "scores": {}}),
            "not screened",
        ),
    ],
)
def test_what_the_training_could_not_use_is_left_out_and_counted(item, reason):
    data, told = written([item, replace(item, review=None)])
    assert data == b""
    assert dict(told.left_out) == {reason: 1}
    assert reason in LEFT_OUT


@pytest.mark.parametrize("code", sorted(MENDS))
def test_every_mend_of_the_gate_is_known_here(code):
    item = entry(FindingReview("Nodule", "agree", None), screening={"warnings": (Notice(code, "mended"),)})
    assert dict(written([item])[1].left_out) == {"mended": 1}


ENTRIES = st.lists(
    st.builds(Entry, screenings(), st.none() | REVIEWS), max_size=4, unique_by=lambda e: e.screening.sha256
)


@given(ENTRIES, st.booleans())
def test_the_training_reads_whatever_can_be_stored(tmp_path_factory, entries, identity):
    path = tmp_path_factory.mktemp("lines") / "reviews.jsonl"
    data, told = written(entries, identity=identity)
    path.write_bytes(data)
    found = parse(path)
    assert len(found) == told.lines
    assert told.lines + told.left_out.total() == sum(entry.review is not None for entry in entries)
    by_digest = {entry.screening.sha256: entry for entry in entries}
    for item in found:
        review, said_truth = by_digest[item.sha256].review, item.truth()
        for label in LABELS:
            of_it = [item for item in review.findings if item.label == label]
            whole = {item.status for item in of_it if not item.box and not item.model_box}
            if whole == {"disagree"} and not any(item.box for item in of_it):
                assert said_truth[label] == 0
            if whole & {"agree", "added"}:
                assert said_truth[label] == 1
        kept = [said.corners for said in item.said if said.corners and said.label in {r.label for r in review.findings}]
        assert kept == [r.box.as_tuple() for r in review.findings if r.box]
