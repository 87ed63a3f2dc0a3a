"""``deidentify``: paths of films -> copies without their patients in a folder, and what to look at."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from cxr_core.commands.console import MISUSE, NOTHING, OK, OpenScreener, fail, misuse
from cxr_core.deidentify import deidentify, site_secret
from cxr_core.read.sources import InputFile, from_paths
from cxr_core.settings import Settings


def deidentified(args: argparse.Namespace, settings: Settings, _open: OpenScreener) -> int:
    """Copy what is under the paths; returns the exit code."""
    wrong = misuse(args.paths, [])
    if wrong or args.out.is_file():
        return fail(wrong or f"{args.out} is a file, not a folder", MISUSE)
    secret = site_secret(settings)
    total = sum(1 for _ in _outside_of(args.out, args.paths, settings))
    copied = [0, 0, 0]
    with tqdm(total=total, unit="film", file=sys.stderr, mininterval=0.1 if sys.stderr.isatty() else 10.0) as bar:
        for done in deidentify(_outside_of(args.out, args.paths, settings), args.out, secret):
            notices = (done.refusal,) if done.refusal else tuple(n for n in done.warnings if n.code == "burned_in")
            for notice in notices:
                bar.write(f"{done.name}: {notice.message}", file=sys.stderr)
            copied[0] += done.copy is not None
            copied[1] += done.before
            copied[2] += bool(done.warnings)
            bar.update()
    told = f"{copied[0]} copies in {args.out} ({copied[1]} of them from before), {total - copied[0]} refused."
    print(f"{told} Text may be burnt into {copied[2]} of them: look at them before you pass them on.", file=sys.stderr)
    return OK if copied[0] else NOTHING


def _outside_of(folder: Path, paths: Sequence[Path], settings: Settings) -> Iterator[InputFile]:
    """What is under the paths, less what lies in the folder of copies."""
    ours = os.path.join(os.path.abspath(folder), "")  # noqa: PTH100, PTH118 - text only: no look at the disk
    for item in from_paths(paths, settings):
        if not os.path.abspath(item.name).startswith(ours):  # noqa: PTH100
            yield item
