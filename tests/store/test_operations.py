"""What the operations page asks of the store: all work once, by its moment, with its reasons."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.agreement import of_blind_read, of_verdicts
from cxr_core.records import LABELS, BlindRead, ImageFacts, ModelRef, Notice, Review, Screening, Seconds
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests.strategies import REVIEWS

NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path):
    made = Store(Settings(data_dir=tmp_path))
    yield made
    made.close()


def screening(number: int, **changes) -> Screening:
    facts = {
        "file": f"{number}.png",
        "sha256": f"{number:064x}",
        "status": "screened",
        "image": ImageFacts(10, 10, "PA", "png"),
        "models": (ModelRef("covid_ssd", "1", "cd" * 32),),
        "scores": dict.fromkeys(LABELS, 0.5),
        "seconds": Seconds(0.1 * number, 0.01, 0.5),
    }
    return Screening(**(facts | changes))


def refused(number: int, code: str) -> Screening:
    return screening(number, status="refused", refusal=Notice(code, "why"), scores={})


def test_all_work_is_told_in_order_of_time(store):
    store.save(screening(1), NOW)
    store.save(refused(2, "too_small"), NOW, synthetic=True)
    found = store.screened_since()
    assert len(found) == 2
    assert found.refused.tolist() == [False, True]
    assert found.synthetic.tolist() == [False, True]
    assert (found.at[1:] >= found.at[:-1]).all()
    assert len(store.screened_since(datetime.now(UTC) + timedelta(hours=1))) == 0
    assert len(store.screened_since(datetime.now(UTC) - timedelta(hours=1))) == 2


def test_an_empty_store_tells_nothing(store):
    assert len(store.screened_since()) == 0
    assert not store.reasons_since().refusals
    assert store.stage_seconds().shape == (0, 3)


def test_reasons_are_counted_by_film(store):
    store.save(refused(1, "too_small"), NOW)
    store.save(refused(2, "too_small"), NOW)
    store.save(refused(3, "not_an_image"), NOW)
    twice = (Notice("child", "a"), Notice("child", "b"), Notice("unlike_films", "c"))
    store.save(screening(4, warnings=twice), NOW)
    store.save(screening(5), NOW)
    found = store.reasons_since()
    assert found.refusals == {"too_small": 2, "not_an_image": 1}
    assert found.warnings == {"child": 1, "unlike_films": 1}
    assert not store.reasons_since(datetime.now(UTC) + timedelta(hours=1)).refusals


def test_seconds_are_those_of_the_latest_screened_films(store):
    for number in range(1, 6):
        store.save(screening(number), NOW)
    store.save(refused(6, "too_small"), NOW)
    found = store.stage_seconds(3)
    assert found[:, 0].tolist() == pytest.approx([0.5, 0.4, 0.3])
    assert found.shape == (3, 3)


@settings(max_examples=8)
@given(st.lists(REVIEWS, max_size=4))
def test_what_readers_said_is_what_their_reviews_say(tmp_path_factory, reviews):
    with closing(Store(Settings(data_dir=tmp_path_factory.mktemp("site")))) as store:
        for number, review in enumerate(reviews):
            store.save(screening(number), NOW)
            store.save_review(f"{number:064x}", review)
        found = store.judged()
    said = reviews  # one that was undone says nothing of any label
    assert sorted(found.blind.tolist()) == sorted(list(of_blind_read(review.blind)) for review in said)
    assert sorted(found.verdicts.tolist()) == sorted(list(of_verdicts(review)) for review in said)
    assert found.scores.shape == found.thresholds.shape == (len(said), 9)


def test_the_latest_word_counts_once_and_a_removed_film_not_at_all(store):
    for number in (1, 2):
        store.save(screening(number), NOW)
    store.save(refused(3, "too_small"), NOW)
    first = store.save_review(f"{1:064x}", Review("none", "", NOW, blind=BlindRead((), (), NOW)))
    store.save_review(
        f"{1:064x}",
        Review("none", "", NOW, blind=BlindRead((), ("Mass",), NOW), thresholds=dict.fromkeys(LABELS, 0.25)),
        expected=first.version,
    )
    store.save_review(f"{2:064x}", Review("agree", "", NOW))
    store.save_review(f"{3:064x}", Review("agree", "seen to", NOW))
    found = store.judged()
    assert len(found) == 2
    assert sorted(found.blind[:, LABELS.index("Mass")].tolist()) == [-1, 1]
    assert sorted(found.thresholds[:, 0].tolist(), key=np.isnan) == [0.25, pytest.approx(np.nan, nan_ok=True)]
    store.remove(f"{1:064x}", "")
    assert len(store.judged()) == 1
