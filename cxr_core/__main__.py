"""The command line: ``python -m cxr_core screen PATH...``, and what it runs on.

In: paths of films. Out: JSON lines or a CSV table, progress on stderr, an exit code. Nothing is written into the app's
worklist. ``--help`` of each command is its documentation.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from tqdm import tqdm

from cxr_core.errors import CxrError, SettingsError
from cxr_core.export.table import Row, to_csv
from cxr_core.journal import Journal
from cxr_core.pipeline import FLOOR, Screener
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.records import PRESETS, Ranked, Screening
from cxr_core.serial import to_line
from cxr_core.settings import Settings, variable
from cxr_core.triage import rank

OK, NOTHING, MISUSE, STOPPED = 0, 1, 2, 130

_EPILOG = """exit code: 0 also if single images were refused (the output says which and why), 1 if nothing could be
screened, 2 for wrong arguments or settings, 130 if it was stopped.

A run that was stopped or killed goes on where it was when the same command is given again: what is finished stands in
OUT.part beside the output until that is complete.

Research use only, not for diagnosis. Expert review required."""

OpenScreener = Callable[[Settings], Screener]


def main(argv: Sequence[str] | None = None, open_screener: OpenScreener = Screener) -> int:
    """Run one command; returns the exit code. ``open_screener`` makes the models ready, when a command needs them."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args, Settings.from_environment(), open_screener))
    except SettingsError as exc:
        return _fail(str(exc), MISUSE)
    except CxrError as exc:
        return _fail(str(exc), NOTHING)
    except BrokenPipeError:
        # The reader of our output left (| head). Nothing more can be said there, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOTHING
    except OSError as exc:
        return _fail(f"{exc.strerror}: {exc.filename}" if exc.filename else str(exc), NOTHING)
    except KeyboardInterrupt:
        return _fail("stopped", STOPPED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cxr_core",
        description="Screens chest radiographs. Research use only, not for diagnosis. Expert review required.",
        epilog="Settings come from CXR_* variables; the command 'settings' lists them.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    screen = commands.add_parser(
        "screen",
        help="screen files, folders and zip archives",
        description="Screens every image under PATH and writes what the models say: one JSON object a line,\n"
        "in the order of the input, or a CSV table, in the order of the queue.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    screen.set_defaults(run=_screen)
    screen.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a file, a folder (with all below), or a zip"
    )
    screen.add_argument("--jsonl", type=Path, metavar="OUT", help="write JSON lines to OUT (default: to stdout)")
    screen.add_argument("--csv", type=Path, metavar="OUT", help="write a CSV table to OUT")
    screen.add_argument("--preset", choices=PRESETS, help="operating points that flag and rank (default: CXR_PRESET)")
    screen.add_argument(
        "--floor", type=_unit, default=FLOOR, help="least score of a box in 'findings' (default: %(default)s)"
    )
    screen.add_argument("--engine", type=_engine, default="local", help="where it runs: local (default)")
    models = commands.add_parser("models", help="list the models that screen, their runtime and version")
    models.set_defaults(run=_models)
    settings = commands.add_parser("settings", help="list every CXR_* variable, its value and its meaning")
    settings.set_defaults(run=_settings)
    return parser


