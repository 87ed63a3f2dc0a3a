"""What the operations page asks of the store: all work once, by its moment, with its reasons."""

from datetime import UTC, datetime, timedelta

import pytest

from cxr_core.records import LABELS, ImageFacts, ModelRef, Notice, Screening, Seconds
from cxr_core.settings import Settings
from cxr_core.store import Store

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
