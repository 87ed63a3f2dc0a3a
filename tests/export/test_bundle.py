"""The bundle: whole or said not to be, every member in the manifest, and nobody's name without identity."""

import hashlib
import io
import json
import zipfile
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.errors import RecordError, StoreError
from cxr_core.export.bundle import MANIFEST, Asked, check, write_bundle
from cxr_core.export.table import Row
from cxr_core.export.worklist import read_worklist, work_row
from cxr_core.records import LABELS, FindingReview, Identity, ImageFacts, ModelRef, Notice, Review, Screening
from cxr_core.triage import rank
from tests.strategies import REVIEWS, screenings
from training.reviews import parse

HALF = dict.fromkeys(LABELS, 0.5)
SOON = dict.fromkeys(LABELS, "soon")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MODEL = ModelRef("covid_ssd", "1.0", "cd" * 32)
SECRET = "Zebedee"


def rows_of(found, review=None) -> list[Row]:
    return [Row(item, AT, AT, review) for item in rank(found, HALF, SOON)]


def screening(digest="ab", **changes) -> Screening:
    facts = {
        "file": f"{SECRET}.dcm",
        "sha256": digest * 32,
        "status": "screened",
        "image": ImageFacts(2048, 2500, "PA", "dicom"),
        "models": (MODEL,),
        "scores": dict.fromkeys(LABELS, 0.75),
        "identity": Identity(**{spec.name: SECRET for spec in fields(Identity) if spec.name != "priority"}),
    }
    return Screening(**(facts | changes))


def made(rows, picture=lambda _: b"picture", **facts):
    stream = io.BytesIO()
    done = write_bundle(stream, lambda: rows, Asked(HALF, "balanced", AT, **facts), picture)
    return stream, done


def manifest(stream) -> dict:
    return json.loads(zipfile.ZipFile(stream).read(MANIFEST))


@settings(max_examples=40)
@given(st.lists(screenings(), max_size=3, unique_by=lambda s: s.sha256), st.none() | REVIEWS, st.booleans())
def test_a_bundle_read_back_is_the_same_and_whole(found, review, identity):
    rows = rows_of(found, review)
    stream, done = made(rows, lambda row: row.ranked.screening.sha256.encode(), identity=identity)
    assert check(stream) == ()
    with zipfile.ZipFile(stream) as file:
        told = read_worklist(file.read("worklist.csv"))
        assert told == tuple(work_row(row, HALF, identity=identity) for row in rows)
        pictures = [name for name in file.namelist() if name.startswith("pictures/")]
        assert len(pictures) == done.pictures == len(rows)
        assert all(file.read(name).decode().startswith(name.split("_")[1][:16]) for name in pictures)


def test_the_manifest_has_the_digest_of_every_member_and_what_was_used():
    stream, _ = made(rows_of([screening()]))
    told = manifest(stream)
    with zipfile.ZipFile(stream) as file:
        names = [name for name in file.namelist() if name != MANIFEST]
        digests = {name: hashlib.sha256(file.read(name)).hexdigest() for name in names}
        assert {item["name"]: item["sha256"] for item in told["members"]} == digests
        assert all(item["bytes"] == file.getinfo(item["name"]).file_size for item in told["members"])
    assert names == ["worklist.csv", "reviews.jsonl", "pictures/0001_abababababababab.png"]
    assert told["models"] == [{"name": "covid_ssd", "version": "1.0", "sha256": "cd" * 32}]
    assert told["thresholds"] == HALF
    assert (told["preset"], told["created"], told["identity"]) == ("balanced", AT.isoformat(), False)
    assert "Research use only" in told["notice"]


def test_without_identity_no_name_is_in_it_and_with_it_only_where_it_belongs():
    said = Review(
        "agree", SECRET, AT, impression=SECRET, findings=(FindingReview("Mass", "agree", None),), reader=SECRET
    )
    stream, done = made(rows_of([screening()], said))
    assert done.reviews == 1
    with zipfile.ZipFile(stream) as file:
        for name in file.namelist():
            assert SECRET not in name
            assert SECRET.encode() not in file.read(name), name
    stream, _ = made(rows_of([screening()], said), identity=True)
    with zipfile.ZipFile(stream) as file:
        assert SECRET.encode() in file.read("worklist.csv")
        assert not any(SECRET in name for name in file.namelist()), "a name is never a file's name"
        assert SECRET.encode() not in file.read(MANIFEST)


def test_the_training_reads_the_reviews_in_it(tmp_path):
    said = Review("agree", "", AT, findings=(FindingReview("Mass", "agree", None),), role="radiologist")
    stream, _ = made(rows_of([screening()], said))
    with zipfile.ZipFile(stream) as file:
        (tmp_path / "reviews.jsonl").write_bytes(file.read("reviews.jsonl"))
    (found,) = parse(tmp_path / "reviews.jsonl")
    assert found.truth() == {"Mass": 1}


def test_a_film_with_a_name_in_its_pixels_has_no_picture_without_identity():
    burnt = screening(warnings=(Notice("burned_in_text", "text in the picture"),))
    stream, done = made(rows_of([burnt, screening("ef")]))
    assert (done.films, done.pictures) == (2, 1)
    assert list(manifest(stream)["without_picture"]) == ["abababababababab"]
    assert made(rows_of([burnt]), identity=True)[1].pictures == 1


def test_a_film_that_cannot_be_drawn_costs_its_picture_alone_and_is_named():
    def picture(row):
        if row.ranked.screening.sha256.startswith("ab"):
            raise StoreError("the film is not here")
        return b"picture"

    stream, done = made(rows_of([screening(), screening("ef")]), picture)
    assert (done.films, done.pictures) == (2, 1)
    assert manifest(stream)["without_picture"] == {"abababababababab": "the film is not here"}
    assert check(stream) == ()


def test_what_was_changed_added_or_lost_is_said():
    stream, _ = made(rows_of([screening()]))
    changed = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            if not name.startswith("pictures/"):
                new.writestr(name, old.read(name) + (b"x" if name == "worklist.csv" else b""))
        new.writestr("more.txt", b"")
    assert check(changed) == (
        "more.txt is not in the manifest",
        "pictures/0001_abababababababab.png is missing",
        "worklist.csv was changed",
    )


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all"])
def test_what_is_no_bundle_is_refused(data):
    with pytest.raises(RecordError, match="not a bundle"):
        check(io.BytesIO(data))


def test_pictures_are_made_one_after_the_other_and_counted():
    counted, stream = [], io.BytesIO()
    rows = rows_of([screening(), screening("ef"), screening("01")])
    write_bundle(stream, lambda: rows, Asked(HALF, "balanced", AT), lambda _: b"x" * 1000, counted.append)
    assert counted == [1, 2, 3]


def test_a_refused_film_is_in_the_table_and_has_a_picture_if_it_can_be_drawn():
    refused = replace(screening(), status="refused", refusal=Notice("too_small", "small"), scores={}, findings=())
    stream, done = made(rows_of([refused]))
    assert done.pictures == 1
    (row,) = read_worklist(zipfile.ZipFile(stream).read("worklist.csv"))
    assert row.row.refusal_code == "too_small"
