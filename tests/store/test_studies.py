"""Studies: which films belong together, which came before, and what happens to films that leave the worklist."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cxr_core.errors import StoreError
from cxr_core.records import Identity, Review
from tests.fakes import say
from tests.store.given import NEW, NOON, REFUSED, screened

JANE = Identity(patient_name="DOE^JANE", patient_id="4711", issuer="WARD", birth_date="19500101", sex="F",
                study_uid="1.2.3", study_date="20260102", accession="A-1", priority="STAT")  # fmt: skip
A, B, C, D = (letter * 64 for letter in "abcd")


def arrive(store, key, identity=None, minute=0, **facts):
    return store.save(screened(f"{key[0]}.dcm", key, identity=identity, **facts), NOON + timedelta(minutes=minute))


def keys(entries) -> list[str]:
    return [entry.key for entry in entries]


def test_films_of_one_study_stand_together(store):
    arrive(store, B, replace(JANE, view="LL"), minute=1)
    arrive(store, A, JANE)
    arrive(store, C)
    study = store.study(B)
    assert keys(study.images) == [A, B]
    assert (study.uid, study.patient_id, study.issuer) == ("1.2.3", "4711", "WARD")
    assert (study.study_date, study.accession, study.requested_priority) == ("20260102", "A-1", "STAT")
    assert keys(store.study(C).images) == [C]
    assert store.study(D) is None


def test_a_study_uid_that_two_patients_share_joins_nobody(store):
    arrive(store, A, JANE)
    arrive(store, B, replace(JANE, patient_id="4712"))
    arrive(store, C, replace(JANE, issuer="CLINIC"))
    assert [keys(store.study(key).images) for key in (A, B, C)] == [[A], [B], [C]]


def test_a_study_shows_no_patient_in_a_log(store):
    arrive(store, A, JANE)
    assert not [text for text in ("4711", "DOE", "1.2.3", "A-1") if text in repr(store.study(A))]


def test_a_corrected_identity_moves_the_film_and_leaves_no_trace_of_the_wrong_patient(store, sql):
    arrive(store, A, replace(JANE, patient_id="9999"))
    arrive(store, A, JANE)
    assert store.study(A).patient_id == "4711"
    assert sql("select patient_id from studies") == [("4711",)]


def test_a_film_that_is_refused_later_stays_its_patient_s(store):
    arrive(store, A, JANE)
    store.save(replace(REFUSED, sha256=A, models=NEW), NOON)
    assert store.study(A).patient_id == "4711"


def test_earlier_studies_are_the_same_patient_s_by_date_the_latest_first(store):
    arrive(store, A, JANE)
    arrive(store, B, replace(JANE, study_uid="1.1", study_date="20240101"), minute=5)
    arrive(store, C, replace(JANE, study_uid="1.2", study_date="20250101"), minute=4)
    arrive(store, D, replace(JANE, study_uid="1.9", study_date="20260301"))
    assert keys(store.earlier(A)) == [C, B]
    assert keys(store.earlier(D)) == [A, C, B]
    assert store.earlier(B) == ()


def test_where_a_film_names_no_day_the_arrival_tells_which_was_earlier(store):
    arrive(store, A, replace(JANE, study_uid="1.1", study_date=""))
    arrive(store, B, JANE, minute=1)
    arrive(store, C, replace(JANE, study_uid="1.2"), minute=2)
    assert keys(store.earlier(B)) == [A]
    assert keys(store.earlier(C)) == [B, A]


@pytest.mark.parametrize("other", [{"birth_date": "19510101"}, {"sex": "M"}, {"issuer": "CLINIC"}, {"patient_id": ""}])
def test_another_person_s_films_are_never_shown_as_earlier_ones(store, other):
    arrive(store, A, replace(JANE, study_uid="1.1", study_date="20250101", **other))
    arrive(store, B, JANE, minute=1)
    assert store.earlier(B) == ()


@pytest.mark.parametrize("silent", [{"birth_date": ""}, {"sex": ""}, {"issuer": ""}])
def test_what_an_earlier_film_does_not_say_speaks_not_against_it(store, silent):
    arrive(store, A, replace(JANE, study_uid="1.1", study_date="20250101", **silent))
    arrive(store, B, JANE, minute=1)
    assert keys(store.earlier(B)) == [A]


def test_films_without_a_number_have_no_earlier_ones(store):
    for key, day in ((A, "20250101"), (B, "20260101")):
        arrive(store, key, Identity(patient_id=" ", study_uid=key[0], study_date=day))
    assert store.earlier(B) == store.earlier(D) == ()


def test_a_removed_film_leaves_every_list_and_comes_back_as_it_was(store):
    arrive(store, A, JANE)
    say(store, A, "disagree", "scar")
    before = store.entry(A)
    arrive(store, B, replace(JANE, study_uid="1.9", study_date="20260301"))
    store.remove(A)
    assert store.entry(A) is None
    assert keys(store.entries()) == [B]
    assert (store.history(A), store.earlier(B), store.reviewed()) == ((), (), ())
    assert store.find(A, before.screening.models[0].sha256) is None
    (gone,) = store.removed()
    assert gone.entry == before
    with pytest.raises(StoreError, match="no longer"):
        say(store, A, "agree")
    with pytest.raises(StoreError, match="no longer"):
        store.overrule(A, "lateral_view")
    assert store.restore(A) == before
    assert (keys(store.earlier(B)), store.removed()) == ([A], ())


def test_a_removed_film_that_is_sent_again_is_back_and_waits_from_then(store):
    arrive(store, A, JANE)
    say(store, A, "agree")
    store.remove(A)
    entry = arrive(store, A, JANE, minute=9)
    assert (entry.received_at, entry.review.decision) == (NOON + timedelta(minutes=9), "agree")
    assert keys(store.entries()) == [A]


def test_a_purged_film_cannot_be_brought_back_nor_reviewed(store):
    arrive(store, A, JANE)
    shown = store.entry(A)
    store.purge(A)
    with pytest.raises(StoreError, match="send the film again"):
        store.restore(A)
    with pytest.raises(StoreError, match="no longer"):
        store.save_review(A, Review("agree", "", NOON), of=shown.screening)
    assert store.entries() == ()
