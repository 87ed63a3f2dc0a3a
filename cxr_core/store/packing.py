"""A screening as the worklist's columns: what ranking 100,000 films needs, beside the payload that holds everything.

In: a Screening, or thresholds. Out: values for the columns of ``screenings`` and ``reviews``. Nine numbers are 72
bytes, IEEE 754 doubles, little-endian, in the order of LABELS: the same doubles as in the payload, so that a score that
lies on its threshold does so in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_core.records import INFORMS, LABELS, Screening
from cxr_core.store.lines import result_of
from cxr_core.store.study_rows import kept

NUMBERS = np.dtype("<f8")
BYTES = NUMBERS.itemsize * len(LABELS)
NOTHING = np.full(len(LABELS), np.nan, NUMBERS).tobytes()
"""Where there are no nine numbers: a refused image's scores, thresholds that nobody kept."""

REQUESTED = {"STAT": 2, "HIGH": 1}
"""How a requested priority stands in the column; anything else is 0."""

_SEARCHED = 400


def columns_of(screening: Screening) -> dict[str, Any]:
    """The columns of ``screenings`` that are made of the screening itself, by name."""
    identity = screening.identity
    looked_for = (screening.file, *((identity.patient_id, identity.accession) if identity else ()))
    return {
        "scores": packed(screening.scores) if screening.scores else None,
        "doubtful": any(notice.code not in INFORMS for notice in screening.warnings),
        "requested": REQUESTED.get(identity.priority, 0) if identity else 0,
        "result": result_of(screening),
        "searched": "\n".join(kept(text) for text in looked_for).casefold()[:_SEARCHED],
    }


def packed(values: Mapping[str, float]) -> bytes:
    """A number for each of LABELS as bytes; NaN where one is missing."""
    return np.array([values.get(label, np.nan) for label in LABELS], NUMBERS).tobytes()


def unpacked(rows: list[bytes | None]) -> npt.NDArray[np.float64]:
    """(N, 9) of N rows of a column; NaN where there is nothing."""
    joined = b"".join([row or NOTHING for row in rows])
    return np.frombuffer(joined, NUMBERS).reshape(len(rows), len(LABELS)).astype(np.float64, copy=False)
