"""The same film as DCMTK writes it: another hand's encoders, where its programs are installed (apt: dcmtk).

Its JPEG is an IJG library of its own, its JPEG-LS another CharLS, its run-length coder and its writers its own too.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from cxr_core.corpus.pictures import eight, pillow
from cxr_core.corpus.row import Expected, Row, refused, screened
from cxr_core.corpus.samples import dicom, film, plain

_SECONDS = 60
_LOSSY = 36.0


def rows() -> Iterator[Row]:
    """Every encoder of dcmcjpeg, dcmcjpls and dcmcrle, every way of writing of dcmconv, and img2dcm."""
    for command in ("dcmcjpeg +e1", "dcmcjpls", "dcmcrle"):
        for bits in (8, 12, 16):
            yield _coded(command, bits, screened(partial(plain, bits)))
    for command in ("dcmcjpeg +el", "dcmconv +ti", "dcmconv +te", "dcmconv +tb", "dcmconv +td"):
        yield _coded(command, 12, screened(plain))
    for predictor in (2, 5, 7):
        yield _coded(f"dcmcjpeg +el +sv {predictor}", 12, screened(plain))
    yield _coded("dcmcjpeg +eb", 8, _close(8))
    yield _coded("dcmcjpeg +ee", 8, _close(8))
    yield _coded("dcmcjpeg +ee +bt", 12, _close(12))
    yield _coded("dcmcjpeg +es", 8, refused("unsupported_encoding"))
    yield _coded("dcmcjpeg +ep", 8, refused("unsupported_encoding"))
    yield _coded("dcmcjpls +en", 12, _close(12))
    yield _coded("dcmcjpls +fs 4", 12, screened(plain))
    yield _coded("dcmcjpeg +e1 -ot", 12, screened(plain))
    yield _coded("dcmcjpeg +e1 +fs 4", 12, screened(plain))
    yield _coded("dcmcrle +fs 4", 12, screened(plain))
    yield _coded("dcmconv -F", 12, screened(plain))
    yield _coded("dcmconv +g", 12, screened(plain))
    yield _coded("dcmconv -e", 12, screened(plain))
    yield _coded("dcmconv +p 2048 64", 12, screened(plain))
    yield _picture("bmp", screened(partial(plain, 8)))
    yield _picture("jpeg", screened(partial(plain, 8), decibels=_LOSSY))


def _close(bits: int) -> Expected:
    return screened(partial(plain, bits), decibels=_LOSSY)


def _coded(command: str, bits: int, expected: Expected) -> Row:
    tool, *options = command.split()
    slug = command.replace(" ", "").replace("+", "-").replace("--", "-")
    return Row(
        f"dcmtk/{slug}-{bits}-bit.dcm",
        f"{command}, {bits} bits",
        "another hand's encoder",
        expected,
        partial(_run, (tool, *options, "given", "made"), bits),
        needs=tool,
    )


def _run(command: tuple[str, ...], bits: int) -> bytes:
    stored = film(bits).astype(np.uint8) if bits == 8 else film(bits)
    return _made(command, dicom(stored, bits))


def _made(command: tuple[str, ...], given: bytes) -> bytes:
    """What a command makes of the file ``given`` in the file ``made``; CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "given").write_bytes(given)
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603 - ours
        return Path(folder, "made").read_bytes()


def _picture(kind: str, expected: Expected) -> Row:
    return Row(
        f"dcmtk/img2dcm-{kind}.dcm",
        f"img2dcm of a {kind.upper()} film",
        "a picture wrapped as a secondary capture",
        expected,
        partial(_wrap, kind),
        needs="img2dcm",
    )


def _wrap(kind: str) -> bytes:
    given = pillow(eight(), "BMP") if kind == "bmp" else pillow(eight(), "JPEG", quality=92)
    return _made(("img2dcm", "-i", kind.upper(), "given", "made"), given)
