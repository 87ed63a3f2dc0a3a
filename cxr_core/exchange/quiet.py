"""Foreign libraries of the network kept out of the log: their words may quote a film's header or an address."""

from __future__ import annotations

import logging

from pynetdicom import _config as pynetdicom_config


def quieten() -> None:
    """Let none of them write; once is enough, again does no harm."""
    pynetdicom_config.LOG_HANDLER_LEVEL = "none"
    for name in ("pynetdicom", "pydicom", "dicomweb_client", "retrying", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
