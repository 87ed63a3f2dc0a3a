"""A secret -> pseudonyms, UIDs and days that no one without it can trace back or make again.

Everything is an HMAC-SHA-256 of what it replaces, so the same input gives the same output in every run, on every
machine that has the secret, and no table of who is who is ever written. Who holds the secret and the originals can
match them; keep it as you keep the originals.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cxr_core.errors import SettingsError, StoreError
from cxr_core.settings import Settings

_FILE = "deidentify.secret"
_SHORTEST = 16
_MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Secret:
    """The key of all pseudonyms; its repr does not show it."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < _SHORTEST:
            raise SettingsError(f"CXR_DEIDENTIFY_SECRET must have at least {_SHORTEST} characters")

    def patient(self, of: str) -> str:
        """A patient's pseudonym, such as P-4F7K2QXA5NJM."""
        return "P-" + self._text("patient", of, 12)

    def number(self, of: str) -> str:
        """An accession or other number, 12 letters and digits."""
        return self._text("number", of, 12)

    def file(self, of: str) -> str:
        """A file's name, 20 lower-case letters and digits."""
        return self._text("file", of, 20).lower()

    def uid(self, of: str) -> str:
        """A UID under 2.25 (PS3.5 B.2), one for each original."""
        return f"2.25.{int.from_bytes(self._digest('uid', of)[:16], 'big')}"

    def shift(self, of: str) -> timedelta:
        """By how much a patient's dates move into the past: 1 to 3650 days."""
        return timedelta(days=-1 - int.from_bytes(self._digest("days", of)[:8], "big") % _MOST_DAYS)

    def _digest(self, kind: str, of: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\0{of}".encode("utf-8", "backslashreplace"), hashlib.sha256)

    def _text(self, kind: str, of: str, length: int) -> str:
        return base64.b32encode(self._digest(kind, of)).decode()[:length]


def site_secret(settings: Settings) -> Secret:
    """CXR_DEIDENTIFY_SECRET, else the one in the data folder, which is made at first use for its owner's eyes alone."""
    if settings.deidentify_secret:
        return Secret(settings.deidentify_secret.encode())
    path = settings.data_dir / _FILE
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return Secret(path.read_bytes().strip())
    except OSError as exc:
        raise StoreError(f"the secret in the data folder cannot be used ({exc.strerror}); see CXR_DATA_DIR") from exc


def _make(path: Path) -> None:
    """Written elsewhere and then linked: no other process ever sees half a secret, and the first one counts."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mkstemp's mode is 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):
            path.hardlink_to(part)
    finally:
        Path(part).unlink(missing_ok=True)
