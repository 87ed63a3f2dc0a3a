"""What is joined in the database and taken apart here is what stands in its rows, in SQLite and in PostgreSQL."""

from datetime import datetime

import numpy as np
import pytest
from sqlalchemy import insert, select

from cxr_core.errors import StoreError
from cxr_core.records import LABELS
from cxr_core.store.database import Database
from cxr_core.store.gathered import gathered
from cxr_core.store.packing import packed
from cxr_core.store.tables import ImageRow, ScreeningRow
from tests.store.given import NOON

NINE = dict(zip(LABELS, np.linspace(0, 1, 9).tolist(), strict=True))
ALL = select(
    ScreeningRow.id,
    ScreeningRow.doubtful,
    ScreeningRow.screened_at,
    ScreeningRow.scores,
    ScreeningRow.result,
    ScreeningRow.searched,
)
KINDS = ("number", "flag", "instant", "nine", "digest", "text")


@pytest.fixture
def database(settings):
    settings.data_dir.mkdir()
    opened = Database(settings.resolved_database_url)
    yield opened
    opened.close()


def put(database, *rows):
    """A screening a row: when, scores, result, searched."""

    def write(session):
        for number, (when, scores, result, searched) in enumerate(rows, 1):
            image = {"id": number, "key": str(number), "received_at": NOON, "synthetic": False}
            session.execute(insert(ImageRow).values(image))
            made = {"id": number, "image_id": number, "models_key": "m", "status": "screened", "payload": "{}"}
            made |= {"screened_at": when, "scores": scores, "doubtful": number == 2, "requested": 0}
            session.execute(insert(ScreeningRow).values(made | {"result": result, "searched": searched}))

    database.write(write)


def test_no_rows_are_empty_arrays_of_their_kinds(database):
    arrays = database.read(lambda session: gathered(session, ALL, *KINDS))
    assert [array.shape for array in arrays] == [(0,), (0,), (0,), (0, 9), (0,), (0,)]
    assert [array.dtype.str for array in arrays] == ["<i8", "|b1", "<M8[us]", "<f8", "|S64", "|O"]


def test_every_kind_comes_back_as_it_was_put_there(database):
    texts = ["", "ward/ä\n4711\n", "a,b\\x'"]
    times = [NOON, NOON.replace(year=1987, microsecond=7), NOON.replace(year=2100, microsecond=999_999)]
    put(
        database,
        (times[0], packed(NINE), "a" * 64, texts[0]),
        (times[1], None, "0" * 64, texts[1]),
        (times[2], packed({}), "", texts[2]),
    )
    arrays = database.read(lambda session: gathered(session, ALL, *KINDS))
    order = np.argsort(arrays[0])
    number, doubtful, when, scores, result, searched = (array[order] for array in arrays)
    assert number.tolist() == [1, 2, 3]
    assert doubtful.tolist() == [False, True, False]
    assert when.tolist() == [time.replace(tzinfo=None) for time in times]
    assert scores[0].tolist() == list(NINE.values())
    assert np.isnan(scores[1:]).all()
    assert result.tolist() == [b"a" * 64, b"0" * 64, b" " * 64]
    assert searched.tolist() == texts


def test_an_instant_without_a_fraction_is_one(database, sql):
    put(database, (NOON, None, "", ""))
    sql("update screenings set screened_at = '2026-01-02 12:00:00'")
    (when,) = database.read(lambda session: gathered(session, select(ScreeningRow.screened_at), "instant"))
    assert when.tolist() == [datetime(2026, 1, 2, 12)]


def test_a_text_that_would_put_names_beside_the_wrong_films_is_refused(database):
    put(database, (NOON, None, "", "one\x1ftwo"))
    with pytest.raises(StoreError, match="control character"):
        database.read(lambda session: gathered(session, ALL, *KINDS))
