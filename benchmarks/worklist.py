"""A worklist of 100,000 films: opened, ranked after a slider, filtered, paged; in the core and in a real browser.

python -m benchmarks worklist --write

The core is measured on SQLite and, where Debian's package is, on a PostgreSQL of its own. The page is measured over
SQLite: from the hand's move in Chromium until the new rows stand there. Films are drawn from scores like those of the
shipped models, 30 in 100 reviewed, 1 refused, 2 doubtful; their pictures are not there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from benchmarks import browser, machine, report
from benchmarks.report import Section, publish
from cxr_core.card import thresholds_of
from cxr_core.detect import load_cards
from cxr_core.queueing import Filters, Terms, Worklist
from cxr_core.records import (
    LABELS,
    Identity,
    ImageFacts,
    ModelRef,
    Notice,
    Review,
    Screening,
    models_key,
)
from cxr_core.serial import review_to_json, screening_to_json
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.store.packing import columns_of, packed
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.tables import ImageRow, ScreeningRow

_AT_ONCE = 5000
_EVERY_S = 40.0  # a film arrives; 100,000 of them are 46 days of a busy hospital
_CORE_MS, _PAGE_MS = 200, 1000  # what is asked for
Steps = dict[str, list[float]]
"""Milliseconds of each round, by the step's name."""

