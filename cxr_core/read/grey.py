"""Whole numbers as stored -> (H, W) uint16 greys, 0 black to 65535 white; shared by every reader.

Everything here is a table from stored value to grey, computed once for all values that the bits allow and then looked
up, so every way of storing the same whole numbers gives the same pixels. This module knows no file format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cxr_core.errors import NoContrast, NotARadiograph, TooLarge, TooSmall
from cxr_core.records import Notice
from cxr_core.settings import BYTES_A_PIXEL, Settings

WHITE = 65535
MIN_SIDE = 64
"""Fewer pixels than this on a side hold no lung markings; thumbnails and icons are this small."""

_FLAT_LEVELS = 4
# Of 2,900 real 8-bit films none used less than a quarter of the range and the darkest are shown as they are; a deeper
# file without display instructions has no such claim.
_NARROW_8, _NARROW = 0.25, 0.5
_EIGHT_BITS = 256  # levels; with fewer, stretching shows steps
_SAMPLE = 400_000  # its percentiles of 0.5 still rest on two thousand pixels
_COLOUR_SAMPLE = 400_000  # a fit in floats over it takes a hundred bytes a pixel
_MARK_CHROMA = 24
_MARK_SHARE = 0.02
_TINT_ERROR = 6.0
_FLAT_END = 0.02

_SAME = np.arange(WHITE + 1, dtype=np.uint16)

Greys = npt.NDArray[np.uint16]
Stored = npt.NDArray[np.integer]
STRETCHED = Notice(
    "range_stretched",
    "The file uses only a small part of its grey range; the greys were stretched to their 0.5th to 99.5th percentile. "
    "Compare with the original before trusting fine detail.",
)


@dataclass(frozen=True, slots=True)
class Depth:
    """Which whole numbers a pixel may hold: ``bits`` of them, two's complement if ``signed``."""

    bits: int
    signed: bool = False

    @property
    def low(self) -> int:
        """Smallest storable value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest storable value."""
        return self.low + (1 << self.bits) - 1

    def values(self) -> npt.NDArray[np.float64]:
        """Every storable value in order, float64 (2**bits,)."""
        return np.arange(self.low, self.high + 1, dtype=np.float64)


_WHOLE_TYPES = (Depth(8), Depth(16))


def check_size(width: int, height: int, settings: Settings, bytes_a_pixel: float = 0.0) -> None:
    """TooSmall or TooLarge by the header's dimensions alone, before anything is decoded.

    ``bytes_a_pixel`` is what the decoder itself takes for a pixel. Where that is more than is reckoned with, fewer
    pixels are allowed, so that the memory set aside for one film holds whatever its encoding.
    """
    allowed = settings.max_megapixels * min(1.0, BYTES_A_PIXEL / max(bytes_a_pixel, 1.0))
    if width * height > allowed * 1_000_000:
        raise TooLarge(
            f"The image is {width} x {height} pixels, more than the {allowed:.3g} million allowed for its encoding. "
            "Export it at a lower resolution, or raise CXR_MAX_MEGAPIXELS."
        )
    if min(width, height) < MIN_SIDE:
        raise TooSmall(
            f"The image is {width} x {height} pixels; a chest film needs at least {MIN_SIDE} on each side. "
            "Send the original instead of a thumbnail."
        )


def histogram(stored: Stored, depth: Depth) -> npt.NDArray[np.int64]:
    """How often each storable value occurs, int64 (2**bits,), from at most some 400,000 pixels in even steps."""
    step = max(1, int(np.ceil(np.sqrt(stored.size / _SAMPLE))))
    sample = stored[::step, ::step]
    if depth.low or sample.dtype not in (np.uint8, np.uint16):
        sample = (sample.astype(np.int32) - depth.low).astype(np.uint16)
    # OpenCV counts ten times faster than numpy's bincount, which first makes 64-bit numbers of all pixels.
    levels = 1 << 8 * sample.dtype.itemsize
    counts = cv2.calcHist([np.ascontiguousarray(sample)], [0], None, [levels], [0, levels])
    return np.asarray(counts.ravel()[: 1 << depth.bits], np.int64)


