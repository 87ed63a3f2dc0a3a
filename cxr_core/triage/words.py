"""Why a study stands where it stands, in sentences; never a conclusion such as "normal".

In: a screening, its flags and thresholds, its place. Out: sentences, the most telling first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxr_core.records import INFORMS, Notice, Screening, Urgency
from cxr_core.triage.columns import HIGH, HIGHEST

OUTDATED = "Screened by another model version than the one in use. Send the film again to have it screened anew."


def doubts(screening: Screening) -> list[Notice]:
    """The warnings that make a reading doubtful; others only inform."""
    return [notice for notice in screening.warnings if notice.code not in INFORMS]


def of_the_place(requested: int, lane: Urgency, waited: float | None, limit: float, *, read: bool) -> list[str]:
    """What a request, a limit or a reader has to do with the place."""
    if read:
        return ["A person has decided on it: it stands below all that nobody has read."]
    said = []
    if requested == HIGHEST:
        said.append("STAT by the requesting ward: it stands before all others.")
    elif requested == HIGH:
        said.append("HIGH priority by the requesting ward: it stands at least under Soon.")
    if waited is not None and waited > limit:
        said.append(f"Waiting {minutes(waited)}, over this site's limit of {minutes(limit)} for {lane}.")
    return said


def of_waiting(waited: float | None, halves: float) -> list[str]:
    """That waiting moves it up, where that amounts to something."""
    counts = waited is not None and halves and waited >= halves / 4
    return [f"Its {minutes(waited or 0)} of waiting move it up among its like."] if counts else []


def of_the_film(
    screening: Screening,
    flagged: Sequence[str],
    standings: Mapping[str, float],
    thresholds: Mapping[str, float],
    *,
    outdated: bool,
) -> list[str]:
    """What the scores and the reading have to do with it."""
    if screening.refusal is not None:
        return [f"Not screened: {screening.refusal.message}"]
    said = [compared(label, screening.scores[label], thresholds[label]) for label in flagged]
    said += [f"Doubtful reading: {notice.message}" for notice in doubts(screening)]
    if not said:
        nearest = max(standings, key=standings.__getitem__)
        told = compared(nearest, screening.scores[nearest], thresholds[nearest])
        said = [f"No score reaches its threshold. Nearest: {told}"]
    return [*said, OUTDATED] if outdated else said


def compared(label: str, score: float, threshold: float) -> str:
    """One sentence; as many decimals as it takes to show on which side the score lies."""
    places = 2
    while places < 6 and score != threshold and f"{score:.{places}f}" == f"{threshold:.{places}f}":
        places += 1
    side = "above" if score > threshold else "at" if score == threshold else "below"
    return f"{label}: model score {score:.{places}f}, {side} your threshold {threshold:.{places}f}."


def minutes(count: float) -> str:
    """A wait as people say it: "62 min", "26 h 10 min", "3 d 2 h"."""
    whole = int(count)
    if whole < 120:
        return f"{whole} min"
    if whole < 48 * 60:
        return f"{whole // 60} h" + (f" {whole % 60} min" if whole % 60 else "")
    return f"{whole // 1440} d" + (f" {whole // 60 % 24} h" if whole // 60 % 24 else "")
