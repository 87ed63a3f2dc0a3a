"""What the simulator page asks and what it says of the answer.

In: the detectors' cards and the site's policy. Out: a Department and a Policy as they stand in the widgets; plots,
tables and sentences of what was played. No stored film is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from cxr_core.card import LabelCard
from cxr_core.records import LABELS, PRESETS, URGENCIES, Urgency
from cxr_core.simulate import (
    ALL,
    MISSED,
    Department,
    Group,
    Outcome,
    by_arrival,
    by_policy,
    by_score,
    compare,
    waiting_mean,
)
from cxr_core.triage import Policy
from ui import markup
from ui.plate import draw
from ui.simulator_plots import ARRIVAL, KINDS, OURS, SCORE, TABLE_HEADS, bars, curves, mean, minutes, table_rows

_SHARES = {"urgent": 2.0, "soon": 15.0}
"""Percent of films, where the site file does not say: to be put right by whoever plays, and said so on the page."""

_SEED = "sim-seed"
_POINT = {"urgent": "may not wait", "soon": "is to be read early"}


def department(labels: Mapping[str, LabelCard], policy: Policy, prevalence: Mapping[str, float]) -> Department:
    """The department as it stands in the widgets; RecordError where that makes no sense."""
    st.markdown("**What comes, who reads**")
    left, right = st.columns(2)
    per_hour = left.number_input("Films an hour", 0.1, 500.0, 20.0, 1.0, key="sim-rate", format="%.1f")
    minutes_each = right.number_input("Minutes a film", 0.2, 120.0, 5.0, 0.5, key="sim-minutes", format="%.1f")
    readers = left.number_input("Readers", 1, 100, 2, 1, key="sim-readers")
    days = right.number_input("Days played", 1, 365, 30, 1, key="sim-days")
    spread = st.segmented_control(
        "Reading times",
        ("lognormal", "exponential"),
        default="lognormal",
        required=True,
        format_func={"lognormal": "log-normal", "exponential": "exponential"}.__getitem__,
        key="sim-spread",
        help="Log-normal: most films are quick, a few take long, as measured in reading rooms; its standard deviation "
        "here is 0.8 of the mean. Exponential: the textbook's case, for which the formulas are exact.",
    )
    hours = st.slider("Hours of reading", 0, 24, (0, 24), key="sim-hours", help="Films come at all hours.")
    lanes = policy.lanes({label: item.urgency for label, item in labels.items()})
    groups = tuple(_group(cast("Urgency", name), labels, lanes, prevalence) for name in ("urgent", "soon"))
    doubtful = st.number_input("Doubtful readings, %", 0.0, 100.0, 3.0, 1.0, key="sim-doubtful", format="%.1f")
    return Department(
        per_hour=per_hour,
        reading_minutes=minutes_each,
        spread="exponential" if spread == "exponential" else "lognormal",
        readers=int(readers),
        hours=(float(hours[0]), float(hours[1])),
        days=float(days),
        doubtful=doubtful / 100,
        groups=groups,
        seed=st.session_state.get(_SEED, 1),
    )


def another_draw() -> None:
    """Other films at the next play."""
    st.session_state[_SEED] = st.session_state.get(_SEED, 1) + 1


def _group(
    name: Urgency, labels: Mapping[str, LabelCard], lanes: Mapping[str, Urgency], prevalence: Mapping[str, float]
) -> Group:
    """One urgency: a finding that stands for it, its share, and what the detector catches of it by its card."""
    st.markdown(f"**{name.capitalize()}: what {_POINT[name]}**")
    own = [label for label in LABELS if lanes.get(label) == name] or list(LABELS)
    left, right = st.columns([1.5, 1])
    finding = left.selectbox("Finding", own, key=f"sim-finding-{name}", help="Its model card gives the figures below.")
    preset = right.selectbox("Preset", PRESETS, index=1, key=f"sim-preset-{name}")
    point = labels[finding].operating_points.get(preset) if finding in labels else None
    seen = point.sensitivity.value if point and point.sensitivity else 0.8
    kept = point.specificity.value if point and point.specificity else 0.8
    share = 100 * prevalence[finding] if finding in prevalence else _SHARES[name]
    first, second, third = st.columns(3)
    told = "from the card" if point and point.sensitivity else "the card names none: an example"
    key = f"{finding}-{preset}-{name}"
    here = first.number_input("% of films", 0.0, 100.0, round(share, 2), 0.5, key=f"sim-share-{finding}-{name}")
    sens = second.number_input("Sensitivity", 0.0, 1.0, round(seen, 3), 0.01, key=f"sim-sens-{key}", help=told)
    spec = third.number_input("Specificity", 0.0, 1.0, round(kept, 3), 0.01, key=f"sim-spec-{key}", help=told)
    return Group(name, here / 100, sens, spec)


def policy_inputs(policy: Policy) -> Policy:
    """The site's policy, to be tried otherwise; nothing here is kept."""
    st.markdown("**This worklist's policy**")
    left, right = st.columns(2)
    weight = left.number_input(
        "Score counts", 0.0, 4.0, policy.score_weight, 0.5, key="sim-weight", help="Within a lane; 0: arrival alone."
    )
    halves = right.number_input(
        "Waiting halves, min", 0.0, 10_000.0, policy.waiting_halves, 10.0, key="sim-halves", format="%.0f",
        help="Each so many minutes halve what a film lacks to the top of its lane; 0: waiting does not count.",
    )  # fmt: skip
    limits: dict[Urgency, float] = {}
    columns = st.columns(2)
    for number, lane in enumerate(URGENCIES):
        limits[lane] = columns[number % 2].number_input(
            f"Limit {lane}, min", 0.0, 100_000.0, policy.limits[lane], 30.0, key=f"sim-limit-{lane}", format="%.0f",
            help="Who has waited longer stands before everything else; 0: no limit.",
        )  # fmt: skip
    return Policy(policy.urgencies, weight, halves, limits)


