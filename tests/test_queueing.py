"""The queue over the store's columns: of every row what assessing that row alone says, for everybody at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from cxr_core.errors import StoreError
from cxr_core.queueing import GROUPS, LANES, Filters, Terms, Worklist
from cxr_core.records import COVID, LABELS, Identity, Notice, Review, models_key
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.triage import Policy
from tests.fakes import WatchedStore
from tests.store.given import NEW, NOON, OLD, REFUSED, screened

KEY = models_key(NEW)
SOON = dict.fromkeys(LABELS, "soon") | {COVID: "urgent"}
DOUBT = Notice("inverted_mended", "It was mended.")


def image(number: int) -> str:
    return f"{number:064x}"


def film(number: int, score: float = 0.1, models=NEW, **scores):
    made = screened(f"Ward/{number:03}.png", image(number), models, score, scores.pop("identity", None))
    told = dict(made.scores) | {name.replace("COVID", COVID): value for name, value in scores.items()}
    return replace(made, scores=told)


def terms(value: float = 0.5, **facts) -> Terms:
    return Terms(dict.fromkeys(LABELS, value), SOON, **facts)


@pytest.fixture
def store(tmp_path):
    opened = Store(Settings(data_dir=tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def ward(store):
    """One film of every kind, all of the last hour but one."""
    kept = [
        film(1),
        film(2, Mass=0.8),
        film(3, COVID=0.9),
        replace(film(4), warnings=(DOUBT,)),
        replace(REFUSED, sha256=image(5), file="bad.txt", models=NEW),
        film(6, identity=Identity(patient_id="PX7", priority="STAT")),
        film(7, models=OLD, Nodule=0.4),
        film(8, Effusion=0.7),
        film(9, identity=Identity(patient_id="PX9", priority="HIGH")),
    ]
    for number, made in enumerate(kept):
        store.save(made, NOON - timedelta(minutes=number))
    store.save(film(10), NOON - timedelta(days=2))
    store.save_review(image(8), Review("agree", "", NOON, thresholds=dict.fromkeys(LABELS, 0.65)))
    return Worklist(store)


def test_the_parts_of_the_list_stand_in_their_order(ward):
    queue = ward.queue(terms(), KEY, NOON)
    groups = [GROUPS[group] for group in queue.groups[queue.order.rows]]
    assert groups == sorted(groups, key=GROUPS.index)
    assert [(item.entry.screening.file[-7:], item.group) for item in queue.shown(queue.order.rows)] == [
        ("006.png", "stat"), ("010.png", "over"), ("003.png", "urgent"), ("002.png", "soon"), ("009.png", "soon"),
        ("007.png", "check"), ("004.png", "check"), ("bad.txt", "refused"), ("001.png", "routine"), ("008.png", "read"),
    ]  # fmt: skip


def test_a_row_in_words_says_what_the_columns_say(ward):
    queue = ward.queue(terms(0.45), KEY, NOON)
    for number, item in enumerate(queue.shown(queue.order.rows), 1):
        row = queue.row(item.entry.key)
        assert item.ranked.rank == number == queue.order.ranks[row]
        flagged = {LABELS[place] for place in np.flatnonzero(queue.order.flagged[row])}
        assert set(item.ranked.assessment.flagged) == flagged
        assert item.lane == LANES[queue.lanes[row]]
        assert item.ranked.assessment.priority == pytest.approx(queue.order.placed.priority()[row])


@pytest.mark.parametrize(
    "filters",
    [
        Filters(), Filters(lanes=("soon", "refused")), Filters(label="Mass"), Filters(reviewed="reviewed"),
        Filters(reviewed="not yet"), Filters(text=" PX"), Filters(text="ward/00"), Filters(text="no such"),
        Filters(("urgent",), COVID, "not yet", "003"),
    ],
)  # fmt: skip
def test_filters_let_through_what_looking_at_each_row_would(ward, filters):
    queue = ward.queue(terms(), KEY, NOON)

    def fits(item) -> bool:
        who = item.entry.screening.identity
        texts = (item.entry.screening.file, who.patient_id if who else "")
        return (
            (not filters.lanes or item.lane in filters.lanes)
            and (not filters.label or filters.label in item.ranked.assessment.flagged)
            and (filters.reviewed == "all" or (item.group == "read") == (filters.reviewed == "reviewed"))
            and any(filters.text.strip().casefold() in text.casefold() for text in texts)
        )

    expected = [item.entry.key for item in queue.shown(queue.order.rows) if fits(item)]
    assert queue.named(queue.filtered(filters)) == expected


def test_counts_are_those_of_the_rows(ward):
    queue = ward.queue(terms(), KEY, NOON)
    items = queue.shown(queue.order.rows)
    assert queue.flag_counts() == {n: sum(n in item.ranked.assessment.flagged for item in items) for n in LABELS}
    assert queue.group_counts(queue.order.rows) == {g: sum(item.group == g for item in items) for g in GROUPS}
    assert queue.lane_counts(queue.order.rows) == {lane: sum(item.lane == lane for item in items) for lane in LANES}
    assert len(queue.waiting()) == 9
    assert queue.longest(queue.waiting()) == 2 * 24 * 60
    assert queue.longest(queue.waiting()[:0]) is None


def test_what_was_read_and_what_others_screened_keep_their_thresholds(ward):
    former = {models_key(OLD): dict.fromkeys(LABELS, 0.35)}
    queue = ward.queue(terms(0.99, former=former), KEY, NOON)
    read, old, plain = (queue.opened(image(number)) for number in (8, 7, 2))
    assert (read.thresholds["Effusion"], read.ranked.assessment.flagged) == (0.65, ("Effusion",))
    assert (old.thresholds["Nodule"], old.ranked.assessment.flagged) == (0.35, ("Nodule",))
    assert (plain.thresholds["Mass"], plain.ranked.assessment.flagged) == (0.99, ())


def test_keys_are_found_and_sorted_by_arrival(ward):
    queue = ward.queue(terms(), KEY, NOON)
    assert image(3) in queue
    assert image(99) not in queue
    assert queue.opened(image(99)) is None
    assert queue.by_arrival([image(1), image(99), image(3), image(2)]) == [image(3), image(2), image(1)]
    assert [item.entry.key for item in queue.each(queue.order.rows)] == queue.keys


def test_a_film_that_was_taken_out_meanwhile_is_left_out(ward, store):
    queue = ward.queue(terms(), KEY, NOON)
    store.remove(image(2))
    assert image(2) not in [item.entry.key for item in queue.shown(queue.order.rows)]
    assert image(2) not in ward.queue(terms(), KEY, NOON)


def test_what_was_read_ahead_no_look_and_no_search_reads_again(ward, store):
    watched = WatchedStore(store)
    ahead = Worklist(watched)
    ahead.read_ahead(KEY).join()
    assert watched.anew == ["columns", "names"]
    queue = ahead.queue(terms(), KEY, NOON)
    assert queue.keys == ward.queue(terms(), KEY, NOON).keys
    assert queue.named(queue.filtered(Filters(text="px7"))) == [image(6)]
    assert watched.anew == ["columns", "names"]


def test_a_look_during_the_reading_ahead_waits_for_it_and_does_not_begin_another(ward, store):
    watched = WatchedStore(store)
    watched.gate.clear()
    ahead = Worklist(watched)
    reading = ahead.read_ahead(KEY)
    assert watched.asked.wait(60)
    with ThreadPoolExecutor(5) as pool:
        looks = [pool.submit(ahead.queue, terms(), KEY, NOON) for _ in range(5)]
        watched.gate.set()
        assert {len(look.result()) for look in looks} == {10}
    reading.join()
    assert watched.anew == ["columns", "names"]


def test_what_comes_after_the_reading_ahead_is_in_the_next_look(ward, store):
    ahead = Worklist(store)
    ahead.read_ahead(KEY).join()
    store.save(film(11, Mass=0.9), NOON)
    queue = ahead.queue(terms(), KEY, NOON)
    assert image(11) in queue
    assert len(queue) == 11


def test_a_database_that_is_away_ends_the_reading_ahead_and_is_said_by_the_look(ward, store, caplog):
    watched = WatchedStore(store, away=True)
    ahead = Worklist(watched)
    ahead.read_ahead(KEY).join()
    assert "the worklist could not be read ahead: the database does not answer" in caplog.text
    with pytest.raises(StoreError, match="does not answer"):
        ahead.queue(terms(), KEY, NOON)
    watched.away = False
    assert len(ahead.queue(terms(), KEY, NOON)) == 10


def test_twenty_readers_at_once_see_their_own_thresholds_and_lose_nothing(store):
    """Each moves sliders and opens films, while films arrive and reviews are saved; nobody sees another's flags."""
    for number in range(30):
        store.save(film(number, score=(number + 0.5) / 30), NOON - timedelta(minutes=number))
    ward = Worklist(store)

    def reader(number: int) -> None:
        value = (number + 1) / 21
        for round_ in range(6):
            queue = ward.queue(terms(value, policy=Policy(waiting_halves=float(number))), KEY, NOON)
            for item in queue.shown(queue.order.rows[round_ * 4 : round_ * 4 + 4]):
                limits = item.thresholds
                assert item.group == "read" or set(limits.values()) == {value}
                scores = item.entry.screening.scores
                assert set(item.ranked.assessment.flagged) == {n for n in LABELS if scores[n] >= limits[n]}
            assert queue.keys[0] in queue
        store.save_review(
            image(number), Review("agree", "", NOON, reader=str(number), thresholds=terms(value).thresholds)
        )
        store.save(film(100 + number), NOON)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(reader, range(20)))
    last = ward.queue(terms(), KEY, NOON)
    assert len(last) == 50
    assert last.columns.read.sum() == 20
    fresh = Worklist(store).queue(terms(), KEY, NOON)
    assert last.keys == fresh.keys
    for number in range(20):
        item = last.opened(image(number))
        assert item.entry.review.reader == str(number)
        assert item.thresholds["Mass"] == (number + 1) / 21
