"""Films of an archive -> the inbox: found by QIDO, fetched by WADO, those that are here already passed over.

In: which archive and which films. Out: films in the inbox, and how many of them were new, known or could not be had. A
film that fails is counted with its reason and the others go on; an archive that cannot be reached ends the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cxr_core.errors import PeerRefused, PeerUnclear
from cxr_core.exchange.dicomweb import Archive, Found
from cxr_core.exchange.landing import Landing, digest
from cxr_core.exchange.rules import Peer
from cxr_core.settings import Settings
from cxr_core.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which films: QIDO's matching keys of the study, and the modalities, one after the other."""

    filters: Mapping[str, str]
    modalities: tuple[str, ...]


@dataclass(slots=True)
class Told:
    """How a run went; ``reasons`` names each kind of failure once."""

    fetched: int = 0
    known: int = 0
    failed: int = 0
    reasons: list[str] = field(default_factory=list)

    def fail(self, reason: str) -> None:
        """Count a film that could not be had."""
        self.failed += 1
        if reason not in self.reasons:
            self.reasons.append(reason)


def fetch_films(peer: Peer, wanted: Wanted, store: Store, settings: Settings, *, most: int) -> Told:
    """Fetch at most ``most`` films; PeerUnreachable if the archive is away, PeerUnclear if its list makes no sense."""
    told, landing = Told(), Landing(store)
    try:
        with Archive(peer) as archive:
            for modality in wanted.modalities:
                for found in archive.films(wanted.filters, modality):
                    if told.fetched >= most:
                        return told
                    if store.inbox_holds(digest(found.instance)):
                        told.known += 1
                    else:
                        _fetch(archive, found, landing, settings.max_file_mb * 1_000_000, told)
    finally:
        landing.close()
    return told


def _fetch(archive: Archive, found: Found, landing: Landing, limit: int, told: Told) -> None:
    try:
        data = archive.fetch(found, limit)
    except (PeerRefused, PeerUnclear) as exc:
        told.fail(str(exc))
        return
    film = landing.film(limit)
    film.write(data)
    name = f"{archive.name} {datetime.now(UTC):%Y-%m-%d %H.%M.%S} {{number}}.dcm"
    try:
        landing.keep(film, instance=found.instance, origin="web", sender=archive.name, name=name)
    finally:
        film.discard()
    told.fetched += 1
    _log.info("fetched a film of %d bytes from %s", len(data), archive.name)