_DOUBT = Notice("inverted_mended", "The film was inverted and has been mended; compare with the original.")


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks worklist", description=__doc__.split("\n\n")[0])
    parser.add_argument("--films", type=int, default=100_000, help="films in the worklist")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each step")
    parser.add_argument("--no-postgresql", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--no-page", action="store_true", help="leave the browser out")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    chosen = parser.parse_args(given)
    facts, found = report.facts(), {}
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(data_dir=Path(place) / "data", second_opinions="none")
        cards = load_cards(settings)
        found["SQLite, ms"], found["of it processor, ms"] = _core(settings, cards, chosen)
        with _postgresql(leave_out=chosen.no_postgresql) as url:
            if url:
                other = Settings(data_dir=Path(place) / "other", second_opinions="none", database_url=url)
                found["PostgreSQL, ms"], _ = _core(other, cards, chosen)
        if not chosen.no_page:
            found["page, ms"] = _page(settings.data_dir, chosen.rounds)
    publish(_section(found, chosen), facts, write=chosen.write)
    return 0


@contextmanager
def _postgresql(*, leave_out: bool) -> Iterator[str]:
    """The URL of a new database; "" where there is no server to be had."""
    if leave_out:
        yield ""
        return
    sys.path.insert(0, str(browser.ROOT))
    from tests import postgresql  # noqa: PLC0415 - the one place that starts Debian's server

    with postgresql.running() as server:
        yield server.database() if server else ""


def _core(settings: Settings, cards: Any, chosen: argparse.Namespace) -> tuple[Steps, Steps]:
    """Milliseconds of each step, and those that this process's processor was busy: the same however loaded it is."""
    store = Store(settings)
    refs = tuple(card.ref() for card in cards)
    print(f"filling {settings.resolved_database_url.split(':')[0]}", file=sys.stderr)
    _fill(store, refs, thresholds_of(tuple(cards), "balanced"), chosen.films)
    key, now = models_key(refs), datetime.now(UTC)
    urgencies = {str(label.finding): label.urgency for card in cards for label in card.finding_labels}
    terms = Terms(thresholds_of(tuple(cards), "balanced"), urgencies)
    moved = Terms({**terms.thresholds, "Nodule": 0.31}, urgencies)
    before = machine.resident_mb()
    held = Worklist(store)
    queue = held.queue(terms, key, now)
    rounds, new = chosen.rounds, lambda: Worklist(store)
    look = lambda ward: ward.queue(terms, key, now)  # noqa: E731
    steps: dict[str, list[tuple[float, float]]] = {
        "open, first look of a process by itself": _first(new, look, rounds),
        "open, first look after the reading ahead": _first(lambda: _read_ahead(store, key), look, rounds),
    }
    steps["open, every other look"] = _times(lambda: held.queue(terms, key, now), rounds)
    steps["open after one more film"] = _after_a_film(store, held, refs, (terms, key))
    steps["rank again after a slider"] = _times(lambda: held.queue(moved, key, now), rounds)
    steps["filter by lane and finding"] = _times(lambda: queue.filtered(Filters(("soon",), "Nodule")), rounds)
    search = lambda seen: seen.filtered(Filters(text="a-09999"))  # noqa: E731
    steps["filter by text, first of a process by itself"] = _first(lambda: look(Worklist(store)), search, rounds)
    steps["filter by text, first after the reading ahead"] = _first(
        lambda: look(_read_ahead(store, key)), search, rounds
    )
    search(queue)
    steps["filter by text"] = _times(lambda: search(queue), rounds)
    steps["a page of 50 rows with reasons"] = _times(
        lambda: queue.shown(queue.order.rows[len(queue) // 5 :][:50]), rounds
    )
    film = queue.keys[-1]
    steps["open one film of it"] = _times(lambda: queue.opened(film), rounds)
    steps["memory held by all sessions together, MB"] = [(machine.resident_mb() - before, float("nan"))]
    store.close()
    both = ({name: [pair[place] for pair in pairs] for name, pairs in steps.items()} for place in (0, 1))
    walls, busy = both
    return walls, busy


def _after_a_film(store: Store, held: Worklist, refs: tuple[ModelRef, ...], how: Any) -> list[tuple[float, float]]:
    times = []
    for number in range(5):
        store.save(_screening(10**7 + number, refs, np.full(9, 0.2)), datetime.now(UTC))
        times += _times(lambda: held.queue(*how, datetime.now(UTC)), 1)
    return times


def _read_ahead(store: Store, key: str) -> Worklist:
    """As a server holds it that has started."""
    made = Worklist(store)
    made.read_ahead(key).join()
    return made


def _first(before: Callable[[], Any], work: Callable[[Any], object], rounds: int) -> list[tuple[float, float]]:
    """As ``_times``; each round works on what is made anew before it."""
    found = []
    for _ in range(rounds):
        made = before()
        found += _times(partial(work, made), 1)
    return found


def _times(work: Callable[[], object], rounds: int) -> list[tuple[float, float]]:
    """Milliseconds of each round, by the clock and of this process's processor time."""
    found = []
    for _ in range(rounds):
        begin, busy = time.perf_counter(), time.process_time()
        work()
        found.append((1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - busy)))
    return found


def _page(data: Path, rounds: int) -> Steps:
    """The same in Chromium: from the move of a hand until the new rows stand."""
    steps: Steps = {}
    with browser.served(browser.ROOT / "streamlit_app.py", data) as address:
        browser.answering(address)
        with browser.page() as page:
            page.goto(f"{address}/Worklist")
            page.locator(".row").first.wait_for()
            browser.settle(page)
            steps["open, every other look"] = [_opened(page, address) for _ in range(rounds)]
            handle = page.get_by_role("slider", name="Nodule")
            flags = page.locator(".st-key-class_nodule .flags")
            steps["rank again after a slider"] = [
                _moved(lambda: handle.press("ArrowRight"), flags.inner_text) for _ in range(rounds)
            ]
            every = page.locator(".row")
            rank = lambda: every.evaluate_all("rows => rows.map(row => row.dataset.id).join()")  # noqa: E731
            buttons = page.get_by_role("button", name="Soon", exact=True)
            steps["filter by lane and finding"] = [_moved(buttons.click, rank) for _ in range(rounds + rounds % 2)]
            field = page.get_by_label("File, patient ID, accession")
            terms = [f"a-{number:06}" for number in range(500, 500 + rounds)]
            steps["filter by text"] = [_moved(lambda term=term: _typed(field, term), rank) for term in terms]
            _moved(lambda: _typed(field, ""), rank)
            steps["a page of 50 rows with reasons"] = [
                _moved(page.get_by_role("button", name="Next page").click, rank) for _ in range(rounds)
            ]
    return steps


def _typed(field: Any, text: str) -> None:
    field.fill(text)
    field.press("Enter")


def _opened(page: browser.Page, address: str) -> float:
    """From another page of the app, by its link."""
    page.goto(f"{address}/Models")
    browser.settle(page)
    link = page.get_by_role("link", name="Worklist")
    begin = time.perf_counter()
    link.click()
    page.locator(".row").first.wait_for()
    return 1000 * (time.perf_counter() - begin)


def _moved(act: Callable[[], object], seen: Callable[[], object]) -> float:
    """Milliseconds from an act until what is seen is another."""
    before = seen()
    begin = time.perf_counter()
    act()
    while seen() == before:
        if time.perf_counter() - begin > 30:
            raise RuntimeError("nothing moved in 30 s")
        time.sleep(0.005)
    return 1000 * (time.perf_counter() - begin)


def _fill(store: Store, refs: tuple[ModelRef, ...], thresholds: dict[str, float], count: int) -> None:
    """Films as the store would keep them, in bulk: one transaction, without the audit trail's line each."""
    chance, start = np.random.default_rng(7), datetime.now(UTC)
    key, under = models_key(refs), packed(thresholds)

    def write(session: Session) -> None:
        for first in range(1, count + 1, _AT_ONCE):
            images, screenings, reviews = [], [], []
            for number in range(first, min(first + _AT_ONCE, count + 1)):
                film = _screening(number, refs, chance.beta(0.7, 4.0, 9), chance.random())
                at = start - timedelta(seconds=_EVERY_S * (count - number))
                images.append({"id": number, "key": film.sha256, "received_at": at, "synthetic": False})
                made = columns_of(film)
                payload = json.dumps(screening_to_json(film, identity=True))
                row = {"id": number, "image_id": number, "models_key": key, "status": film.status, "payload": payload}
                screenings.append({**row, "screened_at": at, **made})
                if chance.random() < 0.3:
                    said = Review("agree", "", at, version=1, thresholds=thresholds, preset="balanced")
                    told = {"id": number, "image_id": number, "about": made["result"], "version": 1, "latest": True}
                    told |= {"decision": "agree", "reviewed_at": at, "thresholds": under, "signed_at": None}
                    reviews.append({**told, "payload": json.dumps(review_to_json(said))})
            session.execute(insert(ImageRow), images)
            session.execute(insert(ScreeningRow), screenings)
            session.execute(insert(ReviewRow), reviews)
        if session.get_bind().dialect.name == "postgresql":  # which counts on by itself, from where it stood
            for table in ("images", "screenings", "reviews"):
                session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {count})"))

    database = store._database
    database.write(write)  # in bulk: the store's own way is a transaction a film
    if database._engine.dialect.name == "postgresql":  # which does so by itself while films come one by one
        with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _screening(number: int, refs: tuple[ModelRef, ...], scores: Any, fate: float = 0.5) -> Screening:
    whose = Identity(patient_id=f"P{number:07}", accession=f"A-{number:06}")
    name, key = f"ward/film-{number:07}.dcm", hashlib.sha256(str(number).encode()).hexdigest()
    common: dict[str, Any] = {"file": name, "sha256": key, "models": refs, "identity": whose}
    if fate < 0.01:
        return Screening(status="refused", refusal=Notice("lateral_view", "Taken from the side."), **common)
    told = dict(zip(LABELS, np.asarray(scores, float).tolist(), strict=True))
    doubt = (_DOUBT,) if fate > 0.98 else ()
    return Screening(
        status="screened", image=ImageFacts(2048, 2500, "PA", "dicom"), scores=told, warnings=doubt, **common
    )


def _section(found: dict[str, Steps], chosen: argparse.Namespace) -> Section:
    names = list(dict.fromkeys(step for steps in found.values() for step in steps))
    rows = [["Step", *found], *([name, *(_cell(steps.get(name, [])) for steps in found.values())] for name in names)]
    how = (
        f"{chosen.films:,} films, {chosen.rounds} rounds a step: median, 95th percentile in brackets. Asked for: "
        f"{_CORE_MS} ms in the core, {_PAGE_MS} ms on the page. The columns are held once a process for all "
        "sessions, and read ahead in a thread from its first page on; by itself: without that. On the page: from the "
        "hand's move in Chromium until the new rows stand."
    )
    return Section("worklist", "python -m benchmarks worklist --write", rows, how)


def _cell(times: list[float]) -> str:
    if not times or np.isnan(times).any():
        return ""
    middle, high = np.percentile(times, (50, 95))
    return f"{middle:.1f} ({high:.1f})" if len(times) > 1 else f"{middle:.0f}"


if __name__ == "__main__":
    sys.exit(main())
