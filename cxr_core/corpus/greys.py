"""The same film behind every instruction for showing it: polarity, rescale, modality tables, windows.

What each must look like is worked out here from the formulas of PS3.3 C.11, pixel by pixel, not by the reader's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxr_core.corpus.row import Greys, Row, screened
from cxr_core.corpus.samples import Stored, Values, dicom, film, plain, to_grey, whole

_ONE, _TWO = "MONOCHROME1", "MONOCHROME2"


def rows() -> Iterator[Row]:
    """Polarity, modality, windows."""
    yield from _polarity()
    yield from _modality()
    yield from _windows()


def grey_row(
    name: str, what: str, hard: str, shown: Callable[[], Greys], stored: Stored, *said: str, **tags: Any
) -> Row:
    """A 12-bit film of these numbers and tags, that must look as ``shown``, with what is said of it."""
    return Row(f"greys/{name}.dcm", what, hard, screened(shown, *said), partial(dicom, stored, 12, **tags))


def linear(values: Values, centre: float, width: float) -> Values:
    """The VOI LUT Function LINEAR (C.11.2.1.2.1), to [0, 1]."""
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0)


def exact(values: Values, centre: float, width: float) -> Values:
    """LINEAR_EXACT (C.11.2.1.3.2)."""
    return np.clip((values - centre) / width + 0.5, 0.0, 1.0)


def sigmoid(values: Values, centre: float, width: float) -> Values:
    """SIGMOID (C.11.2.1.3.1)."""
    return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (values - centre) / width)))


def stretched(values: Stored) -> Greys:
    """A film that says nothing of its display: its 0.5th to 99.5th percentile from black to white."""
    low, high = np.percentile(values, [0.5, 99.5], method="inverted_cdf")
    return whole(values, float(low), float(high))


def _values() -> Values:
    return film().astype(np.float64)


def _polarity() -> Iterator[Row]:
    negative = 4095 - film()
    hard = "Photometric Interpretation alone decides; a Presentation LUT Shape that contradicts it is said"
    for photometric, stored, right in ((_ONE, negative, "INVERSE"), (_TWO, film(), "IDENTITY")):
        wrong = "IDENTITY" if right == "INVERSE" else "INVERSE"
        for shape in ("", right, wrong, "LIN OD"):
            said = ("polarity_doubtful",) if shape == wrong else ()
            name = f"{photometric.lower()}-shape-{shape.lower().replace(' ', '-') or 'absent'}"
            tags = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape or None}
            yield grey_row(
                name, f"{photometric}, Presentation LUT Shape {shape or 'absent'}", hard, plain, stored, *said, **tags
            )
    yield grey_row(
        "monochrome1-narrow-window",
        "MONOCHROME1 with a window that shows a part",
        "inverting before the window instead of after it lands on the wrong values",
        lambda: to_grey(1.0 - linear(4095.0 - _values(), 2600, 1800)),
        negative,
        PhotometricInterpretation=_ONE,
        WindowCenter=2600,
        WindowWidth=1800,
        VOILUTFunction="LINEAR",
    )
    yield grey_row(
        "photometric-absent",
        "no Photometric Interpretation",
        "bone bright is the usual",
        plain,
        film(),
        PhotometricInterpretation=None,
    )
    yield grey_row(
        "photometric-lower-case",
        "monochrome1 in small letters",
        "code strings are capitals; writers forget",
        plain,
        negative,
        PhotometricInterpretation="monochrome1",
    )


def _modality() -> Iterator[Row]:
    yield grey_row(
        "rescale-slope-negative",
        "Rescale Slope -1, Intercept 4095, MONOCHROME2",
        "a negative slope inverts; the window is in its output",
        plain,
        4095 - film(),
        RescaleSlope=-1,
        RescaleIntercept=4095,
    )
    yield grey_row(
        "rescale-slope-negative-monochrome1",
        "Rescale Slope -1 and MONOCHROME1",
        "two inversions undo one another",
        plain,
        film(),
        RescaleSlope=-1,
        RescaleIntercept=4095,
        PhotometricInterpretation=_ONE,
    )
    yield grey_row(
        "rescale-absent",
        "no rescale",
        "slope 1 and intercept 0 are meant",
        plain,
        film(),
        RescaleSlope=None,
        RescaleIntercept=None,
    )
    yield grey_row(
        "rescale-slope-zero", "Rescale Slope 0", "would make every pixel the same", plain, film(), RescaleSlope=0
    )
    yield grey_row(
        "rescale-slope-empty",
        "Rescale Slope without a value",
        "an empty tag is an absent one",
        plain,
        film(),
        RescaleSlope="",
    )
    yield grey_row(
        "rescale-half",
        "Rescale Slope 0.5, Intercept -1000, window in its output",
        "the window belongs after the rescale",
        lambda: to_grey(linear(_values() * 0.5 - 1000, 24, 1500)),
        film(),
        RescaleSlope=0.5,
        RescaleIntercept=-1000,
        WindowCenter=24,
        WindowWidth=1500,
        VOILUTFunction="LINEAR",
    )
    curve = np.round(65535 * np.linspace(0, 1, 4096) ** 0.7)
    yield grey_row(
        "modality-lut",
        "Modality LUT Sequence of 4096 entries of 16 bits",
        "the table stands in for the rescale",
        lambda: to_grey(exact(curve[film()], 32767.5, 65535)),
        film(),
        ModalityLUTSequence=lut(curve, 0, 16),
        RescaleSlope=None,
        RescaleIntercept=None,
        WindowCenter=32767.5,
        WindowWidth=65535,
    )
    yield grey_row(
        "modality-lut-inverting",
        "Modality LUT that runs downhill, over a negative film",
        "a table can invert as a slope can",
        plain,
        4095 - film(),
        ModalityLUTSequence=lut(np.arange(4095, -1, -1.0), 0, 12),
        RescaleSlope=None,
        RescaleIntercept=None,
    )


def lut(entries: Values, first: int, bits: int) -> Sequence:
    """A look-up table sequence (C.11.1.1); 65536 entries are written as 0."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return Sequence([item])


