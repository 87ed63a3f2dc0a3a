"""The command line: ``python -m cxr_core screen PATH...``, and what it runs on.

In: a command and its arguments. Out: what it writes, progress and errors on stderr, an exit code. ``--help`` of each
command is its documentation; what it does stands in commands/. ``screen`` writes nothing into the app's worklist.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cxr_core.commands.console import MISUSE, NOTHING, STOPPED, OpenScreener, fail
from cxr_core.commands.deidentified import deidentified
from cxr_core.commands.exchange import add_exchange
from cxr_core.commands.export import add_export
from cxr_core.commands.kept import add_kept
from cxr_core.commands.listed import corpus_written, models_listed, settings_listed
from cxr_core.commands.screen import screened
from cxr_core.commands.worklist_files import add_worklist_files
from cxr_core.errors import CxrError, SettingsError
from cxr_core.gate import OVERRULABLE
from cxr_core.pipeline import FLOOR, Screener
from cxr_core.records import PRESETS
from cxr_core.settings import Settings

_EPILOG = """exit code: 0 also if single images were refused (the output says which and why), 1 if nothing could be
screened, 2 for wrong arguments or settings, 130 if it was stopped.

A run that was stopped or killed goes on where it was when the same command is given again: what is finished stands in
OUT.part beside the output until that is complete.

Research use only, not for diagnosis. Expert review required."""

_DEIDENTIFY_EPILOG = """exit code: 0 if there is a copy, also if single files were refused (they are named), 1 if
there is none, 2 for wrong arguments. Copies that an earlier run made are left as they are.

The same secret gives the same pseudonyms, dates and UIDs: CXR_DEIDENTIFY_SECRET, else one in CXR_DATA_DIR. Text that is
burnt into the pixels stays: look at the copies that are named for it."""


def main(argv: Sequence[str] | None = None, open_screener: OpenScreener = Screener) -> int:
    """Run one command; returns the exit code. ``open_screener`` makes the models ready, when a command needs them."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args, Settings.from_environment(), open_screener))
    except SettingsError as exc:
        return fail(str(exc), MISUSE)
    except CxrError as exc:
        return fail(str(exc), NOTHING)
    except BrokenPipeError:
        # The reader of our output left (| head). Nothing more can be said there, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOTHING
    except OSError as exc:
        return fail(f"{exc.strerror}: {exc.filename}" if exc.filename else str(exc), NOTHING)
    except KeyboardInterrupt:
        return fail("stopped", STOPPED)


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
    screen.set_defaults(run=screened)
    screen.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a file, a folder (with all below), or a zip"
    )
    screen.add_argument("--jsonl", type=Path, metavar="OUT", help="write JSON lines to OUT (default: to stdout)")
    screen.add_argument("--opinions", action="store_true", help="add second opinions and the ensemble to JSON lines")
    screen.add_argument("--csv", type=Path, metavar="OUT", help="write a CSV table to OUT")
    screen.add_argument("--preset", choices=PRESETS, help="operating points that flag and rank (default: CXR_PRESET)")
    screen.add_argument(
        "--floor", type=_unit, default=FLOOR, help="least score of a box in 'findings' (default: %(default)s)"
    )
    screen.add_argument(
        "--override", action="append", default=[], choices=sorted(OVERRULABLE), metavar="CODE",
        help="screen films in spite of this code of the gate, with a permanent warning; may be given again: "
        + ", ".join(sorted(OVERRULABLE)),
    )  # fmt: skip
    screen.add_argument("--engine", type=_engine, default="local", help="where it runs: local (default)")
    models = commands.add_parser("models", help="list the models: version, runtime, role, findings")
    models.set_defaults(run=models_listed)
    copies = commands.add_parser(
        "deidentify",
        help="write copies of films without their patients",
        description="Copies DICOM, PNG and JPEG films into DIR without their patients (PS3.15 annex E, basic\n"
        "profile): "
        "one pseudonym a patient, dates moved by days of the patient's own, UIDs remapped. Pixels are not changed.",
        epilog=_DEIDENTIFY_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    copies.set_defaults(run=deidentified)
    copies.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, a folder, or a zip")
    copies.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write; made if it is missing")
    torture = commands.add_parser(
        "corpus",
        help="write films that are hard to read, each with its expected outcome",
        description="Writes generated films in every encoding, and broken ones, into DIR/files, what they have to look"
        "\nlike into DIR/pictures, and their expected outcomes into DIR/manifest.csv and DIR/manifest.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    torture.set_defaults(run=corpus_written)
    torture.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="where to write; made if it is not there")
    torture.add_argument("--list", action="store_true", help="print the table of all files (alone: write nothing)")
    add_exchange(commands)
    add_export(commands)
    add_worklist_files(commands)
    add_kept(commands)
    settings = commands.add_parser("settings", help="list every CXR_* variable, its value and its meaning")
    settings.set_defaults(run=settings_listed)
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


if __name__ == "__main__":
    sys.exit(main())
