"""Stored numbers of a DICOM film -> greys as its makers meant them to be shown, bone bright.

Order of PS3.4 N.2 and PS3.3 C.11: modality LUT or rescale, then VOI LUT or window, then polarity. All of it is worked
out on the table of storable values and looked up once. Broken or absent instructions fall back to robust percentiles.

A raw image (for processing) comes without instructions and linear in dose as often as not; it is shown by the logarithm
of the dose, as film and every processed image are, with its dark and bright ends as the intensity's sign says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cxr_core.errors import DamagedImage
from cxr_core.read.dataset import BROKEN, number, numbers, present, word
from cxr_core.read.grey import (
    Depth,
    Greys,
    Stored,
    check_contrast,
    full_or_stretched,
    histogram,
    look_up,
    percentile_levels,
    scale,
)
from cxr_core.read.quiet import contain
from cxr_core.records import Notice

Values = npt.NDArray[np.float64]

_VISIBLE = 0.02
_RAW_CLASS = "1.2.840.10008.5.1.4.1.1.1.1.1"  # Digital X-Ray, for processing
WINDOW_MENDED = Notice(
    "window_mended",
    "The file's display window leaves no picture; the greys were set from the film itself. "
    "Compare with the original before trusting fine detail.",
)
POLARITY_DOUBTFUL = Notice(
    "polarity_doubtful",
    "The file contradicts itself about which end of the grey scale is bone; check that bone is bright.",
)


def greys_of(dataset: Dataset, stored: Stored, depth: Depth, *, inverted: bool) -> tuple[Greys, tuple[Notice, ...]]:
    """(H, W) uint16 greys of (H, W) stored numbers, and what had to be mended; NoContrast for a flat film.

    ``inverted`` is MONOCHROME1: the inversion comes last, after the window, or the window would land on wrong values.
    """
    counts = histogram(stored, depth)
    padding = _padding(dataset, depth)
    counts[padding] = 0
    check_contrast(counts)
    values = _modality(dataset, depth.values())
    sign = number(dataset, "PixelIntensityRelationshipSign") if is_raw(dataset) else None
    if sign:
        values, inverted = _attenuation(dataset, values, counts), sign > 0
    greys, notices = _voi(dataset, values, counts)
    if inverted:
        greys = 1.0 - greys
    greys[padding] = 0.0
    doubt = () if sign else _polarity_notice(dataset, inverted=inverted)
    return look_up(stored, greys, depth), notices + doubt


def is_raw(dataset: Dataset) -> bool:
    """Whether it is a detector's raw image, never meant to be looked at (PS3.3 C.7.6.1.1.3, C.8.11.3)."""
    return word(dataset, "PresentationIntentType") == "FOR PROCESSING" or word(dataset, "SOPClassUID") == _RAW_CLASS


def _attenuation(dataset: Dataset, values: Values, counts: npt.NDArray[np.int64]) -> Values:
    """Raw values that rise or fall evenly with what was attenuated: LIN ones through a logarithm (C.8.11.3.1.2).

    The sign says only which end is bright: 1, less intensity is a lower value, so bone is dark until inverted. Values
    that fall with intensity are counted from the highest that can be stored, where there is none.
    """
    if word(dataset, "PixelIntensityRelationship") != "LIN" or _asked(dataset):
        return values
    seen = values[counts > 0]
    if (number(dataset, "PixelIntensityRelationshipSign") or 1.0) > 0:
        return np.asarray(np.log1p(np.maximum(values - min(0.0, float(seen.min())), 0.0)))
    return np.asarray(-np.log1p(float(values.max()) - values))


def _padding(dataset: Dataset, depth: Depth) -> slice:
    """The storable values that stand for "no picture here" (PS3.3 C.7.5.1.1.2), as indices from the lowest."""
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return slice(0, 0)
    last = number(dataset, "PixelPaddingRangeLimit")
    ends = sorted((first, first if last is None else last))
    low, high = (int(end) - depth.low for end in ends)
    return slice(max(low, 0), max(high + 1, 0))


def _modality(dataset: Dataset, values: Values) -> Values:
    """Modality LUT Sequence, else Rescale Slope and Intercept, else the values themselves (C.11.1)."""
    table = _lut(dataset, "ModalityLUTSequence")
    if table is not None:
        return _through(table, values)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    return values * (slope if slope else 1.0) + (intercept or 0.0)


