"""``export-worklist``: worklist, reviews, a bundle of both with pictures -> files; ``check-bundle``: is one whole?

In: where to write. Out: files that are written whole or not at all, for the user alone; a line on stderr for each. No
network is loaded, nothing is screened. What leaves is written into the audit trail.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from cxr_core.commands.console import MISUSE, NOTHING, OK, OpenScreener, caller, fail, misuse
from cxr_core.detect import load_cards
from cxr_core.export.bundle import Asked, check, write_bundle
from cxr_core.export.reviews import LEFT_OUT, write_reviews
from cxr_core.export.table import write_csv
from cxr_core.export.worklist import anonymous, write_worklist
from cxr_core.queueing import Queue
from cxr_core.records import PRESETS
from cxr_core.settings import Settings
from cxr_core.site import read_site
from cxr_core.store import Store
from cxr_core.takeout import Painter, label_cards, queue_of, rows_of
from cxr_core.triage import policy_of

_EPILOG = """Without --identity nothing leaves that names a patient: films are called by their digests, free texts stay
empty, and a film with text burnt into its pixels has no picture. What remains is a pseudonym: whoever holds a film
finds it by its digest. Look at the pictures before you pass them on.

exit code: 0 if everything was written, 1 if the worklist is empty or nothing could be written, 2 for wrong arguments.

Research use only, not for diagnosis. Expert review required."""


def add_worklist_files(commands: Any) -> None:
    """The commands, for the parser of the command line."""
    parser = commands.add_parser(
        "export-worklist",
        help="write the worklist as CSV, its reviews as JSON lines, or a ZIP of both with annotated pictures",
        description="Writes the whole worklist in the order of the queue, row by row, however long it is.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=worklist_exported)
    parser.add_argument("--csv", type=Path, metavar="OUT", help="every film, one a row")
    parser.add_argument("--flagged", type=Path, metavar="OUT", help="the flagged films in the columns of the app's CSV")
    parser.add_argument("--reviews", type=Path, metavar="OUT", help="JSON lines for the next training")
    parser.add_argument("--bundle", type=Path, metavar="OUT", help="a ZIP: CSV, reviews, pictures, manifest")
    parser.add_argument("--preset", choices=PRESETS, help="operating points that flag and rank (default: CXR_PRESET)")
    parser.add_argument("--identity", action="store_true", help="with names, numbers, file names and free texts")
    checked = commands.add_parser(
        "check-bundle",
        help="say whether a bundle is whole and unchanged",
        description="Holds every member of a bundle against its manifest. Exit code: 0 if all is as it was written, 1 "
        "if not (what differs is named), 2 if there is no such file.",
    )
    checked.set_defaults(run=bundle_checked)
    checked.add_argument("bundle", type=Path, metavar="ZIP")


def worklist_exported(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Write what was asked for; returns the exit code."""
    outputs = [path for path in (args.csv, args.flagged, args.reviews, args.bundle) if path]
    wrong = misuse([], outputs) if outputs else "name at least one of --csv, --flagged, --reviews, --bundle"
    if wrong:
        return fail(wrong.replace("--jsonl and --csv name", "two outputs name"), MISUSE)
    cards, preset = load_cards(settings), args.preset or settings.preset
    policy = policy_of(read_site(settings))
    with closing(Store(settings)) as store:
        queue = queue_of(store, cards, preset, policy, datetime.now(UTC))
        if not len(queue):
            return fail("the worklist is empty", NOTHING)
        painter = Painter(store, settings, preset, label_cards(cards), args.identity)
        for path, what in _chosen(args):
            with _whole(path) as stream:
                told = _write(what, stream, queue, store, painter)
            facts = {"what": what, "films": len(queue), "identity": args.identity, "by": "command"}
            store.note("exported", what, facts, caller())
            print(f"{path}: {told}", file=sys.stderr)
    return OK


def bundle_checked(args: argparse.Namespace, _settings: Settings, _open: OpenScreener) -> int:
    """Say what is wrong with a bundle; returns the exit code."""
    if not args.bundle.is_file():
        return fail(f"there is no file {args.bundle}", MISUSE)
    wrong = check(args.bundle)
    for sentence in wrong:
        print(f"{args.bundle}: {sentence}", file=sys.stderr)
    if not wrong:
        print(f"{args.bundle}: whole and unchanged", file=sys.stderr)
    return NOTHING if wrong else OK


def _chosen(args: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    pairs = (("worklist", args.csv), ("flagged", args.flagged), ("reviews", args.reviews), ("bundle", args.bundle))
    return ((path, what) for what, path in pairs if path)


def _write(what: str, stream: BinaryIO, queue: Queue, store: Store, painter: Painter) -> str:
    """Write one file; gives what is in it, in words."""
    thresholds, identity = queue.terms.thresholds, painter.identity
    if what == "worklist":
        return f"{write_worklist(stream, rows_of(queue), thresholds, identity=identity)} films"
    if what == "flagged":
        rows = rows_of(queue) if identity else map(anonymous, rows_of(queue))
        return f"{write_csv(stream, rows, thresholds, only_flagged=True)} flagged films"
    if what == "reviews":
        told = write_reviews(stream, store.reviewed(queue.columns.preferred), identity=identity)
        left = "".join(f"; {count} left out: {LEFT_OUT[reason]}" for reason, count in told.left_out.items())
        return f"{told.lines} reviews{left}"
    asked = Asked(thresholds, painter.preset, datetime.now(UTC), identity)
    with tqdm(total=len(queue), unit="film", file=sys.stderr, mininterval=0.5) as bar:
        done = write_bundle(stream, lambda: rows_of(queue), asked, painter, lambda _: bar.update())
    missing = f", {len(done.without_picture)} films without one" if done.without_picture else ""
    return f"{done.films} films, {done.pictures} pictures{missing}, {done.reviews} reviews"


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file beside the output that takes its place once it is whole; private, as it may name patients."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
