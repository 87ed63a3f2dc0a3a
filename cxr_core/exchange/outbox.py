"""Which results are due where, and their way there: once a version, in order, with growing pauses where it fails.

In: the store's results and the site's destinations. Out: rows of the outbox, and objects at the destinations. A result
is due when it differs from the last version that a destination was promised; nobody has to announce it. A version that
is being reviewed waits until it rests. This module knows no network: deliver.py does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cxr_core.errors import (
    CxrError,
    ExchangeError,
    NotExportable,
    PeerRefused,
    PeerUnreachable,
    SettingsError,
    StoreError,
)
from cxr_core.exchange import deliver
from cxr_core.exchange.rules import Destination, Peer, Rules
from cxr_core.outgoing import Exported, Made, Outgoing, result_version
from cxr_core.store import Entry, Store
from cxr_core.store.outbox import Arrived, Parcel, Sent

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(days=7)
"""A destination may be away over a long weekend."""

_OVERLAP = timedelta(minutes=10)  # clocks of two machines on one database, and transactions that were still open
_NOTE_EVERY = timedelta(minutes=2)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, within bounds."""
    doubled: timedelta = FIRST_PAUSE * (1 << min(max(attempts, 1) - 1, 20))
    return min(doubled, LONGEST_PAUSE)


class Outbox:
    """Finds what is due and delivers it. ``clock``, ``send`` and ``holds`` are the world's; a test brings its own."""

    def __init__(  # noqa: PLR0913 - its seams
        self,
        store: Store,
        outgoing: Outgoing,
        rules: Callable[[], Rules],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        send: Callable[[Peer, Made, str], None] = deliver.send,
        holds: Callable[[Peer, Made], bool] = deliver.holds,
    ) -> None:
        self._store, self._outgoing, self._rules = store, outgoing, rules
        self._clock, self._send, self._holds = clock, send, holds
        self._begun: dict[str, datetime] = {}
        self._looked: dict[str, datetime] = {}
        self._noted: dict[str, datetime] = {}

    def run(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Look for what is due and deliver what can be delivered now; how many versions arrived."""
        rules = self._rules()
        for destination in rules.destinations:
            self._look(destination)
        return self._deliver(rules, stop)

    def send_all(self, destination: Destination) -> int:
        """Let every result that the store holds be due there, also from before the destination was named."""
        beginning = datetime(1970, 1, 1, tzinfo=UTC)
        self._store.destination_looked_at(destination.name, self._clock())
        self._store.look_at_destination(destination.name, beginning, since=beginning)
        for known in (self._begun, self._looked, self._noted):
            known.pop(destination.name, None)
        return self._look(destination)

    def _look(self, destination: Destination) -> int:
        """Promise the destination what changed since it was looked through."""
        now, found, name = self._clock(), 0, destination.name
        if name not in self._looked:
            since, looked_at = self._store.destination_looked_at(name, now)
            self._looked[name] = self._noted[name] = max(since, looked_at - _OVERLAP)
        for key in self._store.outbox_changed(self._looked[name] - _OVERLAP, received=destination.of == "received"):
            entry = self._store.entry(key, self._outgoing.models_key)
            if entry and _changed_at(entry) >= self._since(name) and _is_due(entry, destination):
                ready = _rests_from(entry, destination)
                found += self._store.outbox_add(key, name, result_version(entry), ready) is not None
        self._looked[name] = now
        if now - self._noted[name] > _NOTE_EVERY:  # a write each second would keep every disk awake
            self._store.look_at_destination(name, now)
            self._noted[name] = now
        return found

    def _since(self, name: str) -> datetime:
        if name not in self._begun:
            self._begun[name] = self._store.destination_looked_at(name, self._clock())[0]
        return self._begun[name]

    def _deliver(self, rules: Rules, stop: Callable[[], bool]) -> int:
        """Deliver what is due; a destination that cannot be reached is left alone for a while."""
        destinations = {item.name: item for item in rules.destinations}
        away: set[str] = set()
        arrived = 0
        while not stop():
            due = [item for item in self._store.outbox_due(self._clock()) if item.destination not in away]
            if not due:
                break
            for parcel in due:
                if stop() or parcel.destination in away:
                    continue
                destination = destinations.get(parcel.destination)
                if destination is None:
                    self._store.outbox_failed(parcel.id, "this destination is no longer in the site file")
                    continue
                arrived += self._tried(parcel, destination, rules.aet, away)
        return arrived

    def _tried(self, parcel: Parcel, destination: Destination, calling: str, away: set[str]) -> bool:
        """One attempt; whether all of the version has arrived."""
        try:
            return self._attempt(parcel, destination, calling)
        except (PeerUnreachable, SettingsError) as exc:  # a password or TLS file that is missing speaks of the site
            away.add(destination.name)
            self._store.outbox_put_off_all(destination.name, str(exc), self._clock() + pause(parcel.attempts + 1))
            self._over_age(parcel, str(exc))
        except ExchangeError as exc:
            if exc.retry:
                self._store.outbox_put_off(parcel.id, str(exc), self._clock() + pause(parcel.attempts + 1))
                self._over_age(parcel, str(exc))
            else:
                self._store.outbox_failed(parcel.id, str(exc))
        except NotExportable as exc:
            self._store.outbox_nothing(parcel.id, str(exc))
        except StoreError:
            raise
        except CxrError as exc:
            self._store.outbox_failed(parcel.id, str(exc))
        except Exception as exc:  # noqa: BLE001 - a bug, or a file nobody foresaw: one result holds up no other
            # Not its words: those of foreign libraries quote headers.
            told = f"this result could not be made or sent ({type(exc).__name__})"
            _log.error("%s: %s", destination.name, told)
            self._store.outbox_failed(parcel.id, told)
        return False

    def _over_age(self, parcel: Parcel, reason: str) -> None:
        if self._clock() - parcel.created_at > GIVE_UP_AFTER:
            self._store.outbox_failed(parcel.id, f"{reason}; given up after {GIVE_UP_AFTER.days} days")

    def _attempt(self, parcel: Parcel, destination: Destination, calling: str) -> bool:
        exported = self._exported(parcel, destination)
        if exported is None:  # overtaken, or withdrawn: what is due now gets a row of its own at the next look
            self._store.outbox_overtaken(parcel.id)
            return False
        made = exported.made
        so_far = {item.format: item for item in parcel.objects if item.arrived != "no"}
        objects = [so_far.get(item.format) or Sent(item.format, item.identifier) for item in made]
        self._store.outbox_trying(parcel.id, objects)
        for number, item in enumerate(made):
            if objects[number].arrived == "perhaps" and self._holds(destination.peer, item):
                self._note(parcel, objects, number, "yes")
            if objects[number].arrived == "yes":
                continue
            self._note(parcel, objects, number, "perhaps")  # until there is an answer, also if we are killed meanwhile
            try:
                self._send(destination.peer, item, calling)
            except (PeerUnreachable, PeerRefused):
                self._note(parcel, objects, number, "no")
                raise
            self._note(parcel, objects, number, "yes")
        note = " ".join(notice.message for notice in exported.notices)
        self._store.outbox_sent(parcel, {"objects": [item.format for item in objects]}, note)
        _log.info("delivered version %d of a result to %s", parcel.version, destination.name)
        return True

    def _exported(self, parcel: Parcel, destination: Destination) -> Exported | None:
        """The objects of this version, in the order to send; None if the result is another by now, or gone."""
        entry = self._store.entry(parcel.key, self._outgoing.models_key)
        if entry is None or result_version(entry) != parcel.digest:
            return None
        before = dict(self._store.outbox_before(parcel))
        found = self._outgoing.export(parcel.key, destination.objects, replaces=before)
        # Thresholds may have moved since an attempt whose end never came: then this object replaces that one.
        perhaps = {item.format: item.identifier for item in parcel.objects if item.arrived == "perhaps"}
        moved = {
            item.format: perhaps[item.format]
            for item in found.made
            if perhaps.get(item.format, item.identifier) != item.identifier
        }
        if moved:
            found = self._outgoing.export(parcel.key, destination.objects, replaces=before | moved)
        return found if found.version == parcel.digest else None

    def _note(self, parcel: Parcel, objects: list[Sent], number: int, arrived: Arrived) -> None:
        objects[number] = replace(objects[number], arrived=arrived)
        self._store.outbox_arrived(parcel.id, objects)


def _changed_at(entry: Entry) -> datetime:
    return max(entry.screened_at, entry.review.reviewed_at) if entry.review else entry.screened_at


def _is_due(entry: Entry, destination: Destination) -> bool:
    if destination.when == "signed":
        return entry.review is not None and entry.review.signed_at is not None
    return True


def _rests_from(entry: Entry, destination: Destination) -> datetime:
    """When a version may leave: at once, but an unsigned review only after nobody has touched it for a while."""
    review = entry.review
    if review is None or review.signed_at is not None:
        return entry.screened_at
    return review.reviewed_at + timedelta(seconds=destination.rests)
