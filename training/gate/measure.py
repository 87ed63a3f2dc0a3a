"""Chooses the gate's limits on half of the fold held out, measures it on the other half and beyond, writes its card.

In: data folder, model folder, and a folder of other pictures if there is one. Out: card.json and card.md with figures.
Limits are chosen where almost no real film would be stopped, and never on the outside set.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cxr_core.card import LabelCard, load_card
from cxr_core.gate.network import Look, Network
from cxr_core.records import OperatingPoint
from training.data import EXTERNAL, VALIDATION
from training.gate import counter, judged
from training.gate.films import Film, Library
from training.gate.judged import Tally, radiograph, tally

# Share of the choosing half's patients whose films may pass each limit. Refusing costs a reading, checking a glance.
# Among public films some are mirrored, or have the heart on the right: these are to pass their limit.
_FALSE_CHECK, _FALSE_SURE = 0.004, 0.0
_FALSE_MIRRORED = 0.006
_FAR = 0.003
_LEAST = {"check": 0.5, "sure": 0.9}
EACH = 120


@dataclass(frozen=True, slots=True)
class Material:
    """``choose`` and ``report``: two halves of the fold held out, by group; ``outside``: never used before."""

    choose: tuple[Film, ...]
    report: tuple[Film, ...]
    outside: tuple[Film, ...]


def material(library: Library) -> Material:
    """Splits the held-out fold by a digest of the group."""
    held = library.of_folds(VALIDATION)
    first = [film for film in held if zlib.crc32(film.group.encode()) % 2]
    second = [film for film in held if not zlib.crc32(film.group.encode()) % 2]
    return Material(tuple(first), tuple(second), tuple(library.of_folds(EXTERNAL)))


def choose(library: Library, films: Sequence[Film], folder: Path) -> None:
    """Writes the limits into the card."""
    network = Network(folder)
    looks = [network(radiograph(library.picture(film)).pixels) for film in films]
    groups = [film.group for film in films]
    card = load_card(folder)
    labels = tuple(replace(label, operating_points=_points(label, looks, groups)) for label in card.labels)
    far = float(np.quantile([look.distance for look in looks], 1 - _FAR))
    replace(card, labels=labels, data=dict(card.data) | {"distance_limit": round(far, 3)}).save(folder)


def _points(label: LabelCard, looks: Sequence[Look], groups: Sequence[str]) -> dict[str, OperatingPoint]:
    """Limits that the share of groups may pass: five copies of one odd film are one odd film."""
    worst: dict[str, float] = {}
    for look, group in zip(looks, groups, strict=True):
        worst[group] = max(worst.get(group, 0.0), look[label.name])
    scores = np.array(list(worst.values()))
    false = _FALSE_MIRRORED if label.name == "mirrored" else _FALSE_CHECK
    check = max(_LEAST["check"], float(np.quantile(scores, 1 - false)))
    sure = max(_LEAST["sure"], check, float(np.quantile(scores, 1 - _FALSE_SURE)))
    return {"check": OperatingPoint(round(min(check, 0.999), 4)), "sure": OperatingPoint(round(min(sure, 0.9995), 4))}


def measure(library: Library, split: Material, folder: Path, pictures: Path | None) -> None:
    """Tallies every kind of picture with the chosen limits; writes card.json and card.md."""
    network = Network(folder)
    size = network.card.input.height
    some = split.report[:: max(1, len(split.report) // EACH)][:EACH]
    by_source = {
        f"held_out_{source}": tally(
            judged.films(library, [film for film in split.report if film.source == source]), network, source
        )
        for source in sorted({film.source for film in split.report})
    }
    outside = tally(judged.films(library, split.outside), network, "outside")
    films = {"held_out": judged.together(by_source.values()), "outside_ieee8023": outside} | by_source
    drawn = {"phantoms": tally(judged.generated(24), network, "phantoms")}
    changed = {name: tally(judged.distorted(name, library, some), network, name) for name in judged.DISTORTIONS}
    # Left and right are the hardest to tell: on all films.
    for name, whose in (("mirrored", split.report), ("mirrored_outside_ieee8023", split.outside)):
        changed[name] = tally(judged.distorted("mirrored", library, whose), network, name)
    known = {name: tally(judged.painted(name, EACH // 2, size), network, name) for name in counter.KINDS}
    new = {name: tally(judged.painted(name, EACH // 2, size), network, name) for name in counter.HELD_OUT}
    if pictures:
        for inside in sorted(path for path in pictures.iterdir() if path.is_dir()):
            new[f"real_{inside.name}"] = tally(judged.files(inside), network, inside.name)
    metrics = {"films": films, "phantoms": drawn, "distorted": changed, "counter_trained": known, "counter_new": new}
    told = {part: {name: _told(item) for name, item in group.items()} for part, group in metrics.items()}
    card = load_card(folder)
    card = replace(card, metrics=told)
    card.save(folder)
    (folder / "card.md").write_text(_page(card.title, card.version, told, card.limits), encoding="utf-8")


def _told(item: Tally) -> dict[str, Any]:
    return {
        "n": item.count,
        "refused": _figure(item.kinds["refuse"], item.count),
        "checked": _figure(item.kinds["check"], item.count),
        "passed": _figure(item.kinds["pass"], item.count),
        "codes": dict(sorted(item.codes.items())),
    }


def _figure(hits: int, count: int) -> dict[str, float]:
    """A share with its 95% interval (Wilson 1927)."""
    if not count:
        return {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}
    p, z = hits / count, 1.96
    middle, spread = p + z * z / (2 * count), z * float(np.sqrt(p * (1 - p) / count + z * z / (4 * count**2)))
    low, high = ((middle + side * spread) / (1 + z * z / count) for side in (-1, 1))
    return {"value": round(p, 4), "low": round(max(0.0, low), 4), "high": round(min(1.0, high), 4), "n": count}


_HEADS = {
    "films": "Real frontal films that no part of the gate was trained on (what is not passed is a false alarm)",
    "phantoms": "Generated phantoms, new ones (they should pass)",
    "distorted": "Held-out films, distorted (what passes was missed)",
    "counter_trained": "Counter-examples of kinds that were trained on, new ones (what passes was missed)",
    "counter_new": "Counter-examples of kinds that were never trained on (what passes was missed)",
}


def _page(title: str, version: str, told: dict[str, dict[str, Any]], limits: Sequence[str]) -> str:
    lines = [f"# {title}", "", f"Version {version}. Research use only, not for diagnosis, expert review required.", ""]
    lines += ["Written by `python -m training.gate evaluate`. Limits were chosen on half of fold 4, figures are of the "
              "other half,", "of ieee8023 (outside, never used before) and of new drawings. Shares with 95% intervals "
              "(Wilson).", ""]  # fmt: skip
    for part, head in _HEADS.items():
        lines += [f"## {head}", "", "| pictures | n | refused | to check or mended | passed | codes |"]
        lines.append("|---|---|---|---|---|---|")
        for name, item in told[part].items():
            codes = ", ".join(f"{code} {count}" for code, count in item["codes"].items())
            cells = [_share(item[key]) for key in ("refused", "checked", "passed")]
            lines.append(f"| {name} | {item['n']} | {' | '.join(cells)} | {codes} |")
        lines.append("")
    lines += ["## Limits", "", *(f"- {text}" for text in limits), ""]
    return "\n".join(lines)


def _share(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
