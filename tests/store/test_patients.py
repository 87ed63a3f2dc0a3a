"""All that is kept about one patient: given out whole, or erased whole; and nobody else's."""

import hashlib
import json
import stat
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from cxr_core.errors import StoreError
from cxr_core.records import Identity
from cxr_core.serial import from_json, review_from_json
from cxr_core.store import lines
from tests.fakes import say
from tests.store.given import NEW, NOON, screened
from tests.strategies import REVIEWS, screenings

JANE = Identity(patient_name="DOE^JANE", patient_id="4711", study_uid="1.2.3", study_date="20260102", accession="A-1")
JOHN = Identity(patient_name="ROE^JOHN", patient_id="4712", study_uid="1.2.4")
DICOM = bytes(128) + b"DICM" + b"\1\2\3"


def arrive(store, data: bytes, identity=None, minute=0, **facts) -> str:
    key = store.add_film(data)
    store.save(screened("a.dcm", key, identity=identity, **facts), NOON + timedelta(minutes=minute))
    return key


@pytest.fixture
def ward(store) -> dict[str, str]:
    """Two films of Jane, one of which was removed; one of John; one of nobody."""
    made = {
        "first": arrive(store, DICOM, JANE),
        "later": arrive(store, b"\x89PNG later", replace(JANE, study_uid="1.2.9"), 5),
        "john": arrive(store, DICOM + b"john", JOHN),
        "nobody": arrive(store, b"\x89PNG nobody"),
    }
    store.save(screened("a.dcm", made["first"], NEW, 0.9, JANE), NOON)
    say(store, made["first"], "disagree", "old scar", reader="Dr A")
    store.overrule(made["first"], "lateral_view")
    store.remove(made["later"])
    return made


def test_an_export_holds_everything_of_the_patient_and_nothing_of_others(store, ward, tmp_path):
    folder = tmp_path / "out"
    found = store.patient_export("4711", folder, actor="records office")
    assert (found.images, found.films, found.missing) == (2, 2, ())
    text = (folder / "patient.json").read_text(encoding="utf-8")
    assert "ROE" not in text
    assert ward["john"] not in text
    told = json.loads(text)
    assert [study["uid"] for study in told["studies"]] == ["1.2.3", "1.2.9"]
    first, later = told["images"]
    assert (first["key"], later["key"], later["removed_at"] is not None) == (ward["first"], ward["later"], True)
    seen = [from_json(row["payload"]) for row in first["tables"]["screenings"]]
    store.restore(ward["later"])
    assert seen == list(store.history(ward["first"]))
    assert first["tables"]["reviews"][0]["payload"]["comment"] == "old scar"
    assert first["tables"]["overrides"][0]["code"] == "lateral_view"
    assert [row["action"] for row in told["audit"]][:2] == ["screened", "screened"]
    assert {row["subject"] for row in told["audit"]} == {ward["first"], ward["later"]}
    assert sorted(path.name for path in (folder / "films").iterdir()) == sorted(
        [ward["first"] + ".dcm", ward["later"] + ".png"]
    )
    for image in told["images"]:
        assert hashlib.sha256((folder / image["film"]).read_bytes()).hexdigest() == image["key"]
    noted, _ = store.audit(action="exported")
    assert [(row.subject, row.actor) for row in noted] == [
        (ward["later"], "records office"),
        (ward["first"], "records office"),
    ]


def test_an_export_is_private(store, ward, tmp_path):
    store.patient_export("4711", tmp_path / "out")
    written = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
    assert len(written) == 5
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in written)


@given(screening=screenings(), review=REVIEWS)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_whatever_was_said_of_a_film_stands_in_the_export_as_it_was(shared, tmp_path_factory, screening, review):
    named = replace(screening, identity=JANE)
    shared.save(named, NOON)
    kept = shared.save_review(screening.sha256, review)
    folder = tmp_path_factory.mktemp("out")
    assert shared.export_images([screening.sha256], folder).missing == (screening.sha256,)
    (image,) = json.loads((folder / "patient.json").read_text(encoding="utf-8"))["images"]
    (row,) = image["tables"]["screenings"]
    assert from_json(row["payload"]) == named
    assert review_from_json(image["tables"]["reviews"][0]["payload"]) == kept
    shared.purge(screening.sha256)


