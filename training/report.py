"""card.md: the model's card for people, drawn from card.json alone, under the headings CLAIM and TRIPOD+AI ask for.

In: a ModelCard. Out: Markdown. It computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cxr_core.card import ModelCard

CARD = "card.md"
_COLUMNS = ("auc", "sensitivity", "specificity", "n")


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
    failures = card.curves.get("failures", {})
    if failures:
        parts.insert(6, "## Films it fails on worst\n\n" + _failures(failures))
    return "\n\n".join(parts) + "\n"


def _facts(values: Mapping[str, Any]) -> str:
    return "\n".join(f"- **{_words(key)}**: {value}" for key, value in values.items())


def _labels(card: ModelCard) -> str:
    rows = [
        "| class | shown as | urgency | preset | threshold | sensitivity | specificity | tp, fn, fp, tn |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label in card.labels:
        shown = label.finding or "not shown"
        if not label.operating_points:
            rows.append(f"| {label.name} | {shown} | {label.urgency} | | | | | |")
        counts = card.curves.get("confusion", {}).get(label.finding, {})
        for name, point in label.operating_points.items():
            sensitivity, specificity = (_interval(item) for item in (point.sensitivity, point.specificity))
            cells = ", ".join(str(counts[name][key]) for key in ("tp", "fn", "fp", "tn")) if name in counts else ""
            facts = (label.name, shown, label.urgency, name, f"{point.threshold:.3f}", sensitivity, specificity, cells)
            rows.append(f"| {' | '.join(facts)} |")
    return "\n".join(rows)


def _interval(item: Any) -> str:
    return f"{item.value:.2f} ({item.low:.2f} to {item.high:.2f})" if item else ""


def _metrics(values: Mapping[str, Any]) -> str:
    """A heading a group, a table of its figures."""
    out = []
    for name, group in values.items():
        out.append(f"### {_words(name)}\n\n{_DRAWN.get(name, _table)(group)}")
    return "\n\n".join(out)


def _table(group: Mapping[str, Any]) -> str:
    return "| | | n |\n|---|---|---|\n" + "\n".join(_rows(group))


def _rows(group: Mapping[str, Any], before: str = "") -> list[str]:
    rows = []
    for name, value in group.items():
        label = f"{before}{_words(name)}"
        if isinstance(value, Mapping) and "low" in value:
            rows.append(f"| {label} | {_figure(value)} | {value['n']} |")
        elif isinstance(value, Mapping):
            rows += _rows(value, f"{label}, ")
        else:
            rows.append(f"| {label} | {value} | |")
    return rows


def _figure(value: Mapping[str, Any]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _subgroups(group: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Sensitivity and specificity are those at the balanced point."""
    rows = [
        "Sensitivity and specificity at the balanced point; scores of all networks on one scale.",
        "",
        f"| | {' | '.join(_COLUMNS)} |",
        "|---|---|---|---|---|",
    ]
    for label, parts in group.items():
        for name, figures in parts.items():
            cells = [
                _figure(value) if isinstance(value, Mapping) else str(value or "")
                for value in (figures.get(column) for column in _COLUMNS)
            ]
            rows.append(f"| {label}, {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _by_fold(group: Mapping[str, Mapping[str, float]]) -> str:
    """Each network on its own fold."""
    names = list(dict.fromkeys(name for values in group.values() for name in values))
    rows = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for label, values in group.items():
        cells = [f"{values[name]:.3f}" if name in values else "" for name in names]
        rows.append(f"| {_words(label)} | {' | '.join(cells)} |")
    return "\n".join(rows)


_DRAWN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"subgroups": _subgroups, "by_fold": _by_fold}


def _failures(group: Mapping[str, Mapping[str, Any]]) -> str:
    """File names alone, for whoever has the data; the score is the calibrated one."""
    rows = ["At the balanced point; file names and scores.", ""]
    for label, kinds in group.items():
        for kind, title in (("missed", "missed"), ("false_alarm", "flagged without it")):
            files = ", ".join(f"`{item['file']}` {item['score']:.2f}" for item in kinds.get(kind, []))
            rows.append(f"- **{label}, {title}**: {files or 'none'}")
    return "\n".join(rows)


def _words(name: str) -> str:
    return str(name).replace("_", " ")
