"""A torture corpus for readers of chest films: files that are hard to read, each with its expected outcome.

In: nothing. Out: rows that make their own bytes, a folder of files with a manifest, a table that people can read. All
pictures are generated; nothing of a patient is in them. This part knows no reader: what a film must look like is worked
out here from the standards' formulas, so that any reader can be held against it.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from cxr_core.corpus import (
    archives,
    broken_dicom,
    broken_pictures,
    broken_streams,
    dcmtk,
    depths,
    encodings,
    greys,
    headers,
    kinds,
    pictures,
    scans,
    scenes,
    voi,
)
from cxr_core.corpus.row import Expected, Row, decibels

__all__ = ["Expected", "Row", "decibels", "rows", "table", "write"]

_GROUPS: tuple[tuple[str, tuple[Callable[[], Iterator[Row]], ...]], ...] = (
    ("Transfer syntaxes, frames and fragments", (encodings.rows,)),
    ("Files by DCMTK", (dcmtk.rows,)),
    ("Greys: polarity, windows, tables, depths, colour", (greys.rows, voi.rows, depths.rows)),
    ("Headers, names and kinds of objects", (headers.rows, kinds.rows)),
    ("Pictures: PNG, JPEG, TIFF, BMP", (pictures.rows, scans.rows)),
    ("Frames around the film, films that lie wrong, pictures of something else", (scenes.rows,)),
    ("Broken DICOM files", (broken_dicom.rows, broken_streams.rows)),
    ("Broken pictures", (broken_pictures.rows,)),
    ("Archives", (archives.rows,)),
)
_COLUMNS = ("file", "what it is", "why it is hard", "expected", "picture", "sha256")


def rows() -> tuple[Row, ...]:
    """Every row, also those that need a program which is not installed here."""
    return tuple(row for _, makers in _GROUPS for maker in makers for row in maker())


def available(row: Row) -> bool:
    """Whether this machine can make the file."""
    return not row.needs or shutil.which(row.needs) is not None


def table() -> str:
    """The Markdown table of all rows, group by group."""
    lines: list[str] = []
    for title, makers in _GROUPS:
        lines += [f"### {title}", "", "| file | what it is | why it is hard | expected |", "|---|---|---|---|"]
        for row in (row for maker in makers for row in maker()):
            what = row.what + (f" (needs {row.needs})" if row.needs else "")
            lines.append(f"| {' | '.join(_cell(text) for text in (row.file, what, row.hard, str(row.expected)))} |")
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def write(folder: Path) -> tuple[list[Row], list[Row]]:
    """Write files/, pictures/ and the manifest into ``folder``; what was written, then what needs a missing program.

    ``pictures/`` holds, as 16-bit PNG, what the films have to look like; the manifest names one for each file that is
    read. OSError where the folder cannot be written.
    """
    written: list[Row] = []
    missing: list[Row] = []
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        sheet = csv.writer(stream)
        sheet.writerow(_COLUMNS)
        for row in rows():
            if not available(row):
                missing.append(row)
                continue
            data = row.make()
            path = folder / "files" / row.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            picture = _picture(row.expected, folder)
            sheet.writerow((row.file, row.what, row.hard, str(row.expected), picture, hashlib.sha256(data).hexdigest()))
            written.append(row)
    (folder / "manifest.md").write_text(f"# Torture corpus\n\n{table()}", encoding="utf-8")
    return written, missing


def _picture(expected: Expected, folder: Path) -> str:
    """The name of the PNG of what a file has to look like, written once; "" where that is not known."""
    if expected.pixels is None:
        return ""
    pixels = expected.pixels()
    name = f"pictures/{hashlib.sha256(pixels.tobytes()).hexdigest()[:12]}.png"
    path = folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return name
