"""card.md: the model's card for people, drawn from card.json alone, under the headings CLAIM and TRIPOD+AI ask for.

In: a ModelCard. Out: Markdown. It computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxr_core.card import ModelCard

CARD = "card.md"


def card_text(card: ModelCard) -> str:
    """The whole page."""
    parts = [
        f"# {card.title}",
        f"`{card.name}` {card.version}, made {card.created}. "
        "Research use only, not for diagnosis, expert review required.",
        f"## Intended use\n\n{card.intended_use}",
        "## Data, eligibility and reference standard\n\n" + _facts(card.data),
        "## Classes and operating points\n\n" + _labels(card),
        "## Measured\n\nIn brackets: 95% bootstrap interval by patient; n: films, boxes or positives behind it.\n\n"
        + _metrics(card.metrics),
        "## Limits, and what held it back\n\n" + "\n".join(f"- {item}" for item in card.limits),
        f"## Licence\n\n{card.licence}",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(values: Mapping[str, Any]) -> str:
    return "\n".join(f"- **{_words(key)}**: {value}" for key, value in values.items())


def _labels(card: ModelCard) -> str:
    rows = [
        "| class | shown as | urgency | preset | threshold | sensitivity | specificity |",
        "|---|---|---|---|---|---|---|",
    ]
    for label in card.labels:
        shown = label.finding or "not shown"
        if not label.operating_points:
            rows.append(f"| {label.name} | {shown} | {label.urgency} | | | | |")
        for name, point in label.operating_points.items():
            sensitivity, specificity = (_interval(item) for item in (point.sensitivity, point.specificity))
            facts = (label.name, shown, label.urgency, name, f"{point.threshold:.3f}", sensitivity, specificity)
            rows.append(f"| {' | '.join(facts)} |")
    return "\n".join(rows)


def _interval(item: Any) -> str:
    return f"{item.value:.2f} ({item.low:.2f} to {item.high:.2f})" if item else ""


def _metrics(values: Mapping[str, Any]) -> str:
    """A heading a group, a table of its figures."""
    out = []
    for name, group in values.items():
        out.append(f"### {_words(name)}\n\n| | | n |\n|---|---|---|\n" + "\n".join(_rows(group)))
    return "\n\n".join(out)


def _rows(group: Mapping[str, Any], before: str = "") -> list[str]:
    rows = []
    for name, value in group.items():
        label = f"{before}{_words(name)}"
        if isinstance(value, Mapping) and "low" in value:
            rows.append(
                f"| {label} | {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f}) | {value['n']} |"
            )
        elif isinstance(value, Mapping):
            rows += _rows(value, f"{label}, ")
        else:
            rows.append(f"| {label} | {value} | |")
    return rows


def _words(name: str) -> str:
    return str(name).replace("_", " ")
