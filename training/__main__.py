"""The command line of training; each command stands in training/commands/. See docs/training.md."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: it greets every start

import argparse
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType, ModuleType

from cxr_core.errors import CxrError
from training.commands import evaluate, explain, export, fit, origin, pointing, quantise, readme, records, ship, trial

COMMANDS: Mapping[str, ModuleType] = MappingProxyType(
    {
        "records": records,
        "fit": fit,
        "evaluate": evaluate,
        "export": export,
        "quantise": quantise,
        "test": trial,
        "explain": explain,
        "pointing": pointing,
        "origin": origin,
        "readme": readme,
        "ship": ship,
    }
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.MEANING, description=module.MEANING)
        module.arguments(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0 if it succeeded, 2 with one line on stderr if it cannot, 130 if it was stopped."""
    options = _parser().parse_args(arguments)
    try:
        COMMANDS[options.command].run(options)
    except CxrError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; fit and test go on where they were, given the same command again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
