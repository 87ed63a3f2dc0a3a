"""What leaves as files comes in the order of the queue, a few entries at a time, with pictures that fit."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from cxr_core import queueing
from cxr_core.errors import CxrError
from cxr_core.export.bundle import Asked, check, write_bundle
from cxr_core.export.worklist import read_worklist, write_worklist
from cxr_core.intake import take_in
from cxr_core.pipeline import Screener
from cxr_core.records import COVID, LABELS, Review
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.takeout import Painter, label_cards, queue_of, rows_of
from cxr_core.triage import Policy
from tests import fakes
from tests.fakes import film, given

NOW = datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def screener(settings):
    return Screener(settings, [fakes.covid(), fakes.nih()])


@pytest.fixture
def store(settings):
    made = Store(settings)
    yield made
    made.close()


@pytest.fixture
def queue(store, screener):
    """Gives the queue as it is now."""
    return lambda: queue_of(store, screener.cards, "balanced", Policy(), NOW)


def taken(store, screener, greys: dict[str, int | bytes]) -> dict[str, str]:
    inputs = [given(name, grey if isinstance(grey, bytes) else film(grey)) for name, grey in greys.items()]
    return {arrival.entry.screening.file: arrival.entry.key for arrival in take_in(inputs, screener, store)}


def names(rows) -> list[str]:
    return [row.ranked.screening.file for row in rows]


def test_the_queue_of_the_cards_is_that_of_the_screener(screener, queue):
    terms = queue().terms
    assert dict(terms.thresholds) == dict(screener.thresholds("balanced"))
    assert dict(terms.urgencies) == dict(screener.urgencies)
    assert queue().columns.preferred == screener.models_key
    assert set(label_cards(screener.cards)) == set(LABELS)


def test_rows_come_in_the_order_of_the_queue_in_whatever_portions(store, screener, queue, monkeypatch):
    taken(store, screener, {"dim.png": 100, "bright.png": 250, "broken.png": b"none", "middle.png": 200})
    whole = list(rows_of(queue()))
    assert len(whole) == 4
    assert names(whole)[:2] == ["bright.png", "middle.png"]
    assert [row.ranked.rank for row in whole] == [1, 2, 3, 4]
    monkeypatch.setattr(queueing, "_AT_ONCE", 2)
    assert names(rows_of(queue())) == names(whole)


def test_an_empty_store_gives_no_row(store, queue):
    assert list(rows_of(queue())) == []


def test_what_was_read_keeps_the_thresholds_that_it_was_read_with(store, screener, queue):
    keys = taken(store, screener, {"read.png": 200, "waiting.png": 201})
    strict = dict.fromkeys(LABELS, 0.99)
    store.save_review(keys["read.png"], Review("agree", "", datetime.now(UTC), thresholds=strict, preset="mine"))
    stream = io.BytesIO()
    write_worklist(stream, rows_of(queue()), queue().terms.thresholds)
    rows = {row.row.sha256: row.row for row in read_worklist(stream.getvalue())}
    assert rows[keys["read.png"]].labels[COVID].threshold == 0.99
    assert rows[keys["read.png"]].flagged == ()
    assert rows[keys["waiting.png"]].labels[COVID].threshold == 0.6
    assert len(rows[keys["waiting.png"]].flagged) == 9


def test_a_bundle_of_the_store_is_whole_and_its_pictures_fit_the_films(store, screener, queue, settings):
    keys = taken(store, screener, {"bright.png": 250, "dim.png": 100, "broken.png": b"none"})
    now = queue()
    stream = io.BytesIO()
    painter = Painter(store, settings, "balanced", label_cards(screener.cards))
    done = write_bundle(stream, lambda: rows_of(now), Asked(now.terms.thresholds, "balanced", NOW), painter)
    assert check(stream) == ()
    assert (done.films, done.pictures, len(done.without_picture)) == (3, 2, 1)
    with zipfile.ZipFile(stream) as file:
        pictures = {name.split("_")[1][:16]: name for name in file.namelist() if name.endswith(".png")}
        bright, dim = (
            cv2.imdecode(np.frombuffer(file.read(pictures[keys[name][:16]]), np.uint8), 1)
            for name in ("bright.png", "dim.png")
        )
    assert bright.shape[1] == dim.shape[1] == 120
    assert bright.shape[0] > 100, "the strip stands below the film"
    assert _coloured(bright).any(), "boxes of flagged findings"
    assert not _coloured(dim).any(), "what is not flagged has no box on the film"


def _coloured(picture):
    film_alone = picture[:100].astype(int)
    return film_alone.max(axis=2) - film_alone.min(axis=2) > 20


def test_a_film_that_is_gone_has_no_picture(store, screener, queue, settings):
    keys = taken(store, screener, {"bright.png": 250})
    (row,) = rows_of(queue())
    store.purge(keys["bright.png"])
    with pytest.raises(CxrError):
        Painter(store, settings, "balanced")(row)
