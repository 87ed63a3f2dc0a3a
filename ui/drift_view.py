"""Whether scores still look as they did: every finding against its card, and against this site's earlier films.

In: the films of the period, the detectors' cards, the site's prevalence. Out: a table, and one finding as a plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import streamlit as st

from cxr_core.card import ModelCard
from cxr_core.drift import Drift, Floats, Reference, drift, references
from cxr_core.records import LABELS
from ui import markup, operations_plots
from ui.operations_view import Work
from ui.plate import draw

_WORDS = {
    "too few": "too few films to tell",
    "as measured": "as measured",
    "moved": "moved: look why",
    "far": "far off: do not trust the thresholds",
}
_OWN_BINS = 10
_LEAST_OWN = 200
"""Earlier films below which they are no reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One finding: its reference on the card, what is here, and how far apart they are. ``own`` is against itself."""

    label: str
    reference: Reference
    counts: Floats
    against_card: Drift
    own: Drift | None


def rows(work: Work, cards: Sequence[ModelCard], prevalence: Mapping[str, float]) -> list[Row]:
    """A row for each finding with a reference; only films that the running models screened count."""
    columns = work.queue.columns
    known = ~columns.refused & ~columns.outdated & (work.generated | ~columns.synthetic)
    here = known & work.chosen
    earlier = known & ~work.chosen
    held: dict[str, Reference] = {}
    for card in cards:
        held = references(card) | held  # the first card that speaks for a label has the word
    found = []
    for place, label in enumerate(LABELS):
        if label in held:
            scores = columns.scores[:, place]
            counts = held[label].counts(scores[here])
            card_drift = drift(label, held[label], counts, prevalence.get(label))
            found.append(Row(label, held[label], counts, card_drift, _own(label, scores[earlier], scores[here])))
    return found


def _own(label: str, before: npt.NDArray[np.float64], here: npt.NDArray[np.float64]) -> Drift | None:
    """Against this site's films from before the period, in tenths of those."""
    if len(before) < _LEAST_OWN:
        return None
    edges = np.unique(np.quantile(before, np.arange(1, _OWN_BINS) / _OWN_BINS))
    empty = np.zeros(len(edges) + 1)
    blank = Reference(edges, empty, empty, "site")
    reference = Reference(edges, empty, blank.counts(before), "site")
    return drift(label, reference, reference.counts(here))


def drift_section(work: Work, cards: Sequence[ModelCard], prevalence: Mapping[str, float]) -> None:
    """The table, what it means, and one finding as a plot."""
    st.subheader("Score drift")
    found = rows(work, cards, prevalence)
    if not found:
        st.html(markup.quiet("No card holds a reference: none tells how its validation films scored."))
        return
    heads = (
        "Finding",
        "Films",
        "Index",
        "By chance up to",
        "With a share of sick of",
        "Verdict",
        "Against earlier films",
    )
    st.html(markup.table(heads, [_cells(row) for row in found]))
    coarse = any(row.reference.source == "confusion" for row in found)
    st.html(
        markup.quiet(
            "Population stability index: 0 is the same, from 0.1 scores have moved, from 0.25 far. An index that "
            "chance alone gives in 5 of 100 cases says nothing. The card's films had another share of sick than a "
            "ward, so the reference is put to the share that the site file says, else to the one that fits best: what "
            "is left is drift that no other mix explains. "
            + ("Bins are those between the card's three operating points. " if coarse else "")
            + f"Earlier films: this site's from before the period, where there are {_LEAST_OWN} or more."
        )
    )
    names = [row.label for row in found]
    name = st.pills("Finding", names, default=names[0], required=True, key="ops-drift", label_visibility="collapsed")
    chosen = next(row for row in found if row.label == name)
    total = chosen.counts.sum()
    here = chosen.counts / total if total else np.zeros_like(chosen.counts)
    expected = chosen.reference.shares(chosen.against_card.prevalence)
    said = "; ".join(
        f"{part}: expected {100 * one:.1f}%, here {100 * other:.1f}%"
        for part, one, other in zip(_parts(chosen.reference), expected, here, strict=True)
    )
    figure = operations_plots.distribution(_parts(chosen.reference), expected, here, chosen.label)
    draw(figure, f"Scores of {chosen.label}. {said}", "ops-distribution")


def _cells(row: Row) -> tuple[str, ...]:
    found = row.against_card
    whose = "fits best" if found.fitted else "the site's"
    own = f"{row.own.index:.3f}, {_WORDS[row.own.verdict]}" if row.own else "too few"
    return (
        row.label,
        f"{found.films:,}",
        f"{found.index:.3f}" if found.films else "",
        f"{found.chance:.3f}" if found.films else "",
        f"{100 * found.prevalence:.1f}% ({whose})" if found.films else "",
        _WORDS[found.verdict],
        own,
    )


def _parts(reference: Reference) -> list[str]:
    """The bins in words."""
    edges = [f"{edge:.3f}" for edge in reference.edges]
    if not edges:
        return ["all"]
    middle = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *middle, f"{edges[-1]} and above"]
