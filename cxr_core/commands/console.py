"""What all commands share: exit codes, what is wrong with paths, how that is said, and who calls."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cxr_core.pipeline import Screener
from cxr_core.settings import Settings

OK, NOTHING, MISUSE, STOPPED = 0, 1, 2, 130

OpenScreener = Callable[[Settings], Screener]


def fail(message: str, code: int) -> int:
    """Say on stderr what is wrong; returns the code."""
    print(f"python -m cxr_core: {message}", file=sys.stderr)
    return code


def caller() -> str:
    """Who runs the command, as the system knows them: for the audit trail."""
    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "command line"


def misuse(paths: Sequence[Path], outputs: Sequence[Path]) -> str | None:
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