def test_an_erased_patient_is_nowhere_but_as_digests_in_a_chain_that_holds(store, settings, ward, sql):
    thumb = store.cache_path(ward["first"], "thumb.png")
    thumb.write_bytes(b"small")
    assert store.erase_patient("4711") == 2
    assert {entry.key for entry in store.entries()} == {ward["john"], ward["nobody"]}
    assert (store.patient_keys("4711"), store.removed()) == ((), ())
    assert not thumb.exists()
    for key in (ward["first"], ward["later"]):
        with pytest.raises(StoreError, match="send it again"):
            store.film(key)
        assert store.audit(subject=key)[0][0].action == "erased"
    assert store.verify_audit().sound
    assert sql("select patient_id from studies order by 1") == [("",), ("4712",)]
    store.close()
    left = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    holding = [path.name for path in left if any(word in path.read_bytes() for word in (b"DOE", b"4711", b"old scar"))]
    assert holding == [], "also not in what SQLite has set free, nor in its log"


def test_what_was_erased_can_be_sent_again_as_new(store, ward):
    store.erase_patient("4711")
    key = arrive(store, DICOM, JANE, 9)
    assert key == ward["first"]
    assert (store.entry(key).review, store.overruled(key), len(store.history(key))) == (None, frozenset(), 1)


def test_a_number_that_two_places_gave_is_not_taken_for_one_person(store, tmp_path):
    arrive(store, b"1", replace(JANE, issuer="WARD"))
    there = arrive(store, b"2", replace(JANE, issuer="CLINIC", study_uid="9"))
    for attempt in (store.patient_keys, store.erase_patient, lambda number: store.patient_export(number, tmp_path)):
        with pytest.raises(StoreError, match="--issuer"):
            attempt("4711")
    assert store.patient_keys("4711", "CLINIC") == (there,)
    assert store.erase_patient("4711", issuer="WARD") == 1
    assert [entry.key for entry in store.entries()] == [there]


@pytest.mark.parametrize("number", ["", "  ", "\0"])
def test_an_empty_number_names_nobody(store, ward, number):
    with pytest.raises(StoreError, match="not empty"):
        store.erase_patient(number)
    assert len(store.entries()) == 3


def test_a_patient_who_is_not_here_leaves_no_folder(store, ward, tmp_path):
    with pytest.raises(StoreError, match="nothing of this patient"):
        store.patient_export("4713", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert store.erase_patient("4713") == 0


def test_an_export_never_mixes_with_what_is_in_a_folder(store, ward, tmp_path):
    (tmp_path / "other").write_text("another patient's")
    with pytest.raises(StoreError, match="not empty"):
        store.patient_export("4711", tmp_path)


def test_a_damaged_film_is_named_and_the_rest_is_given_out(store, settings, ward, tmp_path):
    (settings.data_dir / "films" / ward["first"][:2] / ward["first"]).write_bytes(b"damaged")
    found = store.patient_export("4711", tmp_path / "out")
    assert (found.films, found.missing) == (1, (ward["first"],))
    told = json.loads((tmp_path / "out" / "patient.json").read_text(encoding="utf-8"))
    assert [image["film"] is None for image in told["images"]] == [True, False]


def test_an_erasure_that_was_interrupted_is_found_and_finished(store, ward, monkeypatch):
    """The films go first: rows without films are found again, films without rows would not be."""

    class Killed(BaseException):
        pass

    def killed(*_args):
        raise Killed

    monkeypatch.setattr(store._films, "forget_derived", killed)
    with pytest.raises(Killed):
        store.erase_patient("4711")
    monkeypatch.undo()
    assert len(store.patient_keys("4711")) == 2
    assert store.audit(action="erased")[1] == 0, "nothing is said to be erased that is not"
    assert store.erase_patient("4711") == 2
    assert store.verify_audit().sound


def test_the_memory_of_the_program_forgets_as_well(store):
    key = arrive(store, DICOM, JANE)
    say(store, key, "agree", "old scar")
    assert store.entry(key).review.comment == "old scar"
    store.erase_patient("4711")
    assert lines.parsed.cache_info().currsize == lines.review_in.cache_info().currsize == 0
