"""Radiograph -> Verdict: is it a frontal chest film, whole, upright and the right way round. In front of the models.

In: a film, its file's entries, the site's gate network if there is one. Out: a verdict with coded notices, and the film
as it should be screened and shown. It may refuse, mend with a notice or send to "check"; it clears nothing: a film that
passes was merely not stopped. It knows nothing of findings.

The entries are asked first, then the pixels. Where both speak, pixels may overrule an entry that is known to be left
wrong (body part), and an entry and pixels together may mend what neither may alone (a mirrored film: a heart on the
right looks the same).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr_core.errors import LateralView, NotAChest, Refusal
from cxr_core.gate.mend import MENDS, is_mended, mended
from cxr_core.gate.network import Limits, Look, Network, card_of, load
from cxr_core.gate.tags import Told, told
from cxr_core.gate.words import LATERAL, NO_CHEST, NOTICES, OTHER_PART, UNCHECKED, overridden
from cxr_core.records import INFORMS, Notice, Radiograph
from cxr_core.settings import Settings

__all__ = [
    "MENDS", "NOTICES", "ON_REQUEST", "OVERRULABLE", "UNCHECKED", "Kind", "Look", "Verdict", "card_of",
    "is_mended", "judge", "load", "mended",
]  # fmt: skip

Kind = Literal["pass", "warn", "check", "refuse"]

ON_REQUEST: Mapping[str, str] = MappingProxyType({"may_be_mirrored": "mirrored_mended"})
"""Doubts that a clinician may resolve: overruling the code has the film mended."""

OVERRULABLE = frozenset({NotAChest.code, LateralView.code, *ON_REQUEST})
"""Codes that a clinician may overrule; the first two are refusals of a picture that the models can be asked about."""

_TURNS = ("turned_90", "turned_180", "turned_270")
# The reader's words for what the gate now decides.
_ANSWERED = frozenset({"lateral_view", "other_body_part"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """``film`` is what is to be screened and shown, with all its warnings; ``refusal`` stops it."""

    kind: Kind
    film: Radiograph
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class _Stood:
    """The film as upright as it can surely be brought, what the network says of it so, and what was done or doubted."""

    film: Radiograph
    look: Look | None
    notices: tuple[Notice, ...] = ()


def judge(film: Radiograph, settings: Settings, network: Network | None = None, allowed: Iterable[str] = ()) -> Verdict:
    """The verdict on one film. ``allowed``: codes that a person has overruled. CXR_GATE=off passes everything."""
    if settings.gate == "off":
        return _verdict(film, film.warnings, None)
    entries, allowed = told(film), frozenset(allowed)
    stood = _without_eyes(film, entries, allowed) if network is None else _righted(film, entries, network, allowed)
    kept = tuple(notice for notice in film.warnings if notice.code not in _ANSWERED)
    refusal = _refusal(film, entries, stood.look, network.limits if network else None)
    if refusal is not None and refusal.code not in allowed:
        return _verdict(film, kept, refusal)
    said = (overridden(refusal),) if refusal else ()
    return _verdict(stood.film, (*kept, *said, *_of_entries(entries, stood.look), *stood.notices), None)


def _verdict(film: Radiograph, warnings: Iterable[Notice], refusal: Refusal | None) -> Verdict:
    notices = tuple(warnings)
    doubts = [notice for notice in notices if notice.code not in INFORMS]
    kind: Kind = "refuse" if refusal else "check" if doubts else "warn" if notices else "pass"
    return Verdict(kind, replace(film, warnings=notices), refusal)


def _refusal(film: Radiograph, entries: Told, look: Look | None, limits: Limits | None) -> Refusal | None:
    """Why the film is not to be screened, if it is not."""
    if look and limits and _is_other(look, limits):
        return NotAChest(NO_CHEST)
    if entries.lateral:
        return LateralView(LATERAL)
    if entries.other_part and (look is None or limits is None or look["other"] >= limits.check["other"]):
        part = next(notice for notice in film.warnings if notice.code == "other_body_part")
        return NotAChest(f"{part.message} {OTHER_PART}")
    return None


def _is_other(look: Look, limits: Limits) -> bool:
    """Surely no chest film: so the network says, or the network doubts and its features lie far from every film's."""
    far = look.distance >= limits.distance
    return look["other"] >= limits.sure["other"] or (far and look["other"] >= limits.check["other"])


