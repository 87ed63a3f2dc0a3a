"""The CSV contract: exact columns, safe text, numbers that stay numbers, and the way back."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.export.table import COLUMNS, Row, read_csv, table_row, to_csv
from cxr_core.records import LABELS, ImageFacts, ModelRef, Notice, Opinion, Review, Screening
from cxr_core.triage import rank
from tests.strategies import NASTY, REVIEWS, TIMES, UNIT, screenings

THRESHOLDS = st.fixed_dictionaries(dict.fromkeys(LABELS, UNIT))
SOON = dict.fromkeys(LABELS, "soon")
HALF = dict.fromkeys(LABELS, 0.5)


@st.composite
def _rows(draw, thresholds):
    queue = rank(draw(st.lists(screenings(), max_size=5)), thresholds, SOON)
    return [Row(item, draw(TIMES | st.none()), draw(TIMES | st.none()), draw(REVIEWS | st.none())) for item in queue]


def _one(**changes) -> Row:
    facts = {
        "file": "ward/a.dcm",
        "sha256": "ab" * 32,
        "status": "screened",
        "image": ImageFacts(2048, 2500, "PA", "dicom"),
        "models": (ModelRef("covid_ssd", "1.0", "cd" * 32),),
        "scores": dict.fromkeys(LABELS, 0.25) | {"Effusion": 0.75},
    }
    (ranked,) = rank([Screening(**(facts | changes))], HALF, SOON)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Row(ranked, at, at, Review("agree", "seen", at))


def _cells(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@given(st.data(), THRESHOLDS)
def test_a_table_read_back_is_the_same(data, thresholds):
    rows = data.draw(_rows(thresholds))
    assert read_csv(to_csv(rows, thresholds)) == tuple(table_row(row, thresholds) for row in rows)


@given(NASTY)
def test_no_cell_begins_as_a_formula_and_none_is_left_bare(text):
    data = to_csv([_one(file=text)], HALF)
    (row,) = _cells(data)
    assert not row["file"].startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
    assert read_csv(data)[0].file == text
    assert b'\r\n"' in data, "text is quoted, so that a list separator of another country cannot split it"


def test_the_columns_are_those_of_the_contract():
    data = to_csv([_one()], HALF)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")
    header = _cells(data)[0].keys()
    assert tuple(header) == COLUMNS
    assert [name for name in COLUMNS if name.startswith("score_")] == [f"score_{label}" for label in LABELS]
    assert COLUMNS.index("models") == 14 + 3 * 9 + 3, "what is newer stands behind the columns of before"
    assert len(COLUMNS) == 14 + 3 * 9 + 4 + 9 + 1


def test_numbers_stay_numbers_and_text_is_quoted():
    line = to_csv([_one()], HALF).decode("utf-8-sig").splitlines()[1]
    assert line.startswith('"ward/a.dcm","abab')
    assert ',2048,2500,"PA",0.25,0,0.5,' in line
    assert ",0.75,1,0.5," in line
    assert '"2026-01-02T03:04:05+00:00"' in line
    models = f'"covid_ssd 1.0 sha256:{"cd" * 32}"'
    assert f'"agree","seen","2026-01-02T03:04:05+00:00",{models},' in line


def test_second_opinions_stand_at_the_end_as_numbers_and_in_words():
    second = ModelRef("covid_cnn", "1.0", "ef" * 32)
    row = _one(opinions=(Opinion(second, {"Effusion": 0.75, "Lung opacity": 0.5}),))
    (cells,) = _cells(to_csv([row], HALF))
    assert (cells["ensemble_Effusion"], cells["ensemble_COVID-19"]) == ("0.75", "")
    assert cells["opinions"] == f"covid_cnn 1.0 sha256:{'ef' * 32}: Effusion 0.750000, Lung opacity 0.500000"
    assert cells["score_Effusion"] == "0.75"


def test_a_table_from_before_there_were_second_opinions_is_read():
    text = io.StringIO(newline="")
    before = COLUMNS[: COLUMNS.index("models") + 1]
    for line in csv.reader(io.StringIO(to_csv([_one()], HALF).decode("utf-8-sig"), newline="")):
        csv.writer(text, quoting=csv.QUOTE_ALL).writerow(line[: len(before)])
    assert read_csv(text.getvalue().encode("utf-8-sig")) == (table_row(_one(), HALF),)


def test_a_refused_image_has_its_row_with_empty_scores():
    refused = _one(
        status="refused", refusal=Notice("too_small", "1x1 pixels."), scores={}, image=None, file="=cmd|' /C calc'!A0"
    )
    (row,) = _cells(to_csv([refused], HALF))
    assert row["refusal_code"] == "too_small"
    assert row["file"] == "'=cmd|' /C calc'!A0"
    assert [row["score_Mass"], row["flag_Mass"], row["threshold_Mass"], row["width"]] == ["", "", "0.5", ""]


def test_only_flagged_leaves_out_every_row_without_a_flag():
    rows = [_one(), _one(scores=dict.fromkeys(LABELS, 0.1), file="b.png")]
    assert [row["file"] for row in _cells(to_csv(rows, HALF, only_flagged=True))] == ["ward/a.dcm"]
    assert len(_cells(to_csv(rows, HALF))) == 2


def test_an_empty_table_still_names_its_columns():
    assert read_csv(to_csv([], HALF)) == ()
    assert to_csv([], HALF).count(b"\r\n") == 1


def test_a_file_name_that_is_no_unicode_does_not_cost_the_table():
    (row,) = _cells(to_csv([_one(file="bad\udcff.png")], HALF))
    assert row["file"] == "bad\\udcff.png"


@pytest.mark.parametrize("data", [b"", b"a,b\r\n1,2\r\n", b"\xff\xfe", to_csv([], HALF) + b'"a","b"\r\n'])
def test_another_table_is_refused(data):
    with pytest.raises(RecordError):
        read_csv(data)


def test_a_missing_threshold_is_an_error():
    with pytest.raises(RecordError, match="Nodule"):
        to_csv([], {label: 0.5 for label in LABELS if label != "Nodule"})
