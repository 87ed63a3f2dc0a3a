"""Twenty clients at once on one store: nothing is lost, and nobody is shown another's words as their own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from cxr_core.errors import ReviewConflict
from cxr_core.records import Identity, Review
from cxr_core.store import Store
from tests.store.given import NOON, screened

CLIENTS, FILMS = 20, 2
COMMON = "c" * 64


def test_twenty_clients_lose_nothing_and_see_their_own(settings, store):
    store.save(screened("common", COMMON), NOON)
    gate = threading.Barrier(CLIENTS)

    def work(me: int) -> int:
        """As a reader with a browser: films in, each reviewed, one film over which all of them quarrel."""
        own = Store(settings)
        gate.wait()
        for number in range(FILMS):
            key = f"{me:02}{number:062}"
            who = Identity(patient_id=f"P{me}", study_uid=f"{me}.{number}", study_date=f"2026010{number + 1}")
            own.save(screened(f"{me}-{number}", key, score=me / 100, identity=who), NOON + timedelta(minutes=me))
            own.save_review(key, Review("agree", f"of {me}", NOON, reader=f"reader {me}"))
            mine = own.entry(key)
            assert (mine.screening.file, mine.review.comment) == (f"{me}-{number}", f"of {me}")
            assert {entry.screening.identity.patient_id for entry in own.earlier(key)} <= {f"P{me}"}
        own.put_setting(f"mine {me}", me)
        seen = own.entry(COMMON).review
        gate.wait()
        told = 0
        while True:  # over whom somebody has saved, looks at theirs, then puts their own on top
            try:
                own.save_review(COMMON, Review("agree", f"of {me}", NOON), expected=seen.version if seen else 0)
                break
            except ReviewConflict:
                told += 1
                seen = own.entry(COMMON).review
        own.close()
        return told

    with ThreadPoolExecutor(CLIENTS) as pool:
        conflicts = list(pool.map(work, range(CLIENTS)))
    assert sorted(conflicts)[0] == 0
    assert sum(conflicts) >= CLIENTS - 1, "all had seen it without a review: one was first, the others are told"
    entries = {entry.key: entry for entry in store.entries()}
    assert len(entries) == CLIENTS * FILMS + 1
    for key, entry in entries.items():
        if key != COMMON:
            assert entry.review.comment == f"of {int(key[:2])}"
    history = store.review_history(COMMON, entries[COMMON].screening)
    assert [review.version for review in history] == list(range(1, CLIENTS + 1))
    assert {review.comment for review in history} == {f"of {me}" for me in range(CLIENTS)}
    assert [store.get_setting(f"mine {me}") for me in range(CLIENTS)] == list(range(CLIENTS))
    verdict = store.verify_audit()
    assert (verdict.sound, verdict.count) == (True, 1 + CLIENTS * (2 * FILMS + 2))
