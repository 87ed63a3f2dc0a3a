"""Whose film it is and what objects refer to: kept where usable, replaced and told where not; no name in a message."""

import io

import pydicom
import pytest

from cxr_core.export.origin import origin_of_dicom, origin_of_picture
from tests.export.results import HEIGHT, SHA256, WIDTH, film, header, origin


def test_a_film_keeps_its_study_series_and_instance():
    source = header()
    made = origin()
    assert (made.study_uid, made.series_uid) == (source.StudyInstanceUID, source.SeriesInstanceUID)
    assert (made.instance_uid, made.class_uid) == (source.SOPInstanceUID, source.SOPClassUID)
    assert (made.width, made.height, made.frame) == (WIDTH, HEIGHT, None)
    assert not made.made
    assert made.notices == ()


def test_a_picture_gets_the_same_identity_every_time_and_says_so():
    one, again, other = (origin_of_picture(sha, 10, 20) for sha in (SHA256, SHA256, "00" * 32))
    assert one == again
    assert len({one.study_uid, one.series_uid, one.instance_uid, other.study_uid, other.instance_uid}) == 5
    assert one.patient_id != other.patient_id
    assert one.patient_name == "UNKNOWN^PICTURE"
    assert one.made
    assert one.notices[0].code == "identity_made"


BROKEN_UIDS = [
    ({"StudyInstanceUID": None}, "StudyInstanceUID (missing)"),
    ({"SeriesInstanceUID": ""}, "SeriesInstanceUID (missing)"),
    ({"SOPInstanceUID": "1." + "2" * 70}, "SOPInstanceUID (72 characters, at most 64 are allowed)"),
    ({"StudyInstanceUID": "1.2.Doe^Jane"}, "StudyInstanceUID (not digits and points)"),
    ({"SOPClassUID": "1.2.3.4"}, "SOPClassUID (not a class of the standard)"),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom complains of the values that the test writes
@pytest.mark.parametrize(("changes", "told"), BROKEN_UIDS)
def test_a_film_that_nothing_can_refer_to_gets_a_new_identity(changes, told):
    made = origin(**changes)
    assert made.made
    assert made.class_uid == "1.2.840.10008.5.1.4.1.1.7"
    assert told in made.notices[-1].message
    assert "Doe" not in made.notices[-1].message
    assert made.patient_name == "SYNTHETIC^PHANTOM"  # the patient is still theirs
    for uid in (made.study_uid, made.series_uid, made.instance_uid):
        assert len(uid) <= 64
    kept = "StudyInstanceUID" not in changes
    assert (made.study_uid == header().StudyInstanceUID) == kept
    assert ("Its study is kept" in made.notices[-1].message) == kept


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_leading_zero_is_kept_as_archives_keep_it():
    made = origin(StudyInstanceUID="1.2.0840.01")
    assert made.study_uid == "1.2.0840.01"
    assert not made.made


def _with_name(raw: bytes, charset: str) -> pydicom.Dataset:
    """A header in which the patient's name is these very bytes."""
    dataset = pydicom.dcmread(io.BytesIO(film()))
    dataset.SpecificCharacterSet = charset
    dataset.PatientName = "@" * len(raw)
    out = io.BytesIO()
    dataset.save_as(out)
    data = out.getvalue().replace(b"@" * len(raw), raw)
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)


NAME = "Müller^Zoë"


@pytest.mark.parametrize(
    ("raw", "charset", "name", "codes"),
    [
        (NAME.encode("latin-1"), "ISO_IR 100", NAME, []),
        (NAME.encode(), "ISO_IR 192", NAME, []),
        ("Лев^Толстой".encode("iso8859-5"), "ISO_IR 144", "Лев^Толстой", []),
        (NAME.encode(), "ISO_IR 100", NAME, ["charset_wrong"]),
        (NAME.encode(), "", NAME, ["charset_wrong"]),
        (NAME.encode("latin-1"), "ISO_IR 192", NAME, ["charset_wrong"]),
        (NAME.encode("latin-1"), "", NAME, ["charset_wrong"]),
    ],
)
def test_text_is_read_as_what_its_bytes_are(raw, charset, name, codes):
    made = origin_of_dicom(_with_name(raw + b" " * (len(raw) % 2), charset), SHA256)
    assert made.patient_name == name
    assert [notice.code for notice in made.notices] == codes
    assert not any("ller" in notice.message for notice in made.notices)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nonsense_is_left_out_not_handed_on():
    made = origin(
        PatientSex="X", PatientBirthDate="19901", StudyTime="99", PatientID="A\x07B\\C", NumberOfFrames="3",
        PatientName="Doe^Jane\x1b\x00",
    )  # fmt: skip
    assert (made.sex, made.birth_date, made.study_time) == ("", "", "")
    assert made.patient_id == "A B"
    assert made.patient_name == "Doe^Jane"
    assert (made.frames, made.frame) == (3, None)  # a DX has no frames to refer to


def test_its_repr_shows_nobody():
    assert repr(origin()) == "Origin(not shown)"