def _voi(dataset: Dataset, values: Values, counts: npt.NDArray[np.int64]) -> tuple[Values, tuple[Notice, ...]]:
    """Greys in [0, 1] by the VOI LUT, else the first usable window, else from the film; then what was mended."""
    table = _lut(dataset, "VOILUTSequence")
    if table is not None:
        greys = scale(_through(table, values), 0.0, _top(table[1]))
        if _visible(greys, counts):
            return greys, ()
    for centre, width in zip(numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth"), strict=False):
        greys = window(values, centre, width, word(dataset, "VOILUTFunction"))
        if width and _visible(greys, counts):
            return greys, ()
    greys, notices = full_or_stretched(values, counts, as_shown=values.size <= 256)
    return greys, (WINDOW_MENDED,) if _asked(dataset) else notices


def _asked(dataset: Dataset) -> bool:
    """Whether the file gives display instructions, usable or not."""
    return any(present(dataset, keyword) for keyword in ("VOILUTSequence", "WindowCenter", "WindowWidth"))


def window(values: Values, centre: float, width: float, function: str) -> Values:
    """Greys in [0, 1] by window centre and width (C.11.2.1.2); LINEAR unless LINEAR_EXACT or SIGMOID."""
    width = max(abs(width), 1e-6)
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -60, 60))))
    if function == "LINEAR_EXACT":
        return scale(values, centre - width / 2, centre + width / 2)
    half = max(width - 1.0, 1e-6) / 2
    return scale(values, centre - 0.5 - half, centre - 0.5 + half)


def _visible(greys: Values, counts: npt.NDArray[np.int64]) -> bool:
    """Whether the film's 2nd and 98th percentile differ after the window: a window beside the data shows nothing."""
    order = np.argsort(greys, kind="stable")
    low, high = percentile_levels(counts[order], 2, 98)
    return bool(greys[order[high]] - greys[order[low]] > _VISIBLE)


def _lut(dataset: Dataset, keyword: str) -> tuple[float, Values] | None:
    """(first mapped value, entries) of a lookup table's first item (C.11.1.1), None where absent or broken."""

    def convert() -> tuple[float, Values] | None:
        sequence: Any = dataset.get(keyword)
        if not sequence:
            return None
        item = sequence[0]
        count, first = (int(value) for value in list(item.LUTDescriptor)[:2])
        raw: Any = item.LUTData
        count = count or 65536
        if isinstance(raw, bytes):
            order = "<" if dataset.original_encoding[1] else ">"
            kind = f"{order}u2" if len(raw) >= 2 * count else "u1"
            raw = np.frombuffer(raw, kind)
        entries = np.asarray(raw, np.float64)[:count]
        signed = word(dataset, "PixelRepresentation") == "1" or number(dataset, "PixelRepresentation") == 1
        if signed and first >= 1 << 15:
            first -= 1 << 16
        return (float(first), entries) if entries.size == count and np.ptp(entries) > 0 else None

    try:
        return contain(convert, BROKEN)
    except DamagedImage:
        return None


def _through(table: tuple[float, Values], values: Values) -> Values:
    """The table's entry for every value; values outside it take its ends (C.11.1.1.1)."""
    first, entries = table
    return entries[np.clip(np.round(values - first), 0, entries.size - 1).astype(np.int64)]


def _top(entries: Values) -> float:
    """White of a VOI LUT: the top of the fewest bits that hold its entries (declared depths are often wrong)."""
    highest = int(entries.max())
    return float((1 << max(highest.bit_length(), 1)) - 1)


def _polarity_notice(dataset: Dataset, *, inverted: bool) -> tuple[Notice, ...]:
    """DX ties INVERSE to MONOCHROME1 and IDENTITY to MONOCHROME2 (C.8.11.3.1.2); photometric decides, doubt is said."""
    shape = word(dataset, "PresentationLUTShape")
    expected = "INVERSE" if inverted else "IDENTITY"
    return (POLARITY_DOUBTFUL,) if shape in ("INVERSE", "IDENTITY") and shape != expected else ()
