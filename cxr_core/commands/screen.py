"""``screen``: paths of films -> JSON lines or a CSV table, with a journal by which a stopped run goes on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from cxr_core.commands.console import MISUSE, NOTHING, OK, STOPPED, OpenScreener, fail, misuse
from cxr_core.errors import SettingsError
from cxr_core.export.table import Row, to_csv
from cxr_core.journal import Journal
from cxr_core.pipeline import Screener
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.records import Ranked, Screening
from cxr_core.serial import to_line
from cxr_core.settings import Settings
from cxr_core.site import read_site
from cxr_core.triage import Policy, policy_of, rank


def screened(args: argparse.Namespace, settings: Settings, open_screener: OpenScreener) -> int:
    """Screen what is under the paths; returns the exit code."""
    outputs = [path for path in (args.jsonl, args.csv) if path]
    wrong = misuse(args.paths, outputs)
    if wrong:
        return fail(wrong, MISUSE)
    total = sum(1 for _ in _inputs(args.paths, outputs, settings))
    if not total:
        return fail("there are no files under the given paths", NOTHING)
    screener = open_screener(settings)
    if screener.unchecked and settings.gate == "on":
        print(screener.unchecked.message, file=sys.stderr)
    started = datetime.now(UTC)
    with ExitStack() as stack:
        journal = None
        if outputs:
            part = outputs[0].with_name(outputs[0].name + ".part")
            key = "+".join((screener.run_key, *sorted(set(args.override))))
            journal = stack.enter_context(Journal(part, key, args.floor))
        run = _Run(screener, journal, frozenset(args.override))
        try:
            run.over(_inputs(args.paths, outputs, settings), total, args.floor)
        except KeyboardInterrupt:
            return fail(_how_to_go_on(run), STOPPED)
        _report(args, run, started, settings)
        if journal:
            journal.remove()
    return OK if any(item.status == "screened" for item, _ in run.finished) else NOTHING


def _inputs(paths: Sequence[Path], outputs: Sequence[Path], settings: Settings) -> Iterator[InputFile]:
    """What is under the paths, less what this command itself writes there."""
    ours = {name for path in outputs for name in (os.path.abspath(path), os.path.abspath(path) + ".part")}  # noqa: PTH100
    for item in from_paths(paths, settings):
        if not ours or os.path.abspath(item.name) not in ours:  # noqa: PTH100 - text only: no look at the disk
            yield item


@dataclass(slots=True)
class _Run:
    """One pass over the inputs; ``finished`` holds each screening and when it was made."""

    screener: Screener
    journal: Journal | None
    allowed: frozenset[str] = frozenset()
    finished: list[tuple[Screening, datetime]] = field(default_factory=list)

    def over(self, inputs: Iterator[InputFile], total: int, floor: float) -> None:
        """Screen all ``total`` inputs, writing each down as it is ready."""
        recall = self.journal.known if self.journal else None
        often = 0.1 if sys.stderr.isatty() else 10.0  # a log needs a line now and then, not a moving picture
        with (
            closing(self.screener.screen(inputs, floor, known=recall, allowed=lambda _: self.allowed)) as screenings,
            tqdm(total=total, unit="film", file=sys.stderr, mininterval=often) as bar,
        ):
            for screening in screenings:
                at = self.journal.add(screening) if self.journal else datetime.now(UTC)
                self.finished.append((screening, at))
                bar.update()


def _how_to_go_on(run: _Run) -> str:
    if run.journal is None:
        return "stopped; nothing was written. With --jsonl OUT or --csv OUT a stopped run can go on later"
    kept = f"{run.journal.finished} images are kept in {run.journal.path}"
    return f"stopped; {kept}. Give the same command again to go on"


def _report(args: argparse.Namespace, run: _Run, started: datetime, settings: Settings) -> None:
    """Write the outputs, each whole or not at all, and a summary on stderr."""
    preset = args.preset or settings.preset
    thresholds = run.screener.thresholds(preset)
    screenings = (item for item, _ in run.finished)
    queue = rank(screenings, thresholds, run.screener.urgencies, policy=_policy(settings))
    ranked = {id(item.screening): item for item in queue}  # the same screening object never stands twice in a run
    if args.jsonl or not args.csv:
        lines = "".join(to_line(ranked[id(item)], opinions=args.opinions) for item, _ in run.finished)
        _write(args.jsonl, lines.encode())
    if args.csv:
        times = {id(item): at for item, at in run.finished}
        rows = [Row(item, min(started, times[id(item.screening)]), times[id(item.screening)]) for item in queue]
        _write(args.csv, to_csv(rows, thresholds))
    print(_summary(queue, preset), file=sys.stderr)


def _policy(settings: Settings) -> Policy:
    """The site's; a broken site file must not cost a finished run its results."""
    try:
        return policy_of(read_site(settings))
    except SettingsError as exc:
        print(f"the order is the default, not this site's: {exc}", file=sys.stderr)
        return Policy()


def _summary(queue: Sequence[Ranked], preset: str) -> str:
    refused = sum(item.screening.status == "refused" for item in queue)
    flagged = sum(bool(item.assessment.flagged) for item in queue)
    told = f"{len(queue) - refused} screened, {refused} refused, {flagged} flagged at the {preset} thresholds."
    return f"{told} Research use only. Expert review required."


def _write(path: Path | None, data: bytes) -> None:
    if path is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    whole = path.with_name(f".{path.name}.whole")
    whole.write_bytes(data)
    whole.replace(path)
