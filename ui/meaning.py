"""What stands below a threshold's slider: what it catches and costs, in two short lines and one long hover.

In: an Operating (cxr_core.operating) and the site's prevalence. Out: words. Knows no widget.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxr_core.operating import Operating
from cxr_core.records import Interval
from ui.thresholds import short

UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Said:
    """Two lines for the eye, and the whole with its intervals for who asks."""

    caught: str = UNKNOWN
    foreseen: str = ""
    whole: str = "The model's card says nothing of this threshold."


def said(here: Operating | None, prevalence: float) -> Said:
    """The figures at one threshold; a wave stands before what lies between two measured thresholds."""
    if here is None:
        return Said()
    flags, ppv, npv = here.flags(prevalence), here.ppv(prevalence), here.npv(prevalence)
    share = f"{100 * prevalence:.3g}%"
    sens, spec = (_figure(item, measured=here.measured) for item in (here.sensitivity, here.specificity))
    how = "measured at this threshold" if here.measured else "drawn between the measured thresholds"
    if _bound(here):
        how = "beyond the measured thresholds: bounds"
    foreseen = f"PPV {short(ppv.value)} \u00b7 NPV {short(npv.value)} at {share} \u00b7 ~{flags.value:.0f} flags / 100"
    if _bound(here):
        foreseen = f"PPV, NPV not known \u00b7 {flags.low:.0f} to {flags.high:.0f} flags / 100 at {share}"
    return Said(
        f"sens {sens} \u00b7 spec {spec}",
        foreseen,
        f"On the model's validation films, {how}, with 95% intervals: sensitivity {_whole(here, here.sensitivity)}, "
        f"specificity {_whole(here, here.specificity)}. Where {share} of films have the finding: of those flagged "
        f"{_whole(here, ppv)} have it (PPV), of those not flagged {_whole(here, npv)} do not (NPV), and "
        f"{_counted(here, flags)}.",
    )


def _bound(here: Operating) -> bool:
    ends = (here.sensitivity, here.specificity)
    return not here.measured and any(item.low == 0 or item.high == 1 for item in ends)


def _figure(item: Interval, *, measured: bool) -> str:
    if not measured and item.high == 1:
        return f"\u2265{short(item.low)}"
    if not measured and item.low == 0:
        return f"\u2264{short(item.high)}"
    return f"{'' if measured else '~'}{short(item.value)} [{short(item.low)}-{short(item.high)}]"


def _counted(here: Operating, flags: Interval) -> str:
    bounds = f"{flags.low:.0f} to {flags.high:.0f}"
    return (
        f"{bounds} of 100 films are flagged"
        if _bound(here)
        else f"{flags.value:.0f} of 100 films are flagged ({bounds})"
    )


def _whole(here: Operating, item: Interval) -> str:
    """A figure with its interval; the interval alone where the figure in it would be that of another threshold."""
    bounds = f"{item.low:.2f} to {item.high:.2f}"
    return bounds if _bound(here) else f"{item.value:.2f} ({bounds})"
