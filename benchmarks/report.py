"""One section a measurement: a table, what it was measured on, how. Printed, and kept in RESULTS.md if asked.

In: rows of cells. Out: Markdown. A section of RESULTS.md is replaced by the next measurement of its name; the others
stay.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
TITLE = "# What was measured"


@dataclass(frozen=True, slots=True)
class Section:
    """``name``: the subcommand. ``rows``: the first holds the heads; all cells but those of ``words`` are figures."""

    name: str
    command: str
    rows: Sequence[Sequence[str]]
    how: str
    words: int = 1

    def text(self, facts: Sequence[str]) -> str:
        """As Markdown; ``facts`` of the machine."""
        ruler = ["---" if place < self.words else "---:" for place in range(len(self.rows[0]))]
        lines = ["| " + " | ".join(row) + " |" for row in (self.rows[0], ruler, *self.rows[1:])]
        told = "\n".join(f"- {fact}" for fact in facts)
        return "\n".join([f"## {self.name}", "", f"`{self.command}`", "", *lines, "", self.how, "", told])


def publish(section: Section, facts: Sequence[str], *, write: bool, path: Path = RESULTS) -> None:
    """Print it, and put it into the results if ``write``."""
    text = section.text(facts)
    print(text)
    if write:
        known = path.read_text(encoding="utf-8") if path.is_file() else TITLE
        path.write_text(replaced(known, section.name, text), encoding="utf-8")


def replaced(known: str, name: str, text: str) -> str:
    """The results with this section new, in its old place, or at the end."""
    head, *parts = re.split(r"(?m)^(?=## )", known)
    sections = {part.partition("\n")[0][3:].strip(): part.strip() for part in parts}
    sections[name] = text
    return "\n\n".join([head.strip(), *sections.values()]) + "\n"


def command(name: str, given: Sequence[str] | None) -> str:
    """What was asked, as one would ask it again; ``given``: what ``main`` was given."""
    return " ".join(["python -m benchmarks", name, *(sys.argv[1:] if given is None else given)])


def facts() -> list[str]:
    """Of the machine, as it is now."""
    return machine.describe()


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, with the lowest and the highest in brackets."""
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return f"{middle:.{digits}f} ({ordered[0]:.{digits}f}-{ordered[-1]:.{digits}f})"