def percentile_levels(counts: npt.NDArray[np.int64], low: float, high: float) -> tuple[int, int]:
    """Indices into the histogram at two percentiles; (0, 0) for an empty one."""
    total = np.cumsum(counts)
    if not total[-1]:
        return 0, 0
    at = np.searchsorted(total, np.array([low, high]) / 100 * total[-1], side="left")
    return int(at[0]), int(min(at[1], counts.size - 1))


def check_contrast(counts: npt.NDArray[np.int64]) -> None:
    """NoContrast where nearly all pixels have nearly the same stored value."""
    low, high = percentile_levels(counts, 1, 99)
    if high - low < _FLAT_LEVELS:
        raise NoContrast(
            f"The image holds a single grey (its 1st and 99th percentile lie {high - low} levels apart). "
            "Check that the exposure was not empty, and export it again."
        )


def scale(values: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    """Linear map of [low, high] onto [0, 1], clipped; high > low."""
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def full_or_stretched(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], *, as_shown: bool
) -> tuple[npt.NDArray[np.float64], tuple[Notice, ...]]:
    """Greys in [0, 1] of a film without usable display instructions, and a notice if it had little range to give.

    ``as_shown``: the file was exported as a viewer showed it, so the whole storable range is meant, unless the film
    uses so little of it that it would be black. Else its robust percentiles (0.5 to 99.5) become black and white.
    ``values`` (2**bits,) has one value for each bin of ``counts``.
    """
    order = np.argsort(values, kind="stable")
    low, high = (float(values[order[at]]) for at in percentile_levels(counts[order], 0.5, 99.5))
    bottom, top = float(values[order[0]]), float(values[order[-1]])
    share = _NARROW_8 if values.size <= 256 else _NARROW if as_shown else _EIGHT_BITS / values.size
    narrow = high - low < share * (top - bottom)
    if high <= low or (as_shown and not narrow):
        return scale(values, bottom, max(top, bottom + 1e-9)), ()
    return scale(values, low, high), (STRETCHED,) if narrow else ()


def look_up(stored: Stored, greys: npt.NDArray[np.float64], depth: Depth) -> Greys:
    """The grey of every pixel, (H, W) uint16; ``stored`` is of 8 or 16 bits, ``greys`` (2**bits,) in [0, 1]."""
    levels = 1 << 8 * stored.dtype.itemsize
    table = np.zeros(levels, np.uint16)
    # A negative number stands where its two's complement does.
    table[np.arange(depth.low, depth.high + 1) & (levels - 1)] = np.round(greys * WHITE)
    if levels == WHITE + 1 and not depth.low and np.array_equal(table, _SAME):
        return np.ascontiguousarray(stored, np.uint16)
    patterns = np.ascontiguousarray(stored).view(f"u{stored.dtype.itemsize}")
    return np.asarray(cv2.LUT(patterns, table), np.uint16)


