"""``origin``: the clear lungs of the shortcut alarm, and what the alarm is worth."""

from __future__ import annotations

import argparse
import json

from training.commands import data, models

MEANING = "make the clear lungs that the shortcut alarm lays over a film's own, and measure the alarm into the card"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which data, which models."""
    data(parser)
    models(parser)
    parser.add_argument("--keep", action="store_true", help="measure the clear lungs that are there")


def run(options: argparse.Namespace) -> None:
    """Makes, measures, prints."""
    from training import origin  # noqa: PLC0415  (OpenCV and a runtime take a second to start)

    if not options.keep:
        origin.write_clear_lungs(options.data, options.models / "covid_ssd")
    print(json.dumps(origin.measure(options.data, options.models), indent=1))
