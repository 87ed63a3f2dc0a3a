"""Secondary Captures: burnt-in boxes where the models' are, and pictures that become films without losing a grey."""

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings

from cxr_core.errors import NotExportable
from cxr_core.export.objects import finished
from cxr_core.export.origin import origin_of_dicom, origin_of_picture
from cxr_core.export.palette import LOOKS
from cxr_core.export.result import Window, drawn
from cxr_core.export.sc import capture, film_of, windowed
from cxr_core.records import Box, Finding, FindingReview
from tests.export.peers import complaints
from tests.export.results import (
    AT,
    HEIGHT,
    PHANTOM,
    SHA256,
    WIDTH,
    header,
    origin,
    refused,
    result,
    results,
    review,
    screening,
)  # fmt: skip


def _capture(made, where=None, greys=PHANTOM, **more) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(_bytes(made, where, greys, **more)))


def _bytes(made, where=None, greys=PHANTOM, **more) -> bytes:
    return finished(capture(made, where or origin(), greys, **more), made.told_at)


def test_it_says_what_it_is_and_refers_to_the_film():
    source, read = header(), _capture(result())
    assert (read.BurnedInAnnotation, list(read.ImageType)) == ("YES", ["DERIVED", "SECONDARY"])
    assert read.StudyInstanceUID == source.StudyInstanceUID
    assert read.SeriesInstanceUID != source.SeriesInstanceUID
    assert read.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert read.DerivationDescription.startswith("Research use only")
    assert (read.PatientID, str(read.PatientName)) == (source.PatientID, str(source.PatientName))
    assert read.pixel_array.shape[1:] == (WIDTH, 3)


@pytest.mark.parametrize("label", ["Effusion", "Atelectasis", "Mass", "Pneumothorax"])
def test_the_box_is_burnt_in_where_it_is(label):
    """A label drawn solid: its colour stands on all four sides of the box and on nothing else but its words."""
    box = Box(60, 80, 200, 190)
    black = np.zeros((HEIGHT, WIDTH), np.uint16)
    made = result(screening(Finding(label, 0.8, box), **({"Effusion": 0.1} | {label: 0.9})))
    picture = _capture(made, greys=black).pixel_array[:HEIGHT]
    ink = np.all(picture == LOOKS[label].rgb, axis=2)
    for line in (ink[80, 70:190], ink[190, 70:190], ink[90:180, 60], ink[90:180, 200]):
        assert line.all()
    assert not ink[95:175, 75:185].any()


@settings(max_examples=20)
@given(results())
def test_outside_boxes_and_words_the_film_is_as_shown(made):
    """What no mark touches is the film to the grey; and marks are where boxes are, so somewhere near an outline."""
    height, width = (WIDTH, HEIGHT) if made.screening.warnings and _turned(made) else (HEIGHT, WIDTH)
    greys = np.full((height, width), 0x8080, np.uint16)
    picture = _capture(made, greys=greys).pixel_array[:height]
    touched = np.any(picture != 0x80, axis=2)
    assert touched.any() == bool(drawn(made))
    for mark in drawn(made):
        x1, y1, x2, y2 = (round(value) for value in mark.box.as_tuple())
        edge = touched[max(0, y1 - 1) : y2 + 2, max(0, x1 - 1) : x2 + 2]
        assert edge.any()


def _turned(made) -> bool:
    codes = {notice.code for notice in made.screening.warnings}
    return len(codes & {"turned_90_mended", "turned_270_mended"}) == 1


def test_it_is_seen_through_the_readers_window():
    made = result(screening(Effusion=0.1), window=Window(0.25, 0.75, inverted=True))
    picture = _capture(made).pixel_array[:HEIGHT, :, 0]
    expected = windowed(PHANTOM, Window(0.25, 0.75, inverted=True)) >> 8
    assert np.array_equal(picture, expected)


def test_a_rejected_box_is_drawn_and_the_notice_is_below_the_film():
    said = result(review=review(FindingReview("Effusion", "disagree", None, Box(10.5, 20.25, 100, 200), 0.8)))
    plain, struck = _capture(result()).pixel_array, _capture(said).pixel_array
    assert plain.shape[0] > HEIGHT
    assert not np.array_equal(plain[:HEIGHT], struck[:HEIGHT])


def test_below_the_film_stand_the_notice_the_models_and_the_thresholds_name():
    """In the picture itself, not only in its header: another model's version is another strip."""
    one, other = _capture(result()), _capture(result(preset="specific"))
    assert np.array_equal(one.pixel_array[:HEIGHT], other.pixel_array[:HEIGHT])
    assert not np.array_equal(one.pixel_array[HEIGHT:], other.pixel_array[HEIGHT:])
    models = replace(screening(), models=())
    assert not np.array_equal(_capture(result(models)).pixel_array[HEIGHT:], one.pixel_array[HEIGHT:])


def test_the_same_result_gives_the_same_bytes():
    assert _bytes(result(), replaces="2.25.7") == _bytes(result(), replaces="2.25.7")
    assert "Replaces 2.25.7" in _capture(result(), replaces="2.25.7").DerivationDescription


def test_a_refused_film_has_none():
    with pytest.raises(NotExportable, match="sr, fhir or hl7"):
        _bytes(refused())


@pytest.mark.parametrize("greys", [PHANTOM, (PHANTOM >> 8) * 257], ids=["16 bits", "8 bits"])
def test_a_picture_becomes_a_film_with_the_same_greys(greys, tmp_path):
    where = origin_of_picture(SHA256, WIDTH, HEIGHT)
    data = finished(film_of(where, result(), greys), AT)
    read = pydicom.dcmread(io.BytesIO(data))
    stored = read.pixel_array
    assert np.array_equal(stored.astype(int) * (257 if stored.dtype == np.uint8 else 1), greys)
    assert (read.SOPInstanceUID, read.StudyInstanceUID) == (where.instance_uid, where.study_uid)
    assert "without DICOM identity" in read.DerivationDescription
    assert "digest" in read.ImageComments
    assert complaints(data, tmp_path) == []
    assert data == finished(film_of(where, result(review=review()), greys), AT)  # whatever was said of it later


def test_a_film_without_uids_becomes_one_with_its_patient(tmp_path):
    where = origin_of_dicom(header(StudyInstanceUID=None), SHA256)
    data = finished(film_of(where, result(), PHANTOM), AT)
    read = pydicom.dcmread(io.BytesIO(data))
    assert str(read.PatientName) == "SYNTHETIC^PHANTOM"
    assert "StudyInstanceUID (missing)" in read.DerivationDescription
    assert complaints(data, tmp_path) == []


@pytest.mark.parametrize("where", [origin(), origin_of_picture(SHA256, WIDTH, HEIGHT)], ids=["dicom", "picture"])
def test_dciodvfy_finds_no_error(where, tmp_path):
    assert complaints(_bytes(result(review=review(), synthetic=True), where), tmp_path) == []
