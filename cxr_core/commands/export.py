"""``export``: one study of the worklist -> files of the standard in a folder, or posted to a FHIR or HL7 server.

In: a study's UID, an image's key or the beginning of one. Out: files whose names tell nobody's identity, and lines that
say what they are. Nothing is screened.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_core.commands.console import MISUSE, NOTHING, OK, OpenScreener, caller, fail
from cxr_core.errors import DeliveryFailed, NotExportable
from cxr_core.settings import Settings
from cxr_core.store import Store

if TYPE_CHECKING:
    from cxr_core.outgoing import Made, Outgoing

_FORMATS = ("sr", "gsps", "sc", "fhir", "hl7")

_EPILOG = """Formats: sr (DICOM structured report, TID 1500), gsps (presentation state), sc (secondary capture with
burnt-in boxes), fhir (R4 bundle), hl7 (v2 ORU^R01). A film without a DICOM identity gets one: its own secondary
capture, source-*.dcm, is written beside what refers to it. The same result gives the same bytes, UIDs included.

exit code: 0 if every film gave at least one file, also if some formats cannot be had for it (they are named), 1 if a
film gave none or a server did not take it, 2 for wrong arguments or where STUDY is not one study of the worklist.

Research use only, not for diagnosis. Expert review required."""


def add_export(commands: Any) -> None:
    """The command, for the parser of the command line."""
    parser = commands.add_parser(
        "export",
        help="write a study's results as DICOM SR, presentation state, secondary capture, FHIR or HL7 v2",
        description="Writes what is stored of a study: scores, boxes, thresholds, and what a reader said.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=exported)
    parser.add_argument("study", metavar="STUDY", help="a Study Instance UID, an image's key, or the beginning of one")
    parser.add_argument(
        "--format", action="append", choices=_FORMATS, dest="formats", help="may be given again (default: all)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write; made if it is missing")
    parser.add_argument("--all-boxes", action="store_true", help="every box that is kept, not those that Review shows")
    parser.add_argument("--post", metavar="URL", help="send the FHIR bundle to this server too (token: CXR_FHIR_TOKEN)")


def exported(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Write the files; returns the exit code."""
    from cxr_core.outgoing import Outgoing  # noqa: PLC0415 - the DICOM and FHIR libraries, for this command only

    if args.out.is_file():
        return fail(f"{args.out} is a file, not a folder", MISUSE)
    formats = tuple(dict.fromkeys(args.formats or _FORMATS))
    if args.post and "fhir" not in formats:
        return fail("--post sends the FHIR bundle: add --format fhir", MISUSE)
    with closing(Store(settings)) as store:
        outgoing = Outgoing(store, settings)
        keys = outgoing.find(args.study)
        wrong = _unclear(args.study, keys, store)
        if wrong:
            return fail(wrong, MISUSE)
        args.out.mkdir(parents=True, exist_ok=True)
        whole = True
        for key in keys:
            written, taken = _one(key, formats, args, outgoing, settings)
            if written:  # also where a server did not take them: the files are there, and name a patient
                store.note("exported", key, {"formats": list(written), "by": "command"}, caller())
            whole = whole and taken
    return OK if whole else NOTHING


def _unclear(text: str, keys: tuple[str, ...], store: Store) -> str:
    """Why STUDY names no one study; empty if it does."""
    if not keys:
        return "no study of the worklist has this UID, and no image a key that begins so"
    studies = {study.uid for key in keys if (study := store.study(key))}
    if len(studies) > 1:
        return f"{len(keys)} images of {len(studies)} studies have keys that begin with {text[:12]}; give more of it"
    return ""


def _one(
    key: str, formats: tuple[str, ...], args: argparse.Namespace, outgoing: Outgoing, settings: Settings
) -> tuple[tuple[str, ...], bool]:
    """Export one image: the formats that were written, and whether all went well, a server's part too."""
    try:
        done = outgoing.export(key, formats, every_box=args.all_boxes)
    except NotExportable as exc:
        print(f"{key[:12]}: {exc}", file=sys.stderr)
        return (), False
    for notice in done.notices:
        print(f"{key[:12]}: {notice.message}", file=sys.stderr)
    for made in done.made:
        _keep(args.out / made.name, made.data)
        print(f"{args.out / made.name}  {made.media_type}  {made.identifier}")
    bundles = [made for made in done.made if made.format == "fhir" and args.post]
    return tuple(made.format for made in done.made), all(_posted(made, args.post, settings) for made in bundles)


def _posted(made: Made, url: str, settings: Settings) -> bool:
    from cxr_core.export.fhir_client import post  # noqa: PLC0415 - only where a server is named

    try:
        answer = post(made.data, url, token=settings.fhir_token)
    except DeliveryFailed as exc:
        print(f"{made.name}: {exc}", file=sys.stderr)
        return False
    print(f"{made.name}: taken, status {answer.status}", file=sys.stderr)
    return True


def _keep(path: Path, data: bytes) -> None:
    """Write whole or not at all, for the user alone: it names a patient."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # no part of a patient's film stays where the disk was full