def _windows() -> Iterator[Row]:
    functions = {"LINEAR": linear, "LINEAR_EXACT": exact, "SIGMOID": sigmoid}
    for name, function in functions.items():
        for centre, width in ((2100.0, 2399.0), (1500.5, 333.0)):
            yield grey_row(
                f"window-{name.lower().replace('_', '-')}-{width:.0f}",
                f"{name}, centre {centre}, width {width}",
                "three functions, three formulas (C.11.2.1.2, C.11.2.1.3)",
                partial(_by, function, centre, width),
                film(),
                VOILUTFunction=name,
                WindowCenter=centre,
                WindowWidth=width,
            )
    two = {"WindowCenter": [2100, 1000], "WindowWidth": [2500, 500], "VOILUTFunction": "LINEAR"}
    shown = partial(windowed, 2100, 2500)
    yield grey_row("windows-several", "two windows", "the first is the maker's first choice", shown, film(), **two)
    first = {"WindowCenter": [9000, 2100], "WindowWidth": [10, 2500], "VOILUTFunction": "LINEAR"}
    yield grey_row(
        "windows-first-beside",
        "two windows, the first beside all pixels",
        "the first would show nothing",
        shown,
        film(),
        **first,
    )
    one = {"WindowCenter": 2100, "WindowWidth": 2500}
    yield grey_row(
        "window-function-absent",
        "no VOI LUT Function",
        "LINEAR is the default",
        shown,
        film(),
        VOILUTFunction=None,
        **one,
    )
    yield grey_row(
        "window-function-unknown",
        "VOI LUT Function GAMMA",
        "an unknown function is the default one",
        shown,
        film(),
        VOILUTFunction="GAMMA",
        **one,
    )
    yield grey_row(
        "window-width-one",
        "LINEAR, width 1",
        "the formula divides by width - 1",
        lambda: whole(film() > 2000, 0, 1),
        film(),
        WindowCenter=2001,
        WindowWidth=1,
        VOILUTFunction="LINEAR",
    )
    yield grey_row(
        "window-wide",
        "a window far wider than the depth",
        "grey on grey, yet meant",
        lambda: to_grey(linear(_values(), 2048, 20000)),
        film(),
        WindowCenter=2048,
        WindowWidth=20000,
        VOILUTFunction="LINEAR",
    )


def _by(function: Callable[[Values, float, float], Values], centre: float, width: float) -> Greys:
    return to_grey(function(_values(), centre, width))


def windowed(centre: float, width: float) -> Greys:
    """The film through a LINEAR window."""
    return to_grey(linear(_values(), centre, width))
