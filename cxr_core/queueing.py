"""The store's columns and the triage policy joined: the worklist in its order, filtered, counted, page by page.

In: Columns, the Terms of the site, this moment. Out: a Queue: rows of images by rank, and for the few that are shown
their assessment in words. A slider's move makes a new Queue of the same Columns in some tens of milliseconds at 100,000
images; no payload is parsed for it.

What was read keeps the thresholds that it was read with, and what other models screened keeps the site's thresholds for
those models: a threshold belongs to a model version.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cxr_core.errors import StoreError
from cxr_core.records import LABELS, URGENCIES, Assessment, Ranked, Urgency
from cxr_core.store import Columns, Entry, Names, Store
from cxr_core.triage import Circumstances, Facts, Order, Policy, assess, ordered
from cxr_core.triage.columns import OVER, READ, STAT

LANES = ("urgent", "soon", "check", "refused", "routine")
"""What a person sees as lanes: the urgencies, and one of its own for refused images."""

GROUPS = ("stat", "over", *LANES, "read")
"""The parts of the list from top to bottom."""

_AT_ONCE = 200
_BY_URGENCY = np.array([LANES.index(lane) for lane in URGENCIES])

Rows = npt.NDArray[np.int64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a queue is ordered.

    ``thresholds`` of the running models, ``former`` those of others by models key; ``urgencies`` as the cards say them.
    """

    thresholds: Mapping[str, float]
    urgencies: Mapping[str, Urgency]
    policy: Policy = field(default_factory=Policy)
    former: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person wants to see; empty means everything. ``reviewed``: all, not yet, or reviewed."""

    lanes: tuple[str, ...] = ()
    label: str = ""
    reviewed: str = "all"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """One image at its place in the queue, with the thresholds that flag it and the group that it stands in."""

    entry: Entry
    ranked: Ranked
    thresholds: Mapping[str, float]
    group: str

    @property
    def lane(self) -> str:
        """Its urgency; a refused image has a lane of its own, so that it is seen."""
        return "refused" if self.entry.screening.status == "refused" else self.ranked.assessment.urgency


class Worklist:
    """The columns of one store, held for all sessions of a process and brought up to date at each look; thread-safe."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._naming = threading.Lock()  # another one: who wants the order need not wait for names
        self._columns: dict[str, Columns] = {}
        self._names: Names | None = None
        self._rows: dict[str, int] = {}

    def read_ahead(self, models_key: str) -> threading.Thread:
        """Read columns and names in a thread of its own; a look meanwhile waits for the columns and reads none again.

        A database that is away is left to the next look, which says so.
        """

        def read() -> None:
            try:
                self.names(self._current(models_key))
            except StoreError as exc:
                _log.warning("the worklist could not be read ahead: %s", exc)

        thread = threading.Thread(target=read, name="worklist", daemon=True)
        thread.start()
        return thread

    def queue(self, terms: Terms, models_key: str, now: datetime) -> Queue:
        """The worklist as it is now."""
        return Queue(self, self._current(models_key), terms, now)

    def _current(self, models_key: str) -> Columns:
        with self._lock:
            columns = self.store.worklist(models_key, self._columns.get(models_key))
            self._columns = {models_key: columns}
            return columns

    def names(self, columns: Columns) -> Names:
        """What the rows of these columns are called; read at first need."""
        with self._naming:
            names = self.store.names(columns, self._names)
            if names is not self._names:
                self._names, self._rows = names, {}
            return names

    def rows(self, columns: Columns) -> Mapping[str, int]:
        """The row of each key."""
        names = self.names(columns)
        with self._naming:
            if names is not self._names:  # another session has looked meanwhile
                return dict(zip(names.keys.tolist(), range(len(names.keys)), strict=True))
            if not self._rows:
                self._rows = dict(zip(names.keys.tolist(), range(len(names.keys)), strict=True))
            return self._rows


