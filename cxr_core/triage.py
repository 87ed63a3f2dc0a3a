"""What the thresholds make of a screening: flags, a lane, a priority, the reasons, and the order of the queue.

In: screenings, the operating point and the urgency of each label. Out: assessments and ranks. Pure functions: no
model, no database, no clock, so a slider re-flags thousands of studies at once.

A label's *standing* puts scores of labels with different thresholds on one scale: 0.5 at the threshold, 0 at score 0,
1 at score 1, a straight line on either side. A study's *lane* is the most urgent of: the lane of each flagged label;
"check" for a doubtful reading, a refused image, or scores of models no longer in use; "routine". Within its lane it is
placed by the highest standing among the labels at least as urgent as the lane. So a study whose score rises never moves
to a lesser lane, nor down in its own, and nothing but the site's own thresholds takes a flag away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cxr_core.errors import RecordError
from cxr_core.records import INFORMS, URGENCIES, Assessment, Notice, Ranked, Screening, Urgency, models_key

_SPAN = 0.99  # of a lane's quarter of [0, 1]; the rest keeps a gap, so that no two lanes share a priority

_OUTDATED = "Screened by another model version than the one in use. Send the film again to have it screened anew."


def assess(
    screening: Screening, thresholds: Mapping[str, float], urgencies: Mapping[str, Urgency], *, outdated: bool = False
) -> Assessment:
    """Flags, lane, priority and reasons of one screening; RecordError if a scored label has no threshold or urgency.

    ``outdated``: other models than the running ones made it, so today's thresholds were not measured on its scores.
    """
    _check(screening, thresholds, urgencies)
    standings = {label: _standing(score, thresholds[label]) for label, score in screening.scores.items()}
    flagged = tuple(
        sorted(
            (label for label, score in screening.scores.items() if score >= thresholds[label]),
            key=lambda label: (URGENCIES.index(urgencies[label]), -standings[label]),
        )
    )
    outdated = outdated and screening.status == "screened"
    lane = _lane(screening, [urgencies[label] for label in flagged], outdated=outdated)
    return Assessment(
        flagged=flagged,
        urgency=lane,
        priority=_priority(lane, standings, urgencies),
        reasons=_reasons(screening, flagged, standings, thresholds) + ((_OUTDATED,) if outdated else ()),
    )


def rank(
    screenings: Iterable[Screening],
    thresholds: Mapping[str, float],
    urgencies: Mapping[str, Urgency],
    *,
    running: str | None = None,
) -> tuple[Ranked, ...]:
    """The queue, rank 1 first: by lane, then priority; equals keep the given order: longest waiting first.

    ``running`` is the ``models_key`` of the models in use; a screening by others is outdated. None: no one asks.
    """
    assessed = [
        (item, assess(item, thresholds, urgencies, outdated=running is not None and models_key(item.models) != running))
        for item in screenings
    ]
    assessed.sort(key=lambda pair: (URGENCIES.index(pair[1].urgency), -pair[1].priority))
    return tuple(Ranked(screening, assessment, place) for place, (screening, assessment) in enumerate(assessed, 1))


def _check(screening: Screening, thresholds: Mapping[str, float], urgencies: Mapping[str, Urgency]) -> None:
    missing = [label for label in screening.scores if label not in thresholds or label not in urgencies]
    if missing:
        raise RecordError(f"no threshold or urgency for {', '.join(missing)}; give one for every scored label")
    wrong = {label: thresholds[label] for label in screening.scores if not 0.0 <= thresholds[label] <= 1.0}
    if wrong:
        raise RecordError(f"thresholds must lie in [0, 1], got {wrong}")


def _standing(score: float, threshold: float) -> float:
    if score < threshold:
        return 0.5 * (score / threshold)
    return 0.5 + 0.5 * ((score - threshold) / (1.0 - threshold)) if threshold < 1.0 else 1.0


def _lane(screening: Screening, flagged: list[Urgency], *, outdated: bool) -> Urgency:
    lanes: list[Urgency] = ["routine", *flagged]
    if screening.status == "refused" or _doubts(screening) or outdated:
        lanes.append("check")
    return min(lanes, key=URGENCIES.index)


def _doubts(screening: Screening) -> list[Notice]:
    """The warnings that make a reading doubtful; others only inform."""
    return [notice for notice in screening.warnings if notice.code not in INFORMS]


def _priority(lane: Urgency, standings: Mapping[str, float], urgencies: Mapping[str, Urgency]) -> float:
    place = URGENCIES.index(lane)
    counted = (value for label, value in standings.items() if URGENCIES.index(urgencies[label]) <= place)
    quarter = len(URGENCIES) - 1 - place
    return (quarter + _SPAN * max(counted, default=0.0)) / len(URGENCIES)


def _reasons(
    screening: Screening, flagged: tuple[str, ...], standings: Mapping[str, float], thresholds: Mapping[str, float]
) -> tuple[str, ...]:
    """Why the study stands where it stands, most telling first; never a conclusion such as "normal"."""
    if screening.refusal is not None:
        return (f"Not screened: {screening.refusal.message}",)
    said = [_compared(label, screening.scores[label], thresholds[label]) for label in flagged]
    said += [f"Doubtful reading: {notice.message}" for notice in _doubts(screening)]
    if not said:
        nearest = max(standings, key=standings.__getitem__)
        told = _compared(nearest, screening.scores[nearest], thresholds[nearest])
        said = [f"No score reaches its threshold. Nearest: {told}"]
    return tuple(said)


def _compared(label: str, score: float, threshold: float) -> str:
    """One sentence; as many decimals as it takes to show on which side the score lies."""
    places = 2
    while places < 6 and score != threshold and f"{score:.{places}f}" == f"{threshold:.{places}f}":
        places += 1
    side = "above" if score > threshold else "at" if score == threshold else "below"
    return f"{label}: model score {score:.{places}f}, {side} your threshold {threshold:.{places}f}."
