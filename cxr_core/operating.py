"""What a threshold catches and costs: from a card's validation films to sensitivity, specificity, PPV, NPV, flags.

In: a ModelCard, a finding, a threshold, how often the finding is among a site's films. Out: an Operating, each figure
with its 95% interval. Pure functions; this module knows no slider.

A card holds what was measured at some thresholds: its presets, and the edges of its histogram of scores (the curve
"rates") where it has one. There the card's own intervals are given (bootstrap over patients), or Wilson's from the
counts (Wilson 1927). At any other threshold a straight line is drawn between the two measured neighbours, in normal
deviates of the rate over the logit of the threshold: the binormal model (Dorfman and Alf 1969), under which that line
is exact. With three measured points, leaving out the middle one and drawing the line over the whole gap misses it by
0.12 at most (a test holds that of the shipped cards); the error of such a line falls with the square of the gap, so
BETWEEN is added on either side half way.
Outside the measured thresholds only bounds are known, and the interval says so.

PPV and NPV follow by Bayes, flags a hundred by counting; their intervals take both rates at their worse ends at once,
so they are rather too wide than too narrow. A site's prevalence is taken as known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from cxr_core.card import ModelCard
from cxr_core.records import LABELS, PRESETS, Interval, OperatingPoint
from cxr_core.site import section

SECTION = "prevalence"

USUAL = 0.1
"""Share of films with a finding where a site has not said its own."""

BETWEEN = 0.03
"""What a rate half way between two measured thresholds may be off by, beside its sampling error."""

_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(0.975)
_EDGE = 1e-4  # rates and thresholds of 0 and 1 have no finite deviate


@dataclass(frozen=True, slots=True)
class Prevalence:
    """How often a finding is among this site's films: a share for all, and of some findings their own."""

    default: float = USUAL
    own: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", MappingProxyType(dict(self.own)))

    def of(self, label: str) -> float:
        """The share of films with this finding."""
        return self.own.get(label, self.default)


@dataclass(frozen=True, slots=True)
class Operating:
    """What one threshold does on the validation films. ``measured``: they were judged at this very threshold."""

    threshold: float
    sensitivity: Interval
    specificity: Interval
    measured: bool

    def ppv(self, prevalence: float) -> Interval:
        """Of those flagged, the share with the finding."""
        return self._both(lambda sens, spec: _share(prevalence * sens, (1 - prevalence) * (1 - spec)))

    def npv(self, prevalence: float) -> Interval:
        """Of those not flagged, the share without the finding."""
        return self._both(lambda sens, spec: _share((1 - prevalence) * spec, prevalence * (1 - sens)))

    def flags(self, prevalence: float, films: int = 100) -> Interval:
        """How many of so many films are flagged, rightly or wrongly."""
        sens, spec = self.sensitivity, self.specificity

        def count(caught: float, spared: float) -> float:
            return films * (prevalence * caught + (1 - prevalence) * (1 - spared))

        return Interval(count(sens.value, spec.value), count(sens.low, spec.high), count(sens.high, spec.low))

    def _both(self, share: Any) -> Interval:
        sens, spec = self.sensitivity, self.specificity
        return Interval(share(sens.value, spec.value), share(sens.low, spec.low), share(sens.high, spec.high))


def prevalence_of(site: Mapping[str, Any]) -> Prevalence:
    """The shares that the site file holds; SettingsError for nonsense."""
    table = section(site, SECTION)
    found = Prevalence(
        table.number("default", USUAL, 0, 1),
        {label: table.number(label, USUAL, 0, 1) for label in LABELS if label in table.table},
    )
    for label in LABELS:
        table.number(label, USUAL, 0, 1)
    table.finish()
    return found


def table_of(prevalence: Prevalence) -> dict[str, float]:
    """The section to write; ``prevalence_of`` reads it again."""
    return {"default": prevalence.default, **prevalence.own}


def operating(card: ModelCard, label: str, threshold: float) -> Operating | None:
    """What a threshold of a finding does on the card's validation films; None where the card does not tell."""
    points = sorted(_measured(card, label), key=lambda point: point.threshold)
    here = next((point for point in points if abs(point.threshold - threshold) < _HALF_A_STEP), None)
    if here:
        return here
    below = [point for point in points if point.threshold < threshold]
    above = [point for point in points if point.threshold > threshold]
    if below and above:
        return _between(below[-1], above[0], threshold)
    if not points:
        return None
    last, up = (below[-1], False) if below else (above[0], True)
    return Operating(
        threshold, _bounded(last.sensitivity, up=up), _bounded(last.specificity, up=not up), measured=False
    )