@st.cache_resource(max_entries=50, show_spinner="Playing the reading room", hash_funcs={Department: repr, Policy: repr})
def played(room: Department, policy: Policy) -> tuple[Outcome, ...]:
    """The three orders over one department; kept, so that going back to earlier numbers costs nothing."""
    return compare(room, {ARRIVAL: by_arrival, SCORE: by_score, OURS: by_policy(policy)})


def results(room: Department, outcomes: Sequence[Outcome]) -> None:
    """What came out: the sentences first, then the plots, each with its numbers as a table."""
    st.html(markup.figures([(f"{100 * room.load:.0f}%", "of the reading time is needed"), *_heads(outcomes)]))
    st.html(markup.reasons(sentences(room, outcomes)))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Mean wait")
        draw(bars(outcomes, "mean"), _said("Mean wait in minutes", outcomes, "mean"), "sim-mean")
    with right:
        st.subheader("Longest wait")
        draw(bars(outcomes, "longest"), _said("Longest wait in minutes", outcomes, "longest"), "sim-longest")
    st.subheader("Who still waits")
    held = [kind for kind in KINDS if any(outcome.of(kind) for outcome in outcomes)]
    kind = st.pills("Films", held, default=held[0], required=True, format_func=KINDS.__getitem__, key="sim-kind")
    draw(curves(outcomes, str(kind)), f"Share of films still waiting, by minutes: {KINDS[str(kind)]}", "sim-curve")
    st.html(markup.quiet("Below the dotted line are the 5 of 100 who wait longest."))
    with st.expander("The same as a table", expanded=True):
        st.html(markup.table(TABLE_HEADS, table_rows(outcomes)))


def sentences(room: Department, outcomes: Sequence[Outcome]) -> list[str]:
    """What is to be seen, in words; what one kind of film gains and which one pays."""
    by_order = {outcome.order: outcome for outcome in outcomes}
    first, score, ours = (by_order[name] for name in (ARRIVAL, SCORE, OURS))
    said = []
    if room.load >= 1:
        said.append(
            "More comes than can be read. Waits grow for as long as that lasts; this was played for "
            f"{room.days:.1f} days. No order of reading helps: it only decides who waits."
        )
    for kind, verb in (
        ("urgent", "Urgent films"),
        ("soon", "Films to be read soon"),
        ("routine", "Films with neither"),
    ):
        before, after = first.of(kind), ours.of(kind)
        if before and after:
            said.append(
                f"{verb} wait {minutes(after.mean.value)} on average in this worklist's order, "
                f"{minutes(before.mean.value)} first come, first served; the longest wait is {minutes(after.longest)} "
                f"instead of {minutes(before.longest)}."
            )
    missed, missed_before = ours.of(MISSED), first.of(MISSED)
    if missed and missed_before:
        said.append(
            f"Urgent films that the detector did not flag wait {minutes(missed.mean.value)} on average instead of "
            f"{minutes(missed_before.mean.value)}: they stand behind every flagged film, and only waiting brings them "
            "forward."
        )
    worst, worst_ours = score.of(ALL), ours.of(ALL)
    if worst and worst_ours:
        said.append(
            f"By score alone the longest wait is {minutes(worst.longest)}, in this worklist's order "
            f"{minutes(worst_ours.longest)}: a film with a low score is overtaken for ever unless waiting counts."
        )
    return said + _theory(room, first)


def _theory(room: Department, first: Outcome) -> list[str]:
    """What queueing theory expects of first come, first served, where it has a formula."""
    told = first.of(ALL)
    if room.load >= 1 or room.hours != (0.0, 24.0) or told is None:
        return []
    expected = waiting_mean(room.per_hour / 60, room.reading_minutes, room.readers, room.spread_of_times)
    exact = room.readers == 1 or room.spread == "exponential"
    name = "Erlang's formula" if room.spread == "exponential" else "the Pollaczek-Khinchine formula"
    name = name if exact else "the Allen-Cunneen approximation"
    return [f"First come, first served, {name} expects a mean of {minutes(expected)}; played: {mean(told)}."]


def _heads(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    found = outcomes[0].of(ALL)
    return [(f"{found.films:,}", "films, the same for each order")] if found else []


def _said(what: str, outcomes: Sequence[Outcome], field: str) -> str:
    """A bar plot in words, for those who do not see it."""
    parts = []
    for outcome in outcomes:
        waits = [item for kind in KINDS if (item := outcome.of(kind))]
        numbers = ", ".join(
            f"{KINDS[item.name]} {item.mean.value if field == 'mean' else item.longest:.0f}" for item in waits
        )
        parts.append(f"{outcome.order}: {numbers}")
    return f"{what}. {'; '.join(parts)}."