class Queue:
    """The worklist at one moment under one set of terms; nothing in it changes, a change makes another."""

    def __init__(self, worklist: Worklist, columns: Columns, terms: Terms, now: datetime) -> None:
        self.columns = columns
        self.terms = terms
        self._worklist = worklist
        moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
        self.waited = (moment - columns.received) / np.timedelta64(60, "s")
        self._limits = _limits(columns, terms)
        self.outdated = columns.outdated
        facts = Facts(
            columns.scores, columns.refused, columns.doubtful, self.outdated, columns.read, columns.requested,
            self.waited,
        )  # fmt: skip
        lanes = terms.policy.lanes(terms.urgencies)
        self.order: Order = ordered(facts, self._limits, lanes, terms.policy)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, key: object) -> bool:
        return key in self._worklist.rows(self.columns)

    @property
    def keys(self) -> list[str]:
        """All images' keys by rank."""
        return self.named(self.order.rows)

    def named(self, rows: Rows) -> list[str]:
        """The keys of these rows, in this order."""
        return list(self._worklist.names(self.columns).keys[rows])

    @cached_property
    def lanes(self) -> npt.NDArray[np.int64]:
        """(N,) the lane of each row, an index into LANES."""
        return np.where(self.columns.refused, LANES.index("refused"), _BY_URGENCY[self.order.placed.lane])

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """(N,) the group of each row, an index into GROUPS."""
        band = self.order.placed.band
        found = self.lanes + GROUPS.index(LANES[0])
        for number, name in ((STAT, "stat"), (OVER, "over"), (READ, "read")):
            found = np.where(band == number, GROUPS.index(name), found)
        return found

    @cached_property
    def flagged(self) -> npt.NDArray[np.bool_]:
        """(N,) whether any label is flagged."""
        return np.asarray(self.order.flagged.any(axis=1))

    def filtered(self, filters: Filters) -> Rows:
        """The rows that pass, by rank."""
        keep = np.ones(len(self), bool)
        if filters.lanes:
            keep &= np.isin(self.lanes, [LANES.index(lane) for lane in filters.lanes])
        if filters.label:
            keep &= self.order.flagged[:, LABELS.index(filters.label)]
        if filters.reviewed != "all":
            keep &= self.columns.read == (filters.reviewed == "reviewed")
        wanted = filters.text.strip().casefold()
        if wanted:
            texts = self._worklist.names(self.columns).searched.tolist()
            keep &= np.fromiter((wanted in text for text in texts), bool, len(self))
        rows = self.order.rows
        return rows[keep[rows]]

    def group_counts(self, rows: Rows) -> dict[str, int]:
        """How many of these rows stand in each group."""
        counts = np.bincount(self.groups[rows], minlength=len(GROUPS)).tolist()
        return dict(zip(GROUPS, counts, strict=True))

    def lane_counts(self, rows: Rows) -> dict[str, int]:
        """How many of these rows have each lane, wherever they stand."""
        counts = np.bincount(self.lanes[rows], minlength=len(LANES)).tolist()
        return dict(zip(LANES, counts, strict=True))

    def flag_counts(self) -> dict[str, int]:
        """How many are flagged for each label."""
        return dict(zip(LABELS, self.order.flagged.sum(axis=0).tolist(), strict=True))

    def waiting(self) -> Rows:
        """The rows that nobody has decided on, by rank."""
        rows = self.order.rows
        return rows[~self.columns.read[rows]]

    def longest(self, rows: Rows) -> float | None:
        """Minutes that the longest of these has waited; None without any."""
        return float(self.waited[rows].max()) if len(rows) else None

    def thresholds(self, row: int) -> dict[str, float]:
        """What flags this row: the terms' thresholds, or those that it was read with or that its models had."""
        limits = self._limits if self._limits.ndim == 1 else self._limits[row]
        return dict(zip(LABELS, limits.tolist(), strict=True))

    def shown(self, rows: Rows) -> tuple[Queued, ...]:
        """These rows with their entries and reasons; those that are gone from the store meanwhile are left out."""
        entries = self._worklist.store.entries_at(self.columns, rows)
        return tuple(self._assessed(int(row), entry) for row, entry in zip(rows, entries, strict=True) if entry)

    def each(self, rows: Rows) -> Iterator[Queued]:
        """As ``shown``, little by little: for exports of many."""
        for start in range(0, len(rows), _AT_ONCE):
            yield from self.shown(rows[start : start + _AT_ONCE])

    def opened(self, key: str) -> Queued | None:
        """One image at its place, or None if it is not in this queue or gone from the store."""
        row = self.row(key)
        return next(iter(self.shown(np.array([row]))), None) if row is not None else None

    def row(self, key: str) -> int | None:
        """The row of an image, or None."""
        return self._worklist.rows(self.columns).get(key)

    def by_arrival(self, keys: Sequence[str]) -> list[str]:
        """Those of the images that are here, in order of arrival."""
        rows = self._worklist.rows(self.columns)
        return sorted((key for key in keys if key in rows), key=rows.__getitem__)

    def _assessed(self, row: int, entry: Entry) -> Queued:
        known = Circumstances(
            outdated=bool(self.outdated[row]),
            waited=float(self.waited[row]),
            read=bool(self.columns.read[row]),
            requested=int(self.columns.requested[row]),
        )
        thresholds = self.thresholds(row)
        said: Assessment = assess(entry.screening, thresholds, self.terms.urgencies, known, self.terms.policy)
        return Queued(entry, Ranked(entry.screening, said, int(self.order.ranks[row])), thresholds, self.group(row))

    def group(self, row: int) -> str:
        """The group of one row."""
        return GROUPS[int(self.groups[row])]


def groups_of(items: Sequence[Queued]) -> dict[str, int]:
    """How many of these stand in each group."""
    counts = Counter(item.group for item in items)
    return {group: counts[group] for group in GROUPS}


def _limits(columns: Columns, terms: Terms) -> npt.NDArray[np.float64]:
    """(9,) thresholds of all rows, or (N, 9) where some have their own."""
    common = np.array([terms.thresholds[label] for label in LABELS])
    own = ~np.isnan(columns.thresholds[:, 0]) & columns.read
    former = [name for name in columns.made_by if name != columns.preferred and name in terms.former]
    if not own.any() and not former:
        return common
    limits = np.tile(common, (len(columns), 1))
    for name in former:
        kept = terms.former[name]
        values = [kept.get(label, terms.thresholds[label]) for label in LABELS]
        limits[columns.models == columns.made_by.index(name)] = values
    limits[own] = np.where(np.isnan(columns.thresholds[own]), limits[own], columns.thresholds[own])
    return limits
