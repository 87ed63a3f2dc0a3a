"""A ZIP of a worklist for those who have no access to the app: the table, the reviews, the pictures, and a manifest.

In: rows in queue order, and a function that makes a row's picture. Out: a ZIP, written as it is made, so that a
thousand films never stand in memory; ``check`` says whether one is whole. Members:

    worklist.csv            every row (export/worklist.py)
    reviews.jsonl           what people said, for the next training (export/reviews.py)
    pictures/0001_....png   rank and digest of the film; annotated, never named by its file or its patient
    manifest.json           what this is, thresholds, models, what was left out and why, SHA-256 of every member

Without identity, a film with text burnt into its pixels has no picture here: the text may be the patient's name.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from cxr_core.errors import CxrError, RecordError
from cxr_core.export.result import NOTICE
from cxr_core.export.reviews import LEFT_OUT, write_reviews
from cxr_core.export.table import Row
from cxr_core.export.worklist import write_worklist

FORMAT = 1
MANIFEST = "manifest.json"
_BURNT = "its pixels hold text that may name the patient; give it away with identity, or not at all"

Rows = Callable[[], Iterable[Row]]
"""Gives the rows anew at each call: table, reviews and pictures are written one after the other."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a bundle is to hold; ``created`` has its time zone, ``preset`` is the name of the thresholds."""

    thresholds: Mapping[str, float]
    preset: str
    created: datetime
    identity: bool = False


@dataclass(slots=True)
class Bundled:
    """What became of it: rows, pictures, reviews, and films without a picture, by the front of their digest."""

    films: int = 0
    pictures: int = 0
    reviews: int = 0
    without_picture: dict[str, str] = field(default_factory=dict)


class _Hashed:
    """A member that is written, and its digest and length on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.length = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.length += len(data)
        return self._stream.write(data)


class _Archive:
    """A ZIP under way, and what its manifest will say of its members."""

    def __init__(self, file: zipfile.ZipFile, created: datetime) -> None:
        self._file = file
        self._time = created.timetuple()[:6]
        self.members: list[dict[str, Any]] = []

    @contextmanager
    def member(self, name: str, *, packed: bool = True) -> Iterator[BinaryIO]:
        info = zipfile.ZipInfo(name, self._time)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = 0o600 << 16
        with self._file.open(info, "w", force_zip64=True) as stream:
            hashed = _Hashed(stream)
            yield cast("BinaryIO", hashed)
        self.members.append({"name": name, "bytes": hashed.length, "sha256": hashed.digest.hexdigest()})


def write_bundle(
    stream: BinaryIO,
    rows: Rows,
    asked: Asked,
    picture: Callable[[Row], bytes],
    tell: Callable[[int], None] = lambda _done: None,
) -> Bundled:
    """Write the ZIP; ``picture`` gives a row's PNG or raises a CxrError, which leaves it out; ``tell`` counts films."""
    done = Bundled()
    with zipfile.ZipFile(stream, "w") as file:
        archive = _Archive(file, asked.created)
        with archive.member("worklist.csv") as member:
            done.films = write_worklist(member, rows(), asked.thresholds, identity=asked.identity)
        with archive.member("reviews.jsonl") as member:
            told = write_reviews(member, (_Judged(row) for row in rows()), identity=asked.identity)
        done.reviews = told.lines
        models: dict[str, dict[str, str]] = {}
        for number, row in enumerate(rows(), 1):
            for ref in row.ranked.screening.models:
                models[ref.sha256] = {"name": ref.name, "version": ref.version, "sha256": ref.sha256}
            _picture(archive, row, asked, picture, done)
            tell(number)
        reviews = {LEFT_OUT[reason]: count for reason, count in told.left_out.items()}
        manifest = _manifest(asked, done, archive.members, list(models.values()), reviews)
        with archive.member(MANIFEST) as member:
            member.write((json.dumps(manifest, indent=1, allow_nan=False) + "\n").encode())
    return done


def check(path: Path | BinaryIO) -> tuple[str, ...]:
    """What is wrong with a bundle, a sentence each: a member that is missing, was changed, or nobody knows of."""
    try:
        with zipfile.ZipFile(path) as file:
            manifest = json.loads(file.read(MANIFEST))
            told = {item["name"]: item["sha256"] for item in manifest["members"]}
            names = set(file.namelist()) - {MANIFEST}
            wrong = [f"{name} is not in the manifest" for name in sorted(names - set(told))]
            wrong += [f"{name} is missing" for name in sorted(set(told) - names)]
            for name in sorted(names & set(told)):
                if _digest(file, name) != told[name]:
                    wrong.append(f"{name} was changed")
            return tuple(wrong)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as exc:
        raise RecordError(f"not a bundle of this product: {type(exc).__name__}: {exc}") from exc


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row as the reviews want it."""

    row: Row

    @property
    def screening(self) -> Any:
        return self.row.ranked.screening

    @property
    def review(self) -> Any:
        return self.row.review


def _picture(archive: _Archive, row: Row, asked: Asked, picture: Callable[[Row], bytes], done: Bundled) -> None:
    screening = row.ranked.screening
    digest = screening.sha256[:16] or f"unread-{row.ranked.rank}"
    if not asked.identity and any(notice.code in _TEXT_IN_PIXELS for notice in screening.warnings):
        done.without_picture[digest] = _BURNT
        return
    try:
        data = picture(row)
    except CxrError as exc:
        done.without_picture[digest] = str(exc)
        return
    with archive.member(f"pictures/{row.ranked.rank:04d}_{digest}.png", packed=False) as member:
        member.write(data)
    done.pictures += 1


_TEXT_IN_PIXELS = frozenset({"burned_in_text"})


def _manifest(
    asked: Asked,
    done: Bundled,
    members: list[dict[str, Any]],
    models: list[dict[str, str]],
    reviews: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "about": "Pictures and scores supplement the reading. A film without a flag has not been cleared.",
        "created": asked.created.isoformat(),
        "identity": asked.identity,
        "preset": asked.preset,
        "thresholds": dict(asked.thresholds),
        "models": models,
        "films": done.films,
        "pictures": done.pictures,
        "reviews": done.reviews,
        "without_picture": done.without_picture,
        "reviews_left_out": dict(reviews),
        "members": members,
    }


def _digest(file: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with file.open(name) as member:
        while block := member.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