def strips(picture: Stored) -> Iterator[slice]:
    """The rows of a picture in groups of about a million pixels, so that work on it takes little memory beside it."""
    each = max(1, 1_000_000 // max(1, picture.shape[1]))
    return (slice(top, top + each) for top in range(0, picture.shape[0], each))


def tight_depth(stored: Stored) -> Depth:
    """The usual depth (8, 10, 12, 14 or 16 bits) that just holds the data: a 12-bit film in a 16-bit PNG is 12-bit."""
    top = int(stored.max(initial=0))
    return Depth(next(bits for bits in (8, 10, 12, 14, 16) if top < 1 << bits))


def picture_greys(stored: Stored, depth: Depth | None = None) -> tuple[Greys, tuple[Notice, ...]]:
    """(H, W) uint16 greys of a picture exported as it was shown, 8 or 16 bits; NoContrast for a flat one."""
    depth = depth or tight_depth(stored)
    counts = histogram(stored, depth)
    check_contrast(counts)
    if depth in _WHOLE_TYPES and stored.dtype == f"u{depth.bits // 8}" and not _narrow(counts):
        return _widened(stored), ()  # what the table below would give, without the table
    greys, notices = full_or_stretched(depth.values(), counts, as_shown=True)
    return look_up(stored, greys, depth), notices


def _narrow(counts: npt.NDArray[np.int64]) -> bool:
    """Whether a film shown as it is would use so little of its unsigned depth that it would be black."""
    low, high = percentile_levels(counts, 0.5, 99.5)
    return high <= low or high - low < (_NARROW_8 if counts.size <= 256 else _NARROW) * (counts.size - 1)


def _widened(stored: Stored) -> Greys:
    """Unsigned numbers of 8 or 16 bits as greys of 16."""
    if stored.dtype.itemsize == 2:
        return np.ascontiguousarray(stored, np.uint16)
    return np.asarray(np.multiply(stored, np.uint16(257), dtype=np.uint16), np.uint16)


def flat_end(pixels: Greys) -> tuple[Notice, ...]:
    """A notice where the last rows are all one grey that is neither black nor white.

    Decoders fill so what a stream lacks whose end was cut off and then sealed again with an end marker.
    """
    last = int(pixels[-1, 0])
    if not 0.02 * WHITE < last < 0.98 * WHITE:
        return ()
    rows = max(8, int(_FLAT_END * pixels.shape[0]))
    if (pixels[-rows:] != last).any():
        return ()
    return (
        Notice(
            "flat_end",
            "The lowest part of the picture is a single grey; the file may have been cut short. "
            "Compare with the original.",
        ),
    )


def to_grey(colour: Stored, depth: Depth) -> tuple[Stored, tuple[Notice, ...]]:
    """(H, W, 3) RGB of ``depth`` that is really grey -> (H, W) of the same type.

    Equal channels are taken as they are. A film tinted by its viewer or scanner (each channel a linear function of the
    others) and a few coloured marks pass with a warning. NotARadiograph for colour that belongs to the picture.
    """
    red, green, blue = (colour[..., i] for i in range(3))
    if all((red[rows] == green[rows]).all() and (green[rows] == blue[rows]).all() for rows in strips(colour)):
        return np.ascontiguousarray(red), ()
    step = max(1, int(np.ceil(np.sqrt(red.size / _COLOUR_SAMPLE))))
    sample = colour[::step, ::step].reshape(-1, 3).astype(np.float32)
    sample *= 255.0 / depth.high
    chroma = np.ptp(sample, axis=1)
    grey = np.empty(red.shape, colour.dtype)
    for rows in strips(colour):
        grey[rows] = cv2.cvtColor(np.ascontiguousarray(colour[rows]), cv2.COLOR_RGB2GRAY)
    if np.mean(chroma > _MARK_CHROMA) <= _MARK_SHARE:
        marked = np.mean(chroma > _MARK_CHROMA) > 0.0005
        return grey, (Notice("colour_marks", "Coloured marks in the picture were read as grey."),) if marked else ()
    if _tinted(sample):
        return grey, (Notice("tinted", "The film is tinted; its brightness was read as grey."),)
    raise NotARadiograph(
        "The picture is in colour, and a radiograph is grey. Send the film itself, not a photograph or a screenshot."
    )


def _tinted(sample: npt.NDArray[np.float32]) -> bool:
    """Whether red and blue follow green along one line, to a few grey levels of 255: a tint, not a coloured picture."""
    green = sample[:, 1]
    design = np.stack([green, np.ones_like(green)], axis=1)
    for channel in (0, 2):
        line = np.linalg.lstsq(design, sample[:, channel], rcond=None)[0]
        if np.std(sample[:, channel] - design @ line) > _TINT_ERROR or line[0] < 0.3:
            return False
    return True
