"""``models``, ``corpus`` and ``settings``: what this installation has, in lines for people."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import Any

import sqlalchemy

from cxr_core import corpus
from cxr_core.card import ModelCard
from cxr_core.commands.console import MISUSE, OK, OpenScreener, fail
from cxr_core.settings import Settings, variable


def models_listed(_args: argparse.Namespace, settings: Settings, open_screener: OpenScreener) -> int:
    """Every model that is found, and whether it is run."""
    screener = open_screener(settings)
    for model in (*screener.detectors, *screener.opinions):
        print(_listed(model.card, f"on {model.runtime_name}"))
    for card in screener.unused:
        print(_listed(card, "found but not run: other models answer for all its labels"))
    for card in screener.silent:
        print(_listed(card, "not asked: CXR_SECOND_OPINIONS leaves it out"))
    for item in screener.unusable:
        print(f"{item.name}  cannot be used  second opinion  {item.reason}")
    return OK


def _listed(card: ModelCard, state: str) -> str:
    """A model in one line."""
    findings = ", ".join(str(label.finding) for label in card.finding_labels)
    role = card.role.replace("_", " ")
    return f"{card.name} {card.version}  {state}  {role}  sha256 {card.ref().sha256[:12]}  {findings}"


def corpus_written(args: argparse.Namespace, _settings: Settings, _open: OpenScreener) -> int:
    """Write or list the films that are hard to read; returns the exit code."""
    if args.folder is None and not args.list:
        return fail("corpus needs DIR, --list, or both", MISUSE)
    if args.list:
        print(corpus.table())
    if args.folder is not None:
        written, missing = corpus.write(args.folder)
        print(
            f"{len(written)} files in {args.folder / 'files'}, outcomes in manifest.csv and manifest.md",
            file=sys.stderr,
        )
        for row in missing:
            print(f"not written, needs {row.needs}: {row.file}", file=sys.stderr)
    return OK


def settings_listed(_args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Every variable, its value and its meaning; secrets and passwords stay hidden."""
    for spec in fields(settings):
        value, default = getattr(settings, spec.name), spec.default
        hidden = "(set, not shown)" if spec.metadata["secret"] and value else _without_password(value)
        print(f"{variable(spec.name)}={hidden}")
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
