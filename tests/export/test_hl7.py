"""The message: parsed back by python-hl7, every field where version 2.5.1 has it, text that cannot break out of it."""

import hl7 as reader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.export import hl7
from cxr_core.export.origin import origin_of_picture
from cxr_core.export.result import NOTICE, marks
from cxr_core.export.upright import upright
from cxr_core.records import LABELS, FindingReview
from tests.export.results import (
    AT,
    HEIGHT,
    SHA256,
    UNDER,
    WIDTH,
    header,
    origin,
    refused,
    result,
    results,
    review,
)  # fmt: skip


def _read(made, where=None, **more) -> reader.Message:
    return reader.parse(hl7.message(made, where or origin(), **more).decode())


def _observed(message, kind) -> list:
    return [segment for segment in message.segments("OBX") if str(segment[2]) == kind]


def test_who_which_study_and_what_it_is():
    source, message = header(), _read(result())
    assert str(message["MSH"][0][9]) == "ORU^R01^ORU_R01"
    assert str(message["MSH"][0][12]) == "2.5.1"
    assert str(message["MSH"][0][18]) == "UNICODE UTF-8"
    assert len(str(message["MSH"][0][10])) <= 20
    pid = message.segment("PID")
    assert (str(pid[3]), str(pid[5]), str(pid[8])) == ("SYNTHETIC", "SYNTHETIC^PHANTOM", "O")
    (study,) = _observed(message, "ST")
    assert (str(study[3]), str(study[5])) == ("110180^Study Instance UID^DCM", source.StudyInstanceUID)
    notes = [str(segment[3]) for segment in message.segments("NTE")]
    assert notes[0] == NOTICE


def test_each_label_has_score_threshold_flag_and_verdict_and_none_is_called_normal():
    message = _read(result(review=review(FindingReview("Mass", "disagree", None))))
    numbers, words = _observed(message, "NM"), _observed(message, "CWE")
    assert len(numbers) == len(words) == 2 * len(LABELS)
    effusion = [item for item in (*numbers, *words) if "60046008" in str(item[3])]
    assert [(str(item[4]), str(item[5]).split("^")[0]) for item in effusion] == [
        ("film", "0.9"), ("film.122411", "0.5"), ("film.FLAG", "FLAGGED"), ("film.READER_VERDICT", "NOT_REVIEWED"),
    ]  # fmt: skip
    assert str(effusion[0][17]) == f"nih_ssd 1.0+abc sha256:{'9a' * 32}"
    mass = [str(item[5]).split("^")[0] for item in words if "4147007" in str(item[3])]
    assert mass == ["NOT_FLAGGED", "DISAGREE"]
    for item in message.segments("OBX"):
        assert str(item[7]) == str(item[8]) == ""


@settings(max_examples=25)
@given(results())
def test_read_back_it_gives_the_same_boxes(made):
    turned = upright((notice.code for notice in made.screening.warnings), WIDTH, HEIGHT)
    found = [[float(part) for part in str(item[5]).split(": ")[-1].split()] for item in _observed(_read(made), "TX")]
    expected = [turned.box(mark.box).as_tuple() for mark in marks(made)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=0.006)


@given(st.text())
def test_no_text_breaks_out_of_its_field(text):
    message = _read(result(review=review(comment=f"<{text}>", reader=text)))
    (note,) = [segment for segment in message.segments("NTE") if str(segment[3]).startswith("<")]
    told = message.unescape(str(note[3]))
    assert told == " ".join("".join(char if char.isprintable() else " " for char in f"<{text}>").split())
    assert len(message.segments("OBX")) == 1 + 4 * len(LABELS) + 2


def test_status_and_versions():
    def status(made, replaces=""):
        message = _read(made, replaces=replaces)
        assert {str(item[11]) for item in message.segments("OBX")} == {str(message.segment("OBR")[25])}
        return str(message.segment("OBR")[25])

    signed = result(review=review(FindingReview("Nodule", "added", UNDER), signed_at=AT))
    assert (status(result()), status(signed), status(signed, "ABC")) == ("P", "F", "C")
    assert str(_read(signed).segment("OBR")[32]) == "&Roe&Jane"
    notes = [str(segment[3]) for segment in _read(signed, replaces="ABC").segments("NTE")]
    assert "Replaces message ABC." in notes
    assert str(_read(signed)["MSH"][0][10]) == hl7.control_id(signed, origin())
    assert hl7.control_id(signed, origin()) != hl7.control_id(result(), origin())


def test_names_keep_their_parts_and_their_letters():
    where = origin(PatientName="Müller^Zoë^漢^Dr.^PhD=X", PatientID="A^1|&", AccessionNumber="AC~1")
    message = _read(result(), where)
    assert str(message.segment("PID")[5]) == "Müller^Zoë^漢^PhD^Dr."  # DICOM: prefix, suffix; HL7: suffix, prefix
    assert message.unescape(str(message.segment("PID")[3])) == "A^1|&"
    assert message.unescape(str(message.segment("OBR")[2])) == "AC~1"


def test_a_refused_film_and_a_picture_are_told_too():
    assert _observed(_read(refused()), "NM") == []
    assert any("refused" in str(segment[3]) for segment in _read(refused()).segments("NTE"))
    picture = _read(result(), origin_of_picture(SHA256, WIDTH, HEIGHT))
    assert str(picture.segment("PID")[3]).startswith("PICTURE-")
    assert any("without DICOM identity" in str(segment[3]) for segment in picture.segments("NTE"))


def test_the_same_result_gives_the_same_bytes():
    assert hl7.message(result(), origin()) == hl7.message(result(), origin())
