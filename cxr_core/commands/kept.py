"""``audit``, ``patient`` and ``retention``: whether what is kept was tampered with, how it is given out and erased.

In: a number of a patient, a rule of the site file. Out: lines for people, and JSON lines with ``audit list --json``. A
patient's number is never printed; give it on the standard input ("-") to keep it out of the shell's history.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxr_core.commands.console import NOTHING, OK, OpenScreener, caller, fail
from cxr_core.settings import Settings
from cxr_core.store import Store
from cxr_core.store.audit import ACTIONS, AuditEntry
from cxr_core.store.retention import Retention


def add_kept(commands: Any) -> None:
    """The commands of this module, for the parser of the command line."""
    _add_audit(commands.add_parser("audit", help="verify or list the audit trail"))
    _add_patient(commands.add_parser("patient", help="give out, or erase, all that is kept about one patient"))
    retention = commands.add_parser(
        "retention",
        help="erase what the site keeps no longer",
        description="Says what is due by [retention] of the site file. Nothing is erased without --apply.",
    )
    retention.set_defaults(run=retained)
    retention.add_argument("--apply", action="store_true", help="erase what is due")


def _add_audit(audit: argparse.ArgumentParser) -> None:
    below = audit.add_subparsers(required=True, metavar="verify|list")
    verify = below.add_parser(
        "verify",
        help="check the chain from its first row",
        description="Exit code: 0 if the chain holds, 1 if it is broken; the first broken row is named.",
    )
    verify.set_defaults(run=verified)
    verify.add_argument(
        "--known", action="append", default=[], metavar="ROW:DIGEST", type=_known,
        help="a row that was written down elsewhere, as 'verify' prints the last one; may be given again",
    )  # fmt: skip
    shown = below.add_parser("list", help="show rows, the newest first")
    shown.set_defaults(run=listed)
    shown.add_argument("--action", choices=sorted(ACTIONS), default="", help="only this action")
    shown.add_argument("--subject", default="", help="only films or settings whose name begins so")
    shown.add_argument("--actor", default="", help="only who is named so, from the beginning")
    shown.add_argument("--since", type=_time, help="from this time on, ISO 8601 (UTC without a zone)")
    shown.add_argument("--until", type=_time, help="before this time")
    shown.add_argument("--limit", type=int, default=50, help="most rows (default: %(default)s)")
    shown.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_patient(patient: argparse.ArgumentParser) -> None:
    below = patient.add_subparsers(required=True, metavar="export|erase")
    export = below.add_parser("export", help="write everything about a patient into a folder")
    export.set_defaults(run=exported)
    export.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new or empty folder; made private")
    erase = below.add_parser("erase", help="erase everything about a patient; the audit trail keeps digests")
    erase.set_defaults(run=erased)
    erase.add_argument("--yes", action="store_true", help="erase; without it the images are only counted")
    for command in (export, erase):
        command.add_argument("patient", metavar="ID", help="the patient's number, or - to read it from standard input")
        command.add_argument("--issuer", help="who gave the number, where several did ('' for films that do not say)")


def verified(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Check the chain; returns the exit code."""
    with _store(settings) as store:
        verdict = store.verify_audit(dict(args.known))
    if not verdict.sound:
        return fail(f"the audit trail is broken at row {verdict.broken}: {verdict.reason}", NOTHING)
    last = f"; the last is {verdict.count}:{verdict.digest}" if verdict.count else ""
    print(f"{verdict.count} rows, the chain holds{last}")
    return OK


def listed(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Print rows of the trail; returns the exit code."""
    wanted = {name: getattr(args, name) for name in ("action", "subject", "actor", "since", "until", "limit")}
    with _store(settings) as store:
        rows, total = store.audit(**wanted)
    for row in rows:
        print(_as_json(row) if args.json else _as_line(row))
    print(f"{len(rows)} of {total} rows", file=sys.stderr)
    return OK


def exported(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Write a patient's folder; returns the exit code."""
    with _store(settings) as store:
        found = store.patient_export(_number(args.patient), args.to, issuer=args.issuer, actor=caller())
    print(f"{found.images} images, {found.films} films in {args.to}; it names the patient", file=sys.stderr)
    for key in found.missing:
        print(f"without its film, which is damaged or was never kept: {key}", file=sys.stderr)
    return OK


def erased(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Erase a patient, or count; returns the exit code."""
    number = _number(args.patient)
    with _store(settings) as store:
        if not args.yes:
            count = len(store.patient_keys(number, args.issuer))
            print(f"{count} images would be erased; give --yes to erase them", file=sys.stderr)
            return OK
        count = store.erase_patient(number, issuer=args.issuer, actor=caller())
    if not count:
        return fail("there is nothing of this patient here", NOTHING)
    print(f"{count} images erased. Copies in backups and in other systems are not", file=sys.stderr)
    return OK


def retained(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Say what is due, and erase it if that is asked; returns the exit code."""
    rule = Retention.of(settings)
    with _store(settings) as store:
        due = store.due(rule)
        print(_due_line("removed from the worklist", rule.removed_days, len(due.removed)))
        print(_due_line("received", rule.film_days, len(due.old)))
        print(_due_line("refused", rule.refused_days, len(due.refused)))
        print(f"films that no row names, a day old or more: {len(due.stray)}")
        print(f"left behind by downloads and films half received, a day ago or earlier: {due.leftovers}")
        if args.apply:
            store.apply_retention(due, caller())
    if due.total:
        print("erased" if args.apply else "nothing was erased; give --apply to erase them", file=sys.stderr)
    return OK


def _due_line(what: str, days: int, count: int) -> str:
    return f"{what} {days} days ago or earlier: {count}" if days else f"{what}: kept for ever"


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    with closing(Store(settings)) as store:
        yield store


def _number(said: str) -> str:
    return sys.stdin.readline().rstrip("\r\n") if said == "-" else said


def _as_json(row: AuditEntry) -> str:
    told = {"seq": row.seq, "at": row.at.isoformat(), "actor": row.actor, "action": row.action, "subject": row.subject}
    return json.dumps(told | {"facts": dict(row.facts), "previous": row.previous, "digest": row.digest})


def _as_line(row: AuditEntry) -> str:
    facts = " ".join(f"{name}={json.dumps(value)}" for name, value in row.facts.items())
    return f"{row.seq}  {row.at:%Y-%m-%d %H:%M:%S}  {row.actor or '-'}  {row.action}  {row.subject}  {facts}".rstrip()


def _known(said: str) -> tuple[int, str]:
    row, _, digest = said.partition(":")
    if not row.isdecimal() or len(digest) != 64:
        raise argparse.ArgumentTypeError("must be a row's number, a colon, and its digest of 64 digits")
    return int(row), digest


def _time(said: str) -> datetime:
    try:
        at = datetime.fromisoformat(said)
    except ValueError as exc:
        raise argparse.ArgumentTypeError("must be a time such as 2026-01-31 or 2026-01-31T12:00+01:00") from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)
