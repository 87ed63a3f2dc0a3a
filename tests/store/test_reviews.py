"""Reviews: every save stays, two sessions never overwrite each other, an old database's decisions are carried over."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text

from cxr_core.errors import ReviewConflict, StoreError
from cxr_core.records import LABELS, Box, FindingReview, ImageFacts, ModelRef, Review, Screening
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.store.lines import result_of
from cxr_core.store.migrate import FIRST, upgrade
from tests.fakes import say
from tests.strategies import REVIEWS

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MODELS = (ModelRef("covid_ssd", "1", "a" * 64),)
KEY = "0" * 64
MINE, THEIRS = Review("agree", "mine", NOON), Review("disagree", "theirs", NOON)


@pytest.fixture
def store(store):
    store.save(screened(), NOON)
    return store


@pytest.fixture(scope="module")
def shared(shared):
    shared.save(screened(), NOON)
    return shared


def screened(score: float = 0.5, sha256: str = KEY) -> Screening:
    facts = ImageFacts(640, 480, "PA", "png")
    return Screening("a.png", sha256, "screened", image=facts, models=MODELS, scores=dict.fromkeys(LABELS, score))


@given(REVIEWS)
@hypothesis_settings(max_examples=25)
def test_a_review_read_back_is_the_same_and_one_version_on(shared, review):
    before = shared.entry(KEY).review
    expected = before.version if before else 0
    kept = shared.save_review(KEY, review, expected=expected)
    assert kept == replace(review, version=expected + 1)
    assert shared.entry(KEY).review == kept
    assert shared.review_history(KEY, screened())[-1] == kept


def test_every_version_stays_in_its_order(store):
    for number in range(3):
        store.save_review(KEY, replace(MINE, comment=str(number)), expected=number)
    history = store.review_history(KEY, screened())
    assert [(said.version, said.comment) for said in history] == [(1, "0"), (2, "1"), (3, "2")]


def test_who_saves_over_a_newer_version_is_told_and_changes_nothing(store):
    store.save_review(KEY, MINE, expected=0)
    signed = replace(THEIRS, signed_at=NOON, reader="Dr Doe")
    store.save_review(KEY, signed, expected=1)
    with pytest.raises(
        ReviewConflict, match=r"saved a review of this film and signed it at 2026-01-02 12:00"
    ) as caught:
        store.save_review(KEY, replace(MINE, comment="late"), expected=1)
    assert "Doe" not in str(caught.value)
    assert [said.comment for said in store.review_history(KEY, screened())] == ["mine", "theirs"]
    on_top = store.save_review(KEY, replace(MINE, comment="late"), expected=2)
    assert store.entry(KEY).review == on_top


@pytest.mark.parametrize("expected", [1, 7])
def test_a_version_that_never_was_is_no_base(store, expected):
    with pytest.raises(ReviewConflict, match="gone"):
        store.save_review(KEY, MINE, expected=expected)
    assert store.review_history(KEY, screened()) == ()


def test_of_many_who_save_at_once_one_is_kept_a_version_and_no_word_is_lost(settings, store):
    gate = threading.Barrier(4)

    def work(worker: int) -> int:
        own, tries = Store(settings), 0
        gate.wait()
        while True:
            tries += 1
            try:
                say(own, KEY, "agree", str(worker))
            except ReviewConflict:
                continue
            own.close()
            return tries

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) >= 4
    history = store.review_history(KEY, screened())
    assert sorted(said.comment for said in history) == ["0", "1", "2", "3"]
    assert [said.version for said in history] == [1, 2, 3, 4]


def test_a_review_holds_for_the_screening_that_was_on_the_screen(store):
    store.save(screened(0.9), NOON)
    store.save_review(KEY, MINE, of=screened())
    assert store.entry(KEY).review is None
    assert store.review_history(KEY, screened()) == (replace(MINE, version=1),)
    assert store.review_history(KEY, screened(0.9)) == ()
    assert store.save_review(KEY, THEIRS, of=screened(0.9)).version == 1


def test_a_review_of_an_image_that_is_not_here_is_not_kept(store):
    with pytest.raises(StoreError, match="no longer in the worklist"):
        store.save_review("f" * 64, MINE)


def test_reviewed_gives_only_what_somebody_spoke_of(store):
    for number in range(1, 4):
        store.save(screened(sha256=str(number) * 64), NOON)
    say(store, "1" * 64, "none", findings=(FindingReview("Mass", "added", Box(0, 0, 5, 5)),))
    say(store, "2" * 64, "agree")
    say(store, "2" * 64, "none")
    assert [entry.key for entry in store.reviewed()] == ["1" * 64]


def test_decisions_of_an_older_database_are_the_first_versions(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'cxr.sqlite3'}")
    with engine.begin() as connection:
        upgrade(connection, FIRST)
        connection.execute(text("insert into images values (7, :key, '2026-01-02 12:00:00', 0)"), {"key": KEY})
        connection.execute(
            text(
                "insert into decisions values (7, :about, 'disagree', 'O''Hara \"scar\"', '2026-01-02 13:00:00.250000')"
            ),
            {"about": result_of(screened())},
        )
    engine.dispose()
    store = Store(Settings(data_dir=tmp_path))
    at = datetime(2026, 1, 2, 13, 0, 0, 250000, tzinfo=UTC)
    assert store.save(screened(), NOON).review == Review("disagree", 'O\'Hara "scar"', at, version=1)
    assert store.save_review(KEY, MINE, expected=1).version == 2
    store.close()
