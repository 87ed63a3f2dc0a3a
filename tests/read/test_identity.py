"""Whose film it is: read once, in any character set, into the record and nowhere else."""

import logging
import sqlite3
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cxr_core.__main__ import main
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.read import identify, read
from cxr_core.read.identity import KEYWORDS
from cxr_core.records import Identity
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from tests.read.films import SETTINGS, dicom, film

SAID = {
    "PatientName": "Doe^Jane^Q^Dr.", "PatientID": "4711", "PatientBirthDate": "19480229", "PatientSex": "F",
    "PatientAge": "075Y", "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1", "SOPInstanceUID": "1.2.3.1.1",
    "AccessionNumber": "A-1", "StudyDate": "20240115", "ViewPosition": "PA", "ImageLaterality": "U", "Modality": "DX",
    "BodyPartExamined": "CHEST", "StationName": "ROOM 3", "RequestedProcedurePriority": "STAT",
    "IssuerOfPatientID": "WARD 3",
}  # fmt: skip


def identity(**attributes):
    return read(dicom(film(), **attributes), "film", SETTINGS).identity


def test_every_field_is_read_from_its_attribute():
    known = identity(**SAID)
    assert asdict(known) == {name: SAID[keyword] for name, keyword in KEYWORDS.items()}
    assert known.shown_name == "Doe, Dr. Jane Q"
    assert known.years == 75
    assert identity(ImageLaterality=None, Laterality="L").laterality == "L"


def test_what_is_absent_empty_or_unreadable_is_empty():
    absent = dict.fromkeys(SAID) | {"Modality": "DX"}
    assert asdict(identity(**absent)) == dict.fromkeys(KEYWORDS, "") | {"modality": "DX"}
    odd = identity(PatientBirthDate="31.13.1900", PatientAge="old", StudyDate="2024.01.15")
    assert (odd.birth_date, odd.study_date, odd.years) == ("", "20240115", None)


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "M\u00fcller^J\u00f6rg"),
        ("ISO_IR 144", "\u041b\u044e\u043ace\u043c\u0431yp\u0433"),
        ("ISO_IR 192", "\u738b^\u5c0f\u6771"),
        ("GB18030", "\u738b^\u5c0f\u4e1c"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9"),
    ],
)
def test_names_of_many_writings_come_through(charset, name):
    assert identity(SpecificCharacterSet=charset, PatientName=name).patient_name == name


def _request(priority):
    item = Dataset()
    item.RequestedProcedurePriority = priority
    return item


@pytest.mark.parametrize(
    ("attributes", "priority"),
    [
        ({}, ""),
        ({"RequestedProcedurePriority": "stat "}, "STAT"),
        ({"RequestedProcedurePriority": "URGENT"}, "HIGH"),
        ({"RequestedProcedurePriority": "whenever"}, ""),
        ({"RequestAttributesSequence": [_request("ROUTINE"), _request("STAT")]}, "STAT"),
        ({"RequestedProcedurePriority": "LOW", "RequestAttributesSequence": [_request("HIGH")]}, "HIGH"),
        ({"StudyPriorityID": "MED"}, "MEDIUM"),
    ],
)
def test_the_most_urgent_of_what_a_film_s_requests_say_is_its_priority(attributes, priority):
    assert identity(**attributes).priority == priority


@pytest.mark.parametrize("charset", ["ISO_IR 999", "", "ISO_IR 192"])
def test_a_name_in_bytes_that_its_character_set_does_not_have_spoils_nothing(charset):
    data = dicom(film(), SpecificCharacterSet=charset, PatientName="ABCDEFGH").replace(
        b"ABCDEFGH", b"A\xff\xfe\x80\x81FGH"
    )
    known = read(data, "film", SETTINGS).identity
    assert known.patient_id == identity().patient_id
    assert len(known.patient_name) <= 10


