"""A presentation state: boxes where they were, the reader's window, and the film turned as it was judged."""

import io
import subprocess

import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.errors import NotExportable, RecordError
from cxr_core.export.gsps import Curve, presentation
from cxr_core.export.objects import finished
from cxr_core.export.result import Window, drawn, told
from cxr_core.export.sc import windowed
from cxr_core.export.upright import upright
from cxr_core.gate.mend import mended
from cxr_core.outgoing.film import Film
from cxr_core.phantom import as_dicom
from cxr_core.records import Box, FindingReview, Radiograph
from cxr_core.settings import Settings
from tests.export.peers import complaints, tool
from tests.export.results import (
    HEIGHT,
    PHANTOM,
    UNDER,
    WIDTH,
    header,
    origin,
    refused,
    result,
    results,
    review,
    screening,
)  # fmt: skip

LINE = Curve(np.arange(4096.0), np.arange(4096.0) / 4095, 1.0, 0.0)


def _written(made, where=None, curve=LINE, **more) -> bytes:
    return finished(presentation(made, where or origin(), curve, **more), made.told_at)


def _read(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def _boxes(state) -> list[Box]:
    found = []
    for annotation in state.GraphicAnnotationSequence:
        for item in annotation.get("GraphicObjectSequence", ()):
            points = np.array(item.GraphicData).reshape(-1, 2)
            assert np.array_equal(points[0], points[-1])
            found.append(Box(*points.min(0), *points.max(0)))
    return found


@settings(max_examples=40)
@given(results())
def test_read_back_it_gives_the_same_boxes_to_the_pixel(made):
    turned = upright((notice.code for notice in made.screening.warnings), WIDTH, HEIGHT)
    marks = sorted(drawn(made), key=lambda mark: mark.by)  # the models' layer comes first
    state = _read(_written(made))
    assert len(_boxes(state)) == len(marks)
    for box, mark in zip(_boxes(state), marks, strict=True):
        assert box.as_tuple() == pytest.approx(turned.box(mark.box).as_tuple(), abs=1e-3)
    words = [item.UnformattedTextValue for part in state.GraphicAnnotationSequence for item in part.TextObjectSequence]
    assert words[:-1] == [told(mark) for mark in marks]
    assert words[-1].startswith("Research use only")


def test_it_refers_to_the_film_and_lies_beside_it():
    source, state = header(), _read(_written(result()))
    assert (state.StudyInstanceUID, state.PatientID) == (source.StudyInstanceUID, source.PatientID)
    assert state.SeriesInstanceUID != source.SeriesInstanceUID
    (series,) = state.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID


def test_a_box_under_its_threshold_is_not_drawn_until_a_reader_speaks_of_it():
    assert [mark.label for mark in drawn(result())] == ["Effusion"]
    said = result(review=review(FindingReview("Mass", "disagree", None, UNDER, 0.2)))
    assert [told(mark) for mark in drawn(said)] == ["Effusion 0.80", "Mass 0.20, reader disagrees"]


def test_a_film_without_flags_says_that_this_is_no_statement():
    state = _read(_written(result(screening(Effusion=0.2))))
    assert _boxes(state) == []
    (notice,) = state.GraphicAnnotationSequence[0].TextObjectSequence
    assert "this is not a statement that nothing is there" in notice.UnformattedTextValue


def test_refused_and_colour_films_have_none_and_say_what_there_is():
    with pytest.raises(NotExportable, match="export sr, fhir or hl7"):
        _written(refused())
    with pytest.raises(NotExportable, match="stored in colour"):
        _written(result(), origin(SamplesPerPixel=3))


def test_the_same_result_gives_the_same_bytes():
    assert _written(result(), replaces="2.25.1") == _written(result(), replaces="2.25.1")
    assert "2.25.1" in _read(_written(result(), replaces="2.25.1")).ContentDescription


def test_a_window_makes_sense():
    with pytest.raises(RecordError, match="low < high"):
        Window(0.7, 0.2)


def _greys(state: pydicom.Dataset, values: np.ndarray) -> np.ndarray:
    """What a viewer shows of modality values by the state alone, in [0, 1] (PS3.4 N.2, PS3.3 C.11.2)."""
    (voi,) = state.SoftcopyVOILUTSequence
    if "VOILUTSequence" in voi:
        lut = voi.VOILUTSequence[0]
        count, first, bits = lut.LUTDescriptor
        data = np.frombuffer(lut.LUTData, "<u2") if isinstance(lut.LUTData, bytes) else np.array(lut.LUTData)
        assert len(data) == count
        shown = data[np.clip(np.round(values - first).astype(int), 0, count - 1)] / (2**bits - 1)
    else:
        centre, width = float(voi.WindowCenter), float(voi.WindowWidth)
        shown = np.clip((values - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5, 0, 1)
    return 1 - shown if state.PresentationLUTShape == "INVERSE" else shown


SHAPES = {
    "rising": lambda x: x,
    "falling": lambda x: 1 - x,
    "root": np.sqrt,
    "falling root": lambda x: 1 - np.sqrt(x),
    "saturated": lambda x: np.clip((x - 0.3) / 0.4, 0, 1),
}


WINDOWS = st.builds(
    lambda low, width, inverted: Window(low, low + width, inverted),
    st.floats(0, 0.8),
    st.floats(0.05, 1.0),
    st.booleans(),
)


@settings(max_examples=40)
@given(st.sampled_from(sorted(SHAPES)), WINDOWS, st.booleans(), st.sampled_from([-1024, 0, 77]))
def test_a_viewer_shows_what_the_reader_saw(shape, window, mended_inverted, first):
    values = np.arange(300.0) + first
    greys = SHAPES[shape](np.arange(300.0) / 299)
    codes = ("inverted_by_pixels",) if mended_inverted else ()
    state = _read(_written(result(screening(codes=codes), window=window), curve=Curve(values, greys)))
    judged = 1 - greys if mended_inverted else greys
    seen = windowed(np.round(judged * 65535).astype(np.uint16), window) / 65535
    stored = (values - first) if "VOILUTSequence" in state.SoftcopyVOILUTSequence[0] and first < 0 else values
    assert float(state.get("RescaleIntercept", 0)) == (-first if stored is not values else 0)
    assert np.abs(_greys(state, stored) - seen).max() < 0.02


MENDED = [
    (),
    ("turned_90_mended",),
    ("turned_180_mended",),
    ("turned_270_mended",),
    ("mirrored_mended",),
    ("turned_90_mended", "mirrored_mended"),
    ("inverted_by_pixels",),
]


def _as_found(codes) -> np.ndarray:
    """The phantom as it lay before the gate mended it: what gives the phantom when mended."""
    film = PHANTOM
    if "mirrored_mended" in codes:
        film = film[:, ::-1]
    for code, turns in (("turned_90_mended", -1), ("turned_180_mended", 2), ("turned_270_mended", 1)):
        if code in codes:
            film = np.rot90(film, turns)
    film = np.ascontiguousarray(65535 - film if "inverted_by_pixels" in codes else film)
    assert np.array_equal(mended(Radiograph("a", "b", film.copy(), "dicom"), codes).pixels, PHANTOM)
    return film


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("codes", MENDED, ids=lambda codes: "+".join(codes) or "as it is")
def test_dcmtk_shows_a_mended_film_upright_through_the_readers_window(codes, photometric, tmp_path):
    """Another maker's renderer, the film as it lies in the archive, the state: the film as the reader judged it."""
    renderer = tool("dcmp2pgm")
    data = as_dicom(_as_found(codes), photometric=photometric)
    made = result(screening(codes=codes), window=Window(0.1, 0.8))
    film = Film(data, made.screening, Settings())
    (tmp_path / "film.dcm").write_bytes(data)
    (tmp_path / "state.dcm").write_bytes(_written(made, film.origin, film.curve()))
    command = [renderer, "-p", "state.dcm", "film.dcm", "shown.pgm"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    shown = cv2.imread(str(tmp_path / "shown.pgm"), cv2.IMREAD_UNCHANGED).astype(float)
    expected = windowed(PHANTOM, Window(0.1, 0.8)) / 257
    assert shown.shape == expected.shape
    # dcmp2pgm draws the state's words along the lower edge, and prints P-values of its own density scale.
    above = slice(0, round(0.9 * HEIGHT))
    assert np.corrcoef(shown[above].ravel(), expected[above].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("codes", MENDED, ids=lambda codes: "+".join(codes) or "as it is")
def test_dciodvfy_finds_no_error(codes, tmp_path):
    turned = origin(Rows=WIDTH, Columns=HEIGHT) if any("90" in code or "270" in code for code in codes) else origin()
    said = review(FindingReview("Nodule", "added", Box(1, 2, 30, 40)))
    made = result(screening(codes=codes), review=said, window=Window(0.2, 0.7, inverted=True))
    root = Curve(np.arange(-50.0, 4000.0), np.sqrt(np.arange(4050.0) / 4049), 1.0, -50.0)
    for curve in (LINE, root, None):
        assert complaints(_written(made, turned, curve), tmp_path) == []
