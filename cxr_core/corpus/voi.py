"""The same film behind VOI look-up tables, whole and broken, and behind windows that leave no picture.

Source: PS3.3 C.11.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxr_core.corpus.greys import grey_row, lut, stretched, windowed
from cxr_core.corpus.row import Greys, Row, screened
from cxr_core.corpus.samples import Values, dicom, film, plain, whole


def rows() -> Iterator[Row]:
    """Tables, then tags that cannot be used."""
    yield from _tables()
    yield from _broken()


def _tables() -> Iterator[Row]:
    curve = np.round(4095 * np.linspace(0, 1, 4096) ** 1.4)
    shown = partial(_through, curve)
    beside = {"WindowCenter": 300, "WindowWidth": 100, "VOILUTFunction": "LINEAR"}
    yield grey_row(
        "voi-lut",
        "VOI LUT Sequence",
        "an S curve says more than a window",
        shown,
        film(),
        VOILUTSequence=lut(curve, 0, 12),
    )
    yield grey_row(
        "voi-lut-and-window",
        "VOI LUT Sequence beside a window",
        "either may be shown; the table is the maker's own",
        shown,
        film(),
        VOILUTSequence=lut(curve, 0, 12),
        **beside,
    )
    yield grey_row(
        "voi-lut-bits-wrong",
        "VOI LUT of 12 bits that declares 16",
        "by its descriptor it would be black",
        shown,
        film(),
        VOILUTSequence=lut(curve, 0, 16),
    )
    yield grey_row(
        "voi-lut-offset",
        "VOI LUT whose first entry stands for 1000",
        "values outside take its ends",
        lambda: whole(np.clip(film().astype(np.int64) - 1000, 0, 2047), 0, 2047),
        film(),
        VOILUTSequence=lut(np.arange(2048.0), 1000, 11),
    )
    sixteen = np.arange(65536.0)
    yield Row(
        "greys/voi-lut-65536-entries.dcm",
        "VOI LUT of 65,536 entries, declared as 0",
        "a 16-bit descriptor cannot say 65,536",
        screened(partial(plain, 16)),
        partial(dicom, film(16), 16, VOILUTSequence=lut(sixteen, 0, 16)),
    )


def _through(curve: Values) -> Greys:
    return whole(curve[film()], 0, 4095)


def _broken() -> Iterator[Row]:
    def fallen(name: str, what: str, hard: str, *said: str, **tags: Any) -> Row:
        return grey_row(name, what, hard, partial(stretched, film()), film(), *said, **tags)

    none = {"WindowCenter": None, "WindowWidth": None, "VOILUTFunction": None}
    empty = {"WindowCenter": "", "WindowWidth": ""}
    yield fallen("window-absent", "no window at all", "nothing says how it is meant to look", **none)
    yield fallen("window-empty", "window tags without values", "empty tags crash naive readers", **empty)
    for name, centre, width in (
        ("zero", 2048, 0),
        ("nan", "nan", "nan"),
        ("infinite", 2048, "inf"),
        ("beside", 60000, 100),
        ("half-given", 2048, None),
    ):
        tags = {"WindowCenter": centre, "WindowWidth": width, "VOILUTFunction": None}
        hard = "a window that leaves no picture; the film is shown from itself, and that is said"
        yield fallen(f"window-{name}", f"window centre {centre}, width {width}", hard, "window_mended", **tags)
    yield Row(
        "greys/window-text.dcm",
        "window centre AUTO, in letters",
        "a number that is none; the film is shown from itself",
        screened(partial(stretched, film()), "window_mended"),
        lambda: dicom(film(), WindowCenter=1111, VOILUTFunction=None).replace(b"1111", b"AUTO"),
    )
    yield grey_row(
        "window-negative",
        "window width -2500",
        "meant as its size",
        partial(windowed, 2100, 2500),
        film(),
        WindowCenter=2100,
        WindowWidth=-2500,
        VOILUTFunction="LINEAR",
    )
    for name, sequence in (
        ("empty", Sequence([])),
        ("no-data", Sequence([_without(lut(np.arange(4096.0), 0, 12)[0], "LUTData")])),
        ("short", Sequence([_short(lut(np.arange(4096.0), 0, 12)[0])])),
        ("flat", lut(np.full(4096, 7.0), 0, 12)),
    ):
        said = () if name == "empty" else ("window_mended",)
        yield fallen(
            f"voi-lut-{name}",
            f"VOI LUT Sequence: {name}",
            "a table that cannot be used",
            *said,
            VOILUTSequence=sequence,
            **none,
        )
    yield grey_row(
        "voi-lut-short-with-window",
        "VOI LUT cut short beside a good window",
        "the window still holds",
        partial(windowed, 2100, 2500),
        film(),
        VOILUTSequence=Sequence([_short(lut(np.arange(4096.0), 0, 12)[0])]),
        WindowCenter=2100,
        WindowWidth=2500,
        VOILUTFunction="LINEAR",
    )


def _without(item: Dataset, keyword: str) -> Dataset:
    del item[keyword]
    return item


def _short(item: Dataset) -> Dataset:
    item.LUTData = item.LUTData[:100]
    return item
