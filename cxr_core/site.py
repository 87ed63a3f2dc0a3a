"""The site file: what a site decides for all its users, one TOML file that people can read and write.

In: ``CXR_SITE_FILE``, by default ``site.toml`` in the data folder. Out: its sections as plain values, and a Section
that takes them one by one, checked. No file is an empty one. Who owns a section makes a frozen record of its own of it:

    [triage]                  the order of the worklist (triage.Policy)
    [prevalence]              how often each finding is among this site's films
    [presets]                 sets of thresholds that the site has named
    [retention]               how long films are kept
    [exchange]                what comes from and goes to other systems, and [[exchange.destination]]

Everything wrong is a SettingsError that says where, what was found, what was expected. This module knows no section's
meaning. A section that the app writes loses its comments; the others' values stay; the file as it was before is kept
beside it as ``site.toml.before``.
"""

from __future__ import annotations

import os
import tempfile
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from cxr_core.errors import SettingsError
from cxr_core.settings import Settings

MOST_BYTES = 1_000_000
"""A file of settings is a few kilobytes; more is another file given by mistake."""

_writing = threading.Lock()


def read_site(settings: Settings) -> Mapping[str, Any]:
    """All sections; empty without a file; SettingsError for one that cannot be read or is no TOML."""
    path = settings.resolved_site_file
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{path.name} is larger than {MOST_BYTES:,} bytes; a site file is a short text")
        return MappingProxyType(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        return MappingProxyType({})
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{path.name} is not valid TOML: {exc}. Correct that line.") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{path.name} must be UTF-8 text; its byte {exc.start} is not") from exc
    except OSError as exc:
        raise SettingsError(f"{path.name} cannot be read ({exc.strerror}); check CXR_SITE_FILE") from exc


def section(site: Mapping[str, Any], name: str) -> Section:
    """One section, empty where the file has none; SettingsError if that name holds something else."""
    return Section(name, _table(site.get(name, {}), f"[{name}]"))


def sections(site: Mapping[str, Any], name: str, key: str) -> tuple[Section, ...]:
    """The tables of an array of tables, ``[[name.key]]``, in the file's order; numbered from 1 in messages."""
    found = section(site, name).table.get(key, [])
    if not isinstance(found, list):
        raise SettingsError(f"{key} in [{name}] must be written as [[{name}.{key}]], got {_shown(found)}")
    return tuple(
        Section(f"{name}.{key} {number}", _table(item, f"[[{name}.{key}]]")) for number, item in enumerate(found, 1)
    )


def write_section(settings: Settings, name: str, table: Mapping[str, Any]) -> None:
    """Put one section in place of the old one, whole or not at all; values of None are left out.

    SettingsError if the file as it is cannot be read (it is a person's work and is not thrown away), if a value has no
    form in TOML, or if it cannot be written. Two writers at once follow each other.
    """
    path = settings.resolved_site_file
    with _writing, _alone(path):
        before = read_site(settings)
        try:
            text = tomli_w.dumps({**before, name: _without_none(table)})
        except (TypeError, ValueError) as exc:
            raise SettingsError(f"[{name}] holds a value that {path.name} cannot: {exc}") from exc
        try:
            if path.exists():
                _replace(path.with_name(path.name + ".before"), path.read_bytes())
            _replace(path, text.encode())
        except OSError as exc:
            raise SettingsError(f"{path.name} cannot be written ({exc.strerror}); nothing was changed") from exc


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the site file, its values taken one by one.

    Each method gives the default where the key is missing, and SettingsError where it makes no sense. ``finish`` names
    what nobody asked for: a misspelt key must not be silently without effect.
    """

    name: str
    table: Mapping[str, Any]
    _asked: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number within [low, high]."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, f"a number between {low:g} and {high:g}", value)
        return float(value)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within [low, high]."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, f"a whole number between {low} and {high}", value)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def text(self, key: str, default: str = "", most: int = 1000) -> str:
        """One line of text."""
        value = self._take(key, default)
        if not isinstance(value, str) or len(value) > most or not all(char.isprintable() for char in value):
            raise self.wrong(key, f"one line of text of at most {most} characters", value)
        return value

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self._take(key, default)
        if value not in allowed:
            raise self.wrong(key, "one of " + ", ".join(allowed), value)
        return str(value)

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts."""
        value = self._take(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts", value)
        return tuple(value)

    def clock(self, key: str, default: time | None = None) -> time | None:
        """A time of day, written as 07:30:00."""
        value = self._take(key, default)
        if value is not None and not isinstance(value, time):
            raise self.wrong(key, "a time of day such as 07:30:00", value)
        return value

    def below(self, key: str) -> Section:
        """The table of that key, empty where there is none."""
        name = f"{self.name}.{key}"
        return Section(name, _table(self._take(key, {}), f"[{name}]"))

    def finish(self, *others: str) -> None:
        """SettingsError if there is a key that nobody asked for; ``others`` are asked for elsewhere."""
        unknown = [key for key in self.table if key not in self._asked.union(others)]
        if unknown:
            known = ", ".join(sorted(self._asked)) or "nothing"
            raise SettingsError(f"[{self.name}] does not know {', '.join(map(repr, unknown))}; it knows {known}")

    def wrong(self, key: str, expected: str, got: object) -> SettingsError:
        """The error for a value, in one form for all."""
        return SettingsError(f"{key} in [{self.name}] must be {expected}, got {_shown(got)}")

    def _take(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        return self.table.get(key, default)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be a table of keys and values, got {_shown(value)}")
    return value


def _shown(value: object) -> str:
    """A value in a message, cut short: a file given by mistake may hold anything."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _without_none(value: Any) -> Any:
    """TOML has no null: what is not said is left out."""
    if isinstance(value, Mapping):
        return {str(key): _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes of this product from writing meanwhile, where the system knows such locks."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none; there one process writes at a time
    except ImportError:
        yield
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise SettingsError(f"{path.name} cannot be written ({exc.strerror}); nothing was changed") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, data: bytes) -> None:
    """Write the file whole or not at all; private, since destinations may name people and machines."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")  # mkstemp's mode is 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
