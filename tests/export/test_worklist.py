"""The whole worklist as a file: every row, the way back, and nothing of a person without identity."""

import csv
import io
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.export import cells
from cxr_core.export.table import COLUMNS as FLAGGED_COLUMNS
from cxr_core.export.table import Row, to_csv
from cxr_core.export.worklist import (
    COLUMNS,
    COLUMNS_WITH_IDENTITY,
    anonymous,
    anonymous_name,
    read_worklist,
    work_row,
    write_worklist,
)
from cxr_core.records import LABELS, Box, Context, FindingReview, Identity, ImageFacts, Review, Screening
from cxr_core.triage import rank
from tests.strategies import NASTY, REVIEWS, TIMES, UNIT, screenings

THRESHOLDS = st.fixed_dictionaries(dict.fromkeys(LABELS, UNIT))
SOON = dict.fromkeys(LABELS, "soon")
HALF = dict.fromkeys(LABELS, 0.5)
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IDENTITIES = st.builds(Identity, **{spec.name: NASTY for spec in fields(Identity) if spec.name != "priority"})
SECRET = "Zebedee"


@st.composite
def rows(draw, thresholds):
    found = [replace(item, identity=draw(st.none() | IDENTITIES)) for item in draw(st.lists(screenings(), max_size=4))]
    queue = rank(found, thresholds, SOON)
    return [Row(item, draw(TIMES | st.none()), draw(TIMES | st.none()), draw(REVIEWS | st.none())) for item in queue]


def written(items, thresholds=HALF, **facts) -> bytes:
    stream = io.BytesIO()
    assert write_worklist(stream, items, thresholds, **facts) == len(items)
    return stream.getvalue()


def one(**review) -> Row:
    """A row that names its patient wherever a name can stand."""
    screening = Screening(
        file=f"ward/{SECRET}^Jane.dcm",
        sha256="ab" * 32,
        status="screened",
        image=ImageFacts(2048, 2500, "PA", "dicom"),
        scores=dict.fromkeys(LABELS, 0.25),
        identity=Identity(**{spec.name: SECRET for spec in fields(Identity) if spec.name != "priority"}),
    )
    said = {
        "comment": f"call {SECRET}",
        "impression": f"{SECRET}: effusion",
        "reader": f"Dr {SECRET}",
        "role": "resident",
    }
    (ranked,) = rank([screening], HALF, SOON)
    return Row(ranked, AT, AT, Review("agree", reviewed_at=AT, **(said | review)))


@given(st.data(), THRESHOLDS, st.booleans())
def test_a_worklist_read_back_is_the_same(data, thresholds, identity):
    items = data.draw(rows(thresholds))
    told = written(items, thresholds, identity=identity)
    assert read_worklist(told) == tuple(work_row(row, thresholds, identity=identity) for row in items)


@given(st.data(), st.booleans())
def test_no_cell_of_any_column_begins_as_a_formula(data, identity):
    told = written(data.draw(rows(HALF)), identity=identity)
    for line in list(csv.reader(io.StringIO(told.decode("utf-8-sig"), newline="")))[1:]:
        for cell in line:
            assert not cell.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")) or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "\n" not in cell


@given(NASTY)
def test_a_text_made_safe_comes_back_whole(text):
    assert cells.plain(cells.neutral(text)) == text


def test_without_identity_nothing_of_a_person_leaves():
    told = written([one()])
    assert SECRET.encode() not in told
    (row,) = read_worklist(told)
    assert row.row.file == "abababababababab.dcm"
    assert (row.reviewer, row.impression, row.identity) == ("", "", None)
    assert row.row.reviewer_decision == "agree"
    assert row.reviewer_role == "resident"


def test_with_identity_it_is_all_there():
    (row,) = read_worklist(written([one()], identity=True))
    assert row.identity["patient_name"] == SECRET
    assert row.identity["station"] == SECRET
    assert row.row.file == f"ward/{SECRET}^Jane.dcm"
    assert row.row.reviewer_comment == f"call {SECRET}"
    assert row.impression == f"{SECRET}: effusion"


def test_what_was_said_and_known_has_its_columns():
    said = (FindingReview("Nodule", "agree", Box(1, 2, 30, 40.5)), FindingReview("Mass", "disagree", None))
    context = Context(fever=True, cough=False, spo2=91.5, pcr="positive", age=71, sex="F")
    told = written([one(findings=said, context=context, signed_at=AT, version=3)], identity=True)
    (cells_,) = csv.DictReader(io.StringIO(told.decode("utf-8-sig"), newline=""))
    assert cells_["reviewed_findings"] == "Nodule agree [1,2,30,40.5]; Mass disagree"
    assert [cells_[name] for name in ("fever", "cough", "spo2", "contact", "pcr")] == ["1", "0", "91.5", "", "positive"]
    assert (cells_["context_age"], cells_["context_sex"]) == ("71", "F")
    assert (cells_["signed_at"], cells_["review_version"]) == (AT.isoformat(), "3")


def test_the_columns_begin_as_those_of_the_flagged_table():
    assert COLUMNS[: len(FLAGGED_COLUMNS)] == FLAGGED_COLUMNS
    assert COLUMNS_WITH_IDENTITY[: len(COLUMNS)] == COLUMNS
    assert len(set(COLUMNS_WITH_IDENTITY)) == len(COLUMNS_WITH_IDENTITY)


def test_another_table_is_refused():
    for data in (to_csv([], HALF), b"", written([]) + b'"a"\r\n'):
        with pytest.raises(RecordError):
            read_worklist(data)


def test_rows_are_written_as_they_come():
    """A generator is asked for a row only when those before it are on their way to the disk."""
    seen, sizes = [], []
    stream = io.BytesIO()

    def come():
        for number in range(1000):
            sizes.append(stream.tell())
            seen.append(number)
            yield one()

    write_worklist(stream, come(), HALF)
    assert len(seen) == 1000
    assert 0 < sizes[500] < sizes[-1] < stream.tell(), "written while rows still come"


def test_a_film_without_bytes_or_kind_still_has_a_name():
    screening = one().ranked.screening
    assert anonymous_name(screening) == "abababababababab.dcm"
    assert anonymous_name(replace(screening, sha256="")) == "unread.dcm"


def test_a_flagged_table_can_leave_without_names_too():
    told = to_csv([anonymous(one())], dict.fromkeys(LABELS, 0.2))
    assert SECRET.encode() not in told
    assert b'"abababababababab.dcm"' in told
    assert anonymous(replace(one(), review=None)).review is None
