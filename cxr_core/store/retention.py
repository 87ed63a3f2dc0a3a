"""How long films are kept: what a site has decided, what is due, and erasing it.

In: the section [retention] of the site file.

    [retention]
    removed_days = 30          films that were taken out of the worklist, counted from then; 0: for ever
    film_days = 0              all films, counted from their arrival; 0: for ever
    refused_days = 0           films that could not be screened, from their arrival; 0: as all others
    keep_unreviewed = true     however old, what nobody has reviewed stays (refused films apart)

Out: what is due, by reason; ``apply_retention`` erases it. Nothing is erased unless it is called: by the command
``retention --apply``, which a site runs once a day. What was left behind a day ago or earlier goes as well: films
without a row, of a program that was stopped, and bundles that were made for a download.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, and_, exists, or_, select, true
from sqlalchemy.orm import Session

from cxr_core.settings import Settings
from cxr_core.site import read_site, section
from cxr_core.store.exchange_tables import InboxRow
from cxr_core.store.patients import PatientsPart
from cxr_core.store.review_tables import ReviewRow
from cxr_core.store.tables import ImageRow, ScreeningRow

LONGEST_DAYS = 36_500

_AT_ONCE = 100  # images a transaction: others wait for its lock
_STRAY_S = 86_400.0  # a film is kept before it is screened; one that is being screened has no row yet


@dataclass(frozen=True, slots=True)
class Retention:
    """What a site has decided, in days; 0 means for ever."""

    removed_days: int = 30
    film_days: int = 0
    refused_days: int = 0
    keep_unreviewed: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """From the site file; SettingsError for what makes no sense."""
        said, default = section(read_site(settings), "retention"), cls()
        made = cls(
            said.whole("removed_days", default.removed_days, 0, LONGEST_DAYS),
            said.whole("film_days", default.film_days, 0, LONGEST_DAYS),
            said.whole("refused_days", default.refused_days, 0, LONGEST_DAYS),
            said.flag("keep_unreviewed", default.keep_unreviewed),
        )
        said.finish()
        return made


@dataclass(frozen=True, slots=True)
class Due:
    """Keys of images whose time is over, by reason; films without a row; how many downloads were left behind."""

    removed: tuple[str, ...]
    old: tuple[str, ...]
    refused: tuple[str, ...]
    stray: tuple[str, ...]
    leftovers: int = 0

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.removed) + len(self.old) + len(self.refused) + len(self.stray) + self.leftovers


class RetentionPart(PatientsPart):
    """Finding and erasing what a site keeps no longer."""

    def due(self, rule: Retention, now: datetime | None = None) -> Due:
        """What the rule would erase now; changes nothing."""
        now = now or datetime.now(UTC)
        found = self._database.read(lambda session: _due(session, rule, now))
        known = self._database.read(_named)
        a_day_ago = time.time() - _STRAY_S
        leftovers = sum(1 for _ in self._films.leftovers(a_day_ago))
        stray = tuple(self._films.unnamed(known, a_day_ago))
        return Due(found["removed"], found["old"], found["refused"], stray, leftovers)

    def apply_retention(self, due: Due, actor: str = "retention") -> None:
        """Erase what ``due`` found, in small steps; what was interrupted is due again."""
        for keys, why in ((due.removed, "removed long ago"), (due.old, "old"), (due.refused, "refused long ago")):
            for start in range(0, len(keys), _AT_ONCE):
                self._purge(list(keys[start : start + _AT_ONCE]), why, actor)
        for key in due.stray:
            self._films.remove(key)
        self._films.forget_leftovers(time.time() - _STRAY_S)


def _named(session: Session) -> set[str]:
    """Films that are in use: of the worklist, removed, or received and not screened yet."""
    return set(session.scalars(select(ImageRow.key))) | set(session.scalars(select(InboxRow.sha256)))


def _due(session: Session, rule: Retention, now: datetime) -> dict[str, tuple[str, ...]]:
    """By reason; an image that is due for two stands with the first."""
    here = ImageRow.removed_at.is_(None)
    screened = exists().where(ScreeningRow.image_id == ImageRow.id, ScreeningRow.status == "screened")
    reviewed = exists().where(ReviewRow.image_id == ImageRow.id)
    of_age = or_(~screened, reviewed) if rule.keep_unreviewed else true()
    reasons = {
        "removed": (rule.removed_days, ImageRow.removed_at, ImageRow.removed_at.is_not(None)),
        "old": (rule.film_days, ImageRow.received_at, and_(here, of_age)),
        "refused": (rule.refused_days, ImageRow.received_at, and_(here, ~screened)),
    }
    found: dict[str, tuple[str, ...]] = {}
    for reason, (days, since, fits) in reasons.items():
        rows: Select[str] = select(ImageRow.key).where(fits, since < now - timedelta(days=days)).order_by(ImageRow.id)
        before = {key for keys in found.values() for key in keys}
        found[reason] = tuple(key for key in session.scalars(rows) if key not in before) if days else ()
    return found
