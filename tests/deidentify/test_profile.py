"""The profile on datasets: nothing of the patient is left, and what is left agrees with itself."""

import io
from datetime import datetime, timedelta

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxr_core.deidentify import Secret
from cxr_core.deidentify.profile import TABLE, Profile, letter_of, patient_of
from cxr_core.errors import SettingsError

SECRET = Secret(b"sixteen or more characters")
MARK = "DOE^JANE"
TEXTS = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT")


def treated(dataset, patient="id 4711", secret=SECRET):
    Profile(secret, patient).apply(dataset)
    return dataset


def raw(dataset):
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, implicit_vr=False, little_endian=True)
    return out.getvalue()


def named(tags):
    """A dataset with the mark in every one of these attributes that holds text."""
    made = Dataset()
    for tag in tags:
        made.add_new(tag, dictionary_VR(tag).split(" ")[0], MARK)
    return made


def test_the_table_has_what_the_standard_lists_and_more_than_six_hundred_of_it():
    assert len(TABLE) > 600
    said = {
        "PatientName": "Z", "PatientID": "D", "PatientBirthDate": "Z", "PatientSex": "Z", "PatientAge": "X",
        "PatientAddress": "X", "OtherPatientIDs": "X", "SOPInstanceUID": "U", "StudyInstanceUID": "U",
        "SeriesInstanceUID": "U", "FrameOfReferenceUID": "U", "AccessionNumber": "Z", "StudyID": "Z",
        "ReferringPhysicianName": "Z", "StudyDescription": "X", "SeriesDescription": "X", "PatientComments": "X",
        "ImageComments": "X", "Occupation": "X", "IssuerOfPatientID": "X",
    }  # fmt: skip
    assert {name: letter_of(int(pydicom.tag.Tag(name))) for name in said} == said
    assert letter_of(0x60023000) == "X"  # overlay data of any group
    assert letter_of(0x00280010) == "K"


def test_no_text_of_the_table_is_left_neither_outside_nor_in_a_sequence():
    tags = [
        tag
        for tag in TABLE
        if dictionary_has_tag(tag) and dictionary_VR(tag) in TEXTS and tag >> 16 not in (0x0000, 0x0002)
    ]
    assert len(tags) > 250
    made = named(tags)
    made.ViewCodeSequence = Sequence([named(tags)])
    inner = Dataset()
    inner.AnatomicRegionModifierSequence = Sequence([named(tags)])
    made.AnatomicRegionSequence = Sequence([inner])
    assert raw(made).count(MARK.encode()) == 3 * len(tags)
    assert MARK.encode() not in raw(treated(made))


def test_what_nobody_can_judge_goes():
    made = named(["PatientName"])
    block = made.private_block(0x0009, "MAKER", create=True)
    block.add_new(1, "LO", MARK)
    made.add_new(0x00181234 | 1, "UN", MARK.encode())  # no attribute of the standard
    free = [tag for tag, facts in DicomDictionary.items() if facts[0] in ("LT", "ST", "UT", "PN") and tag >> 16 > 8]
    for tag in free:
        made.add_new(tag, DicomDictionary[tag][0], MARK)
    item = Dataset()
    item.private_block(0x0011, "MAKER", create=True).add_new(1, "UN", MARK.encode())
    made.ViewCodeSequence = Sequence([item])
    assert MARK.encode() not in raw(treated(made))


def test_what_the_pixels_need_stays():
    made = Dataset()
    made.Rows, made.Columns, made.PhotometricInterpretation, made.ViewPosition = 10, 20, "MONOCHROME1", "PA"
    made.WindowCenter, made.SOPClassUID, made.Modality = "12.5", "1.2.840.10008.5.1.4.1.1.1", "CR"
    kept = {element.tag: element.value for element in made}
    treated(made)
    assert {tag: made[tag].value for tag in kept} == kept
    assert made.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in made.DeidentificationMethodCodeSequence] == ["113100", "113107"]


days = st.dates(datetime(1950, 1, 1).date(), datetime(2090, 1, 1).date())  # noqa: DTZ001, RUF100


@given(st.lists(days, min_size=2, max_size=4), st.text(min_size=1, max_size=20), st.binary(min_size=16, max_size=40))
def test_the_days_between_a_patients_films_stay_and_no_date_does(dates, patient, key):
    secret = Secret(key)
    moved = []
    for date in dates:
        made = Dataset()
        made.StudyDate, made.AcquisitionDateTime = f"{date:%Y%m%d}", f"{date:%Y%m%d}121530.25"
        made.StudyTime, made.PatientBirthDate = "121530", "19480229"
        treated(made, patient, secret)
        assert made.AcquisitionDateTime == made.StudyDate
        assert not made.StudyTime
        assert not made.PatientBirthDate
        moved.append(datetime.strptime(made.StudyDate, "%Y%m%d").date())  # noqa: DTZ007, RUF100
    shifts = {date - before for date, before in zip(moved, dates, strict=True)}
    assert len(shifts) == 1
    assert timedelta(days=-3650) <= shifts.pop() <= timedelta(days=-1)


uids = st.lists(st.from_regex(r"1\.[1-9]{1,6}\.[1-9]{1,20}", fullmatch=True), min_size=1, max_size=5, unique=True)


@settings(max_examples=50)
@given(uids, st.binary(min_size=16, max_size=20), st.binary(min_size=16, max_size=20))
def test_a_uid_becomes_one_and_the_same_other_and_another_secret_gives_another(given_uids, key, other):
    secret = Secret(key)
    made = [secret.uid(uid) for uid in given_uids]
    assert len(set(made)) == len(given_uids)
    assert made == [Secret(key).uid(uid) for uid in given_uids]
    assert all(pydicom.uid.UID(uid).is_valid and len(uid) <= 64 for uid in made)
    if key != other:
        assert not set(made) & {Secret(other).uid(uid) for uid in given_uids}
        assert secret.patient("id 1") != Secret(other).patient("id 1")


def test_references_follow_their_objects():
    made, item = Dataset(), Dataset()
    made.StudyInstanceUID = item.StudyInstanceUID = "1.2.3"
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3.4"
    made.SOPInstanceUID, made.SourceImageSequence = "1.2.3.4", Sequence([item])
    treated(made)
    (after,) = made.SourceImageSequence
    assert after.ReferencedSOPInstanceUID == made.SOPInstanceUID == SECRET.uid("1.2.3.4")
    assert after.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.1"
    assert after.StudyInstanceUID == made.StudyInstanceUID


def test_a_patient_is_known_by_the_id_then_by_name_and_birth_then_by_the_study():
    one, other = Dataset(), Dataset()
    one.PatientID, other.PatientID = " 4711", "4711 "
    one.PatientName, other.PatientName = "Doe^Jane", "DOE^J"
    assert patient_of(one, "x") == patient_of(other, "x") == "id 4711"
    one.PatientID = other.PatientID = ""
    assert patient_of(one, "x") != patient_of(other, "x")
    del one.PatientName
    one.StudyInstanceUID = "1.2.3"
    assert patient_of(one, "x") == "study 1.2.3"
    assert patient_of(Dataset(), "x") == "study x"


def test_a_short_secret_is_refused_and_none_is_shown():
    with pytest.raises(SettingsError, match="16"):
        Secret(b"short")
    assert "sixteen" not in repr(SECRET)
