"""The same film in every depth, with padding and overlays, and in colours that are grey after all.

Source: PS3.3 C.7.6.3 (image pixel), C.7.5.1.1.2 (padding).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import uid

from cxr_core.corpus.greys import grey_row, stretched
from cxr_core.corpus.row import Greys, Row, screened
from cxr_core.corpus.samples import Stored, dataset, dicom, film, plain, saved, whole

_ONE = "MONOCHROME1"


def rows() -> Iterator[Row]:
    """Bits, padding and overlays, colour."""
    yield from _bits()
    yield from _padding()
    yield from _colour()


def _bits() -> Iterator[Row]:
    for bits in (8, 10, 12, 14, 16):
        low = 1 << (bits - 1)
        centred = film(bits).astype(np.int32) - low
        stored: Stored = centred.astype(np.int8) if bits == 8 else centred.astype(np.int16)
        yield Row(
            f"greys/signed-{bits}-bit.dcm",
            f"{bits} bits in two's complement, intercept {low}",
            "the sign bit is the highest stored one, not the highest allocated one",
            screened(partial(plain, bits)),
            partial(dicom, stored, bits, RescaleIntercept=low),
        )
    shifted = (film() << 4).astype(np.uint16)
    yield grey_row(
        "high-bit-15", "12 bits stored, high bit 15", "the film lies in the upper bits", plain, shifted, HighBit=15
    )
    yield grey_row(
        "high-bit-15-noise",
        "the same with noise in the lower bits",
        "what lies below is no film",
        plain,
        shifted | np.uint16(9),
        HighBit=15,
    )
    yield grey_row(
        "high-bit-wrong", "12 bits stored, high bit 7", "impossible, common and harmless", plain, film(), HighBit=7
    )
    yield grey_row(
        "bits-stored-absent",
        "no Bits Stored and no High Bit",
        "16 allocated are then 16 stored",
        partial(stretched, film()),
        film(),
        BitsStored=None,
        HighBit=None,
        WindowCenter=None,
        WindowWidth=None,
    )
    yield grey_row(
        "bits-stored-too-many",
        "Bits Stored 40",
        "impossible: the allocated bits count",
        plain,
        film(),
        BitsStored=40,
        HighBit=39,
    )
    yield grey_row(
        "overlay-in-upper-bits",
        "an old overlay in bits 12 to 15",
        "bits above the stored ones are no film",
        plain,
        film() | np.uint16(0xA000),
    )


def _padding() -> Iterator[Row]:
    padded = film().copy()
    padded[:, :40] = 4095
    yield grey_row(
        "padding-white",
        "Pixel Padding Value 4095 on the left",
        "white padding would blind the eye and the window",
        lambda: _blacked(padded == 4095),
        padded,
        PixelPaddingValue=4095,
    )
    ranged = film().copy()
    ranged[:30] = np.uint16(4000) + (np.arange(30, dtype=np.uint16) * 3)[:, None]
    yield grey_row(
        "padding-range",
        "Pixel Padding from 4000 to its Range Limit 4095",
        "padding may be a range",
        lambda: _blacked(ranged >= 4000, ranged),
        ranged,
        PixelPaddingValue=4000,
        PixelPaddingRangeLimit=4095,
    )
    flag = film().copy()
    flag[-20:] = 0
    yield grey_row(
        "padding-monochrome1",
        "MONOCHROME1 with Pixel Padding Value 0",
        "inverted, the padding would be white",
        lambda: _blacked(flag == 0, 4095 - flag.astype(np.int32)),
        flag,
        PhotometricInterpretation=_ONE,
        PixelPaddingValue=0,
    )
    bits = np.packbits(np.ones(film().size, np.uint8)).tobytes()
    yield Row(
        "greys/overlay-plane.dcm",
        "a 60xx overlay that covers all",
        "overlays are notes, not film",
        screened(plain),
        partial(_overlaid, bits),
    )


def _blacked(padding: npt.NDArray[np.bool_], stored: Stored | None = None) -> Greys:
    shown = whole(film() if stored is None else stored, 0, 4095)
    shown[padding] = 0
    return shown


def _overlaid(bits: bytes) -> bytes:
    made = dataset(film())
    for element, vr, value in (
        (0x10, "US", 320),
        (0x11, "US", 256),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 1),
        (0x102, "US", 0),
        (0x3000, "OW", bits),
    ):
        made.add_new(0x60000000 + element, vr, value)
    return saved(made)


def _colour() -> Iterator[Row]:
    grey = film(8).astype(np.uint8)
    neutral = np.full_like(grey, 128)
    rgb, ybr = np.dstack([grey] * 3), np.dstack([grey, neutral, neutral])
    shown = partial(plain, 8)
    colours: tuple[tuple[str, str, Stored, dict[str, Any]], ...] = (
        ("rgb", "RGB of three equal channels", rgb, {}),
        (
            "rgb-planar",
            "RGB, plane after plane",
            np.ascontiguousarray(rgb.transpose(2, 0, 1)),
            {"PlanarConfiguration": 1},
        ),
        ("ybr-full", "YBR_FULL without colour", ybr, {"PhotometricInterpretation": "YBR_FULL"}),
        ("palette", "PALETTE COLOR that is a grey ramp", grey, {"PhotometricInterpretation": "PALETTE COLOR"}),
    )
    for name, what, stored, tags in colours:
        for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless)[: 1 if "planar" in name else 2]:
            coded = "" if syntax == uid.ExplicitVRLittleEndian else "-rle"
            yield Row(
                f"greys/{name}{coded}.dcm",
                what + (", run-length coded" if coded else ""),
                "a secondary capture that is grey after all",
                screened(shown),
                partial(_coloured, stored, syntax, tags),
            )
    tint = np.dstack([grey, (grey * 0.93).astype(np.uint8), (grey * 0.80).astype(np.uint8)])
    yield Row(
        "greys/rgb-tinted.dcm",
        "RGB film with a sepia tint",
        "a tint is no picture in colour",
        screened(None, "tinted"),
        partial(dicom, tint, 8),
    )
    marked = rgb.copy()
    marked[8:20, 8:20] = (255, 40, 40)
    yield Row(
        "greys/rgb-marked.dcm",
        "RGB film with a small red mark",
        "a reader's mark is no photograph",
        screened(None, "colour_marks"),
        partial(dicom, marked, 8),
    )


def _coloured(stored: Stored, syntax: uid.UID, tags: dict[str, Any]) -> bytes:
    made = dataset(stored, 8)
    made.Rows, made.Columns = film().shape
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    if tags.get("PhotometricInterpretation") == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            made.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
            ramp = (np.arange(256) * 257).astype("<u2").tobytes()
            made.add_new(f"{colour}PaletteColorLookupTableData", "OW", ramp)
    return saved(made, syntax)