def _unit(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, got {text}")
    return value


def _engine(text: str) -> str:
    if text == "ray":
        raise argparse.ArgumentTypeError("ray is not part of this build; use local")
    if text != "local":
        raise argparse.ArgumentTypeError(f"must be local, got {text!r}")
    return text


def _fail(message: str, code: int) -> int:
    print(f"python -m cxr_core: {message}", file=sys.stderr)
    return code


def _screen(args: argparse.Namespace, settings: Settings, open_screener: OpenScreener) -> int:
    outputs = [path for path in (args.jsonl, args.csv) if path]
    wrong = _misuse(args.paths, outputs)
    if wrong:
        return _fail(wrong, MISUSE)
    total = sum(1 for _ in _inputs(args.paths, outputs, settings))
    if not total:
        return _fail("there are no files under the given paths", NOTHING)
    screener = open_screener(settings)
    started = datetime.now(UTC)
    with ExitStack() as stack:
        journal = None
        if outputs:
            part = outputs[0].with_name(outputs[0].name + ".part")
            journal = stack.enter_context(Journal(part, screener.models_key, args.floor))
        run = _Run(screener, journal)
        try:
            run.over(_inputs(args.paths, outputs, settings), total, args.floor)
        except KeyboardInterrupt:
            return _fail(_how_to_go_on(run), STOPPED)
        _report(args, run, started, args.preset or settings.preset)
        if journal:
            journal.remove()
    return OK if any(item.status == "screened" for item, _ in run.finished) else NOTHING


def _misuse(paths: Sequence[Path], outputs: Sequence[Path]) -> str | None:
    """What is wrong with the arguments, before any work is done."""
    for path in paths:
        if not path.exists():
            return f"there is no file or folder {path}"
    for path in outputs:
        if path.is_dir() or not path.absolute().parent.is_dir():
            return f"{path} cannot be written: it is a folder, or its folder does not exist"
    if len({path.absolute() for path in outputs}) < len(outputs):
        return "--jsonl and --csv name the same file"
    return None


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
    finished: list[tuple[Screening, datetime]] = field(default_factory=list)

    def over(self, inputs: Iterator[InputFile], total: int, floor: float) -> None:
        """Screen all ``total`` inputs, writing each down as it is ready."""
        recall = self.journal.known if self.journal else None
        often = 0.1 if sys.stderr.isatty() else 10.0  # a log needs a line now and then, not a moving picture
        with (
            closing(self.screener.screen(inputs, floor, known=recall)) as screenings,
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


def _report(args: argparse.Namespace, run: _Run, started: datetime, preset: str) -> None:
    """Write the outputs, each whole or not at all, and a summary on stderr."""
    thresholds = run.screener.thresholds(preset)
    queue = rank((item for item, _ in run.finished), thresholds, run.screener.urgencies)
    ranked = {id(item.screening): item for item in queue}  # the same screening object never stands twice in a run
    if args.jsonl or not args.csv:
        lines = "".join(to_line(ranked[id(item)]) for item, _ in run.finished)
        _write(args.jsonl, lines.encode())
    if args.csv:
        times = {id(item): at for item, at in run.finished}
        rows = [Row(item, min(started, times[id(item.screening)]), times[id(item.screening)]) for item in queue]
        _write(args.csv, to_csv(rows, thresholds))
    print(_summary(queue, preset), file=sys.stderr)


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


def _models(_args: argparse.Namespace, settings: Settings, open_screener: OpenScreener) -> int:
    screener = open_screener(settings)
    for detector, ref in zip(screener.detectors, screener.models, strict=True):
        findings = ", ".join(str(label.finding) for label in detector.card.finding_labels)
        print(f"{ref.name} {ref.version}  on {detector.runtime_name}  sha256 {ref.sha256[:12]}  {findings}")
    for card in screener.unused:
        findings = ", ".join(str(label.finding) for label in card.finding_labels)
        print(f"{card.name} {card.version}  found but not run: other models answer for all its labels  {findings}")
    return OK


def _settings(_args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    for spec in fields(settings):
        value, default = getattr(settings, spec.name), spec.default
        print(f"{variable(spec.name)}={_without_password(value)}")
        print(f"    {spec.metadata['meaning']} (default: {default if default != '' else 'empty'})")
    return OK


def _without_password(value: Any) -> Any:
    """A database URL may hold a password, and a terminal's scrollback is no place for it."""
    if not isinstance(value, str) or "://" not in value:
        return value
    try:
        return sqlalchemy.make_url(value).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return "(not a database URL)"


if __name__ == "__main__":
    sys.exit(main())