_HALF_A_STEP = 5e-4  # of a slider


def wilson(hits: float, of: float) -> Interval:
    """A share with its 95% interval (Wilson 1927), which stays within [0, 1] and has a width at 0 and at 1 too."""
    if of <= 0:
        return Interval(0.0, 0.0, 1.0)
    share, z2 = hits / of, _Z**2
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def _measured(card: ModelCard, label: str) -> Iterator[Operating]:
    """What the card says that was measured; what is not of the expected shape is left out, never an error.

    Presets and edges are counted on the same films, each judged by what other films chose, but not in the same way: an
    edge that would have a higher threshold catch more than a preset is left out.
    """
    found = next((item for item in card.finding_labels if item.finding == label), None)
    presets = []
    for preset in PRESETS:
        point = found.operating_points.get(preset) if found else None
        told = _at_preset(point, _of(card.curves, "confusion", label, preset)) if point else None
        presets += [told] if told else []
    yield from presets
    edges = _at_edges(_of(card.curves, "rates", label))
    yield from (edge for edge in edges if all(_in_order(edge, preset) for preset in presets))


def _in_order(one: Operating, other: Operating) -> bool:
    """Whether of two thresholds the lower one catches at least as much and spares at most as much."""
    low, high = sorted((one, other), key=lambda item: item.threshold)
    return low.sensitivity.value >= high.sensitivity.value and low.specificity.value <= high.specificity.value


def _at_preset(point: OperatingPoint, counts: Any) -> Operating | None:
    sens, spec = point.sensitivity, point.specificity
    if (sens is None or spec is None) and _are_numbers(counts, ("tp", "fn", "fp", "tn")):
        sens = sens or wilson(counts["tp"], counts["tp"] + counts["fn"])
        spec = spec or wilson(counts["tn"], counts["tn"] + counts["fp"])
    return Operating(point.threshold, sens, spec, measured=True) if sens and spec else None


def _at_edges(histogram: Any) -> Iterator[Operating]:
    """At the edges of a histogram of scores: present and absent count the films of each bin, from the lowest."""
    edges, present, absent = (_of(histogram, name) for name in ("edges", "present", "absent"))
    if not all(isinstance(part, list) and all(map(_number, part)) for part in (edges, present, absent)):
        return
    if len(present) != len(edges) + 1 or len(absent) != len(edges) + 1 or not sum(present) or not sum(absent):
        return
    for place, edge in enumerate(edges, 1):
        sens, spec = wilson(sum(present[place:]), sum(present)), wilson(sum(absent[:place]), sum(absent))
        yield Operating(float(edge), sens, spec, measured=True)


def _between(one: Operating, other: Operating, threshold: float) -> Operating:
    """The binormal line between two measured thresholds."""
    start, end = _logit(one.threshold), _logit(other.threshold)
    part = (_logit(threshold) - start) / (end - start) if end > start else 0.5
    return Operating(
        threshold,
        _drawn(one.sensitivity, other.sensitivity, part),
        _drawn(one.specificity, other.specificity, part),
        measured=False,
    )


def _drawn(one: Interval, other: Interval, part: float) -> Interval:
    low, value, high = (
        _NORMAL.cdf((1 - part) * _deviate(getattr(one, name)) + part * _deviate(getattr(other, name)))
        for name in ("low", "value", "high")
    )
    more = BETWEEN * 4 * part * (1 - part)
    return Interval(value, max(0.0, min(low, value) - more), min(1.0, max(high, value) + more))


def _bounded(nearest: Interval, *, up: bool) -> Interval:
    """Beyond the last measured threshold: at least, or at most, what it was there."""
    return Interval(nearest.value, nearest.low, 1.0) if up else Interval(nearest.value, 0.0, nearest.high)


def _share(part: float, rest: float) -> float:
    """A part of a whole; 0 where there is no whole: nobody is flagged."""
    return part / (part + rest) if part + rest > 0 else 0.0


def _logit(value: float) -> float:
    kept = min(max(value, _EDGE), 1 - _EDGE)
    return math.log(kept / (1 - kept))


def _deviate(rate: float) -> float:
    return _NORMAL.inv_cdf(min(max(rate, _EDGE), 1 - _EDGE))


def _of(raw: Any, *keys: str) -> Any:
    for key in keys:
        raw = raw.get(key) if isinstance(raw, Mapping) else None
    return raw


def _are_numbers(raw: Any, names: tuple[str, ...]) -> bool:
    return isinstance(raw, Mapping) and all(_number(raw.get(name)) for name in names)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