def test_marks_that_steer_a_screen_are_taken_out():
    known = identity(SpecificCharacterSet="ISO_IR 192", PatientID="a\u202eb\u0007  c", PatientComments="x")
    assert known.patient_id == "a b c"


def test_a_refused_film_tells_whose_it_is_and_a_picture_does_not():
    assert identify(dicom(film(), Modality="CT", PatientID="4711"), SETTINGS).patient_id == "4711"
    assert identify(dicom(film(), PatientID="4711", PixelData=None), SETTINGS).patient_id == "4711"
    assert identify(b"no film", SETTINGS) is None


@given(st.builds(Identity, **{name: st.text(max_size=12) for name in KEYWORDS}))
def test_no_identity_breaks_what_is_shown_of_it(known):
    assert repr(known) == "Identity(not shown)"
    assert known.years is None or known.years >= 0
    assert isinstance(known.shown_name, str)


MARK = "DOE^JANE0815"


def marked():
    """Films that are screened, refused and broken, each with the mark in every text attribute that is read."""
    texts = {"PatientName": MARK, "PatientID": MARK, "AccessionNumber": MARK, "StationName": MARK, "StudyID": MARK}
    yield dicom(film(), **texts)
    yield dicom(film(2), **texts, Modality="CT")
    yield dicom(film(3), **texts, Rows=97)
    yield dicom(film(4), **texts)[:-400]
    yield dicom(film(5), **(texts | {"ViewPosition": MARK, "BodyPartExamined": MARK, "PatientAge": MARK}))


def test_the_store_alone_learns_whose_films_they_are(tmp_path, caplog, capfd, monkeypatch):
    """No log line, no name of a file or folder, no message and no file of results holds the patient."""
    caplog.set_level(logging.DEBUG)
    folder, out, data_dir = tmp_path / "in", tmp_path / "out", tmp_path / "data"
    folder.mkdir()
    out.mkdir()
    for number, data in enumerate(marked()):
        (folder / f"{number}.dcm").write_bytes(data)
    caplog.clear()  # of what pydicom says of our making such files
    settings = Settings(data_dir=data_dir)
    screener = Screener(settings, [fakes.covid(), fakes.nih()])
    store = Store(settings)
    arrivals = list(
        take_in([fakes.given(path.name, path.read_bytes()) for path in sorted(folder.iterdir())], screener, store)
    )
    screenings = [arrival.entry.screening for arrival in arrivals]
    assert [item.status for item in screenings] == ["screened", "refused", "refused", "refused", "screened"]
    assert [item.identity.patient_id for item in screenings[:3]] == [MARK] * 3
    store.close()
    (again,) = [entry for entry in Store(settings).entries() if entry.key == screenings[0].sha256]
    assert again.screening.identity == screenings[0].identity

    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "other"))
    command = ["screen", str(folder), "--jsonl", str(out / "a.jsonl"), "--csv", str(out / "a.csv")]
    assert main(command, lambda settings: Screener(settings, [fakes.covid(), fakes.nih()])) == 0

    captured = capfd.readouterr()
    said = caplog.text + captured.out + captured.err + repr(screenings) + repr(arrivals)
    said += "".join(str(path) for path in tmp_path.rglob("*"))
    said += "".join(item.refusal.message for item in screenings if item.refusal)
    said += "".join(path.read_text(encoding="utf-8") for path in out.iterdir())
    assert MARK not in said
    assert "JANE0815" not in said
    kept = {path for path in data_dir.rglob("*") if path.is_file() and b"JANE0815" in path.read_bytes()}
    films = {path for path in kept if path.parent.parent.name == "films"}
    assert len(films) == 5  # the bytes as received
    assert {path.name.split(".")[0] for path in kept - films} == {"cxr"}
    with sqlite3.connect(data_dir / "cxr.sqlite3") as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        holding = {t for t in tables if any(MARK in str(row) for row in database.execute(f"select * from {t}"))}
    database.close()
    assert holding == {"screenings", "studies"}