def _of_entries(entries: Told, look: Look | None) -> list[Notice]:
    said = [NOTICES["child"]] if entries.child else []
    if entries.other_part and look is not None:
        said.append(NOTICES["body_part_doubtful"])
    return said


def _without_eyes(film: Radiograph, entries: Told, allowed: frozenset[str]) -> _Stood:
    """Entries alone mend nothing: a viewer that turned the film often left them as they were. A person's word does."""
    codes = is_mended(mend for code, mend in ON_REQUEST.items() if code in allowed)
    doubt = ("orientation_doubtful",) if entries.mends and not codes else ()
    return _Stood(mended(film, codes), None, tuple(NOTICES[code] for code in (*codes, *doubt)))


def _righted(film: Radiograph, entries: Told, network: Network, allowed: frozenset[str]) -> _Stood:
    """Upright and bone bright as far as that is sure: what is mended is looked at again, and must then stand well.

    Left and right are judged last, on the film as it stands then: the network knows them on upright films alone.
    """
    limits, look = network.limits, network(_exposed(film))
    wanted = _upright(entries, look, limits)
    righted = mended(film, wanted)
    after = network(_exposed(righted)) if wanted else look
    if wanted and _stands_ill(after, limits):
        # What looked sure did not help: nothing is mended on a guess.
        return _Stood(film, look, (*_doubts(look, limits, mirrored=False), NOTICES["orientation_doubtful"]))
    mirrored = _mirrors(entries, after, limits, allowed)
    if mirrored:
        wanted = is_mended((*wanted, "mirrored_mended"))
        righted = mended(film, wanted)
        after = network(_exposed(righted))
    said = [NOTICES[code] for code in wanted] + _doubts(after, limits, mirrored=not mirrored)
    if entries.mends and not set(entries.mends) <= set(wanted):
        said.append(NOTICES["orientation_doubtful"])
    return _Stood(righted, after, tuple(said))


def _upright(entries: Told, look: Look, limits: Limits) -> tuple[str, ...]:
    """What brings a film upright and bone bright: what the network is sure of, or doubts and an entry says too."""
    wanted = {"inverted_by_pixels"} if look["inverted"] >= limits.sure["inverted"] else set()
    turn = max(_TURNS, key=lambda name: look[name])
    told_so = f"{turn}_mended" in (entries.mends or ())
    if look[turn] >= (limits.check if told_so else limits.sure)[turn]:
        wanted.add(f"{turn}_mended")
    return is_mended(wanted)


def _mirrors(entries: Told, look: Look, limits: Limits, allowed: frozenset[str]) -> bool:
    """Whether left and right are to be exchanged: only if an entry or a person says so too."""
    told_so = "mirrored_mended" in (entries.mends or ()) and look["mirrored"] >= limits.check["mirrored"]
    return told_so or "mirrored_mended" in {mend for code, mend in ON_REQUEST.items() if code in allowed}


def _exposed(film: Radiograph) -> npt.NDArray[np.uint16]:
    """What the models are given of the film."""
    x1, y1, x2, y2 = film.field or (0, 0, film.width, film.height)
    return film.pixels[y1:y2, x1:x2]


def _stands_ill(look: Look, limits: Limits) -> bool:
    names = ("inverted", *_TURNS)
    return any(look[name] >= limits.check[name] for name in names) or look["other"] >= limits.sure["other"]


def _doubts(look: Look, limits: Limits, *, mirrored: bool = True) -> list[Notice]:
    """What the network doubts of a film, each once."""
    found = []
    if look["other"] >= limits.check["other"] or look.distance >= limits.distance:
        found.append("unlike_films")
    if look["inverted"] >= limits.check["inverted"]:
        found.append("may_be_inverted")
    turned = any(look[name] >= limits.check[name] for name in _TURNS)
    if turned:
        found.append("may_be_turned")
    if mirrored and not turned and look["mirrored"] >= limits.check["mirrored"]:
        found.append("may_be_mirrored")
    if look["cut_off"] >= limits.check["cut_off"]:
        found.append("lungs_cut_off")
    if look["spoilt"] >= limits.check["spoilt"]:
        found.append("poor_exposure")
    return [NOTICES[code] for code in found]
