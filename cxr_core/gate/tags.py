"""What the file's own entries say of the picture, before anybody looks at it.

In: a Radiograph with its warnings, identity and orientation. Out: Told. Entries lie now and then, so the caller weighs
them against the pixels. Sources: PS3.3 C.7.6.1.1.1 (Patient Orientation), C.8.11.5 (View Position), PS3.5 6.2 (age).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cxr_core.records import Radiograph

ADULT = 18  # years: NIH's films are of adults but for a few, SIIM's and RSNA's too

# Rows lead to the patient's left and columns to the feet on the usual frontal view, PA and AP alike.
_MENDS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("L", "F"): (),
    ("R", "F"): ("mirrored_mended",),
    ("R", "H"): ("turned_180_mended",),
    ("L", "H"): ("turned_180_mended", "mirrored_mended"),
    ("H", "L"): ("turned_90_mended",),
    ("F", "R"): ("turned_270_mended",),
}
_SIDEWAYS = frozenset("AP")


@dataclass(frozen=True, slots=True)
class Told:
    """``mends``: what the orientation asks for, None where it says nothing that is understood."""

    lateral: bool
    other_part: bool
    child: bool
    mends: tuple[str, ...] | None


def told(film: Radiograph) -> Told:
    """What the entries say."""
    codes = {notice.code for notice in film.warnings}
    ways = tuple(way[:1] for way in film.orientation.split("\\"))
    from_side = len(ways) == 2 and bool(_SIDEWAYS & set(ways)) and film.view is None
    years = film.identity.years if film.identity else None
    return Told(
        lateral="lateral_view" in codes or from_side,
        other_part="other_body_part" in codes,
        child=years is not None and years < ADULT,
        mends=_MENDS.get(ways),
    )
