"""The film that all of the corpus shows, and how DICOM files are made of it; nothing here reads a file.

One generated chest film, 320 x 256 pixels, stored in every way there is. Sources: PS3.3 C.7.6.3 (image pixel), C.11
(look-up tables), PS3.5 annexes A and G (transfer syntaxes).
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from cxr_core.corpus.row import Greys
from cxr_core.phantom import as_dicom, phantom

Stored = npt.NDArray[np.integer]
Values = npt.NDArray[np.float64]

HEIGHT, WIDTH = 320, 256
NATIVE = MappingProxyType(
    {
        uid.ImplicitVRLittleEndian: "implicit little endian",
        uid.ExplicitVRLittleEndian: "explicit little endian",
        uid.ExplicitVRBigEndian: "explicit big endian",
        uid.DeflatedExplicitVRLittleEndian: "deflated explicit little endian",
    }
)


@functools.cache
def film(bits: int = 12, seed: int = 5) -> Stored:
    """(320, 256) uint16 of ``bits``: the film's stored numbers, bone bright."""
    stored = (phantom(seed, height=HEIGHT, width=WIDTH) >> (16 - bits)).astype(np.uint16)
    stored.setflags(write=False)
    return stored


def whole(values: npt.NDArray[Any], low: float, high: float) -> Greys:
    """The greys of values when [low, high] is shown from black to white."""
    return to_grey(np.clip((values.astype(np.float64) - low) / (high - low), 0.0, 1.0))


def to_grey(shown: Values) -> Greys:
    """[0, 1] as 0 to 65535."""
    return np.round(shown * 65535).astype(np.uint16)


def plain(bits: int = 12) -> Greys:
    """The film as every file that stores all of its ``bits`` has to show it."""
    return whole(film(bits), 0, (1 << bits) - 1)


@functools.cache
def _template() -> bytes:
    return as_dicom(phantom(0, height=64, width=64))


def dataset(stored: Stored, bits: int = 12, **attributes: Any) -> Dataset:
    """A DX film whose window shows all of ``bits``; ``attributes`` are set on top, or taken away where None.

    ``stored`` is (H, W) or (H, W, 3), 8 or 16 bits, signed or not; several frames come as ``PixelData``.
    """
    made = pydicom.dcmread(io.BytesIO(_template()))
    top = (1 << bits) - 1
    made.WindowCenter, made.WindowWidth, made.VOILUTFunction = top / 2, top, "LINEAR_EXACT"
    del made.PresentationLUTShape
    made.Rows, made.Columns = stored.shape[:2]
    made.BitsAllocated, made.BitsStored, made.HighBit = 8 * stored.dtype.itemsize, bits, bits - 1
    made.PixelRepresentation = int(stored.dtype.kind == "i")
    if stored.ndim == 3:
        made.SamplesPerPixel, made.PlanarConfiguration, made.PhotometricInterpretation = 3, 0, "RGB"
    made.PixelData = little(stored)
    made["PixelData"].VR = "OW"
    return changed(made, **attributes)


def changed(made: Dataset, **attributes: Any) -> Dataset:
    """The same dataset with attributes set, or taken away where None; whatever the standard thinks of the values."""
    with _unchecked():
        for keyword, value in attributes.items():
            if value is None:
                made.pop(keyword, None)
            elif keyword.startswith("PixelPadding"):
                made.add_new(keyword, "SS" if value < 0 else "US", value)
            else:
                setattr(made, keyword, value)
    return made


def little(stored: Stored) -> bytes:
    """Little-endian bytes, as uncompressed pixel data lies."""
    data: bytes = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    return data + b"\0" * (len(data) % 2)


def saved(made: Dataset, syntax: UID = uid.ExplicitVRLittleEndian) -> bytes:
    """The file of an uncompressed or run-length coded dataset."""
    with _unchecked():
        if syntax == uid.RLELossless:
            made.compress(syntax, generate_instance_uid=False)
        elif syntax == uid.ExplicitVRBigEndian and made.BitsAllocated == 16:
            made.PixelData = np.frombuffer(made.PixelData, "<u2").byteswap().tobytes()
        elif syntax == uid.ExplicitVRBigEndian:
            made["PixelData"].VR = "OB"  # bytes, not words: nothing to swap
        made.file_meta.TransferSyntaxUID = syntax
        out = io.BytesIO()
        pydicom.dcmwrite(
            out,
            made,
            implicit_vr=syntax == uid.ImplicitVRLittleEndian,
            little_endian=syntax != uid.ExplicitVRBigEndian,
        )
        return out.getvalue()


def dicom(stored: Stored, bits: int = 12, syntax: UID = uid.ExplicitVRLittleEndian, **attributes: Any) -> bytes:
    """The file of a DX film of these stored numbers, in any syntax that this module writes without loss."""
    made = dataset(stored, bits, **attributes)
    if syntax in STREAMS:
        return wrapped([STREAMS[syntax](stored, bits)], made, syntax)
    return saved(made, syntax)


@functools.cache
def plain_file() -> bytes:
    """The file that nothing is the matter with: the film in 12 bits, explicit little endian."""
    return dicom(film())


def wrapped(frames: Sequence[bytes], made: Dataset, syntax: UID, *, fragments: int = 1, table: bool = True) -> bytes:
    """The file of a dataset whose frames are coded streams, each in so many fragments, with an offset table or not."""
    made.PixelData = encapsulate(list(frames), fragments_per_frame=fragments, has_bot=table)
    return sealed(made, syntax)


def sealed(made: Dataset, syntax: UID) -> bytes:
    """The file of a dataset whose PixelData is encapsulated already."""
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    with _unchecked():
        pydicom.dcmwrite(out, made, implicit_vr=False, little_endian=True)
    return out.getvalue()


def jpeg_lossless(stored: Stored, bits: int, predictor: int = 1) -> bytes:
    """ITU-T T.81 process 14 by libjpeg-turbo."""
    unsigned = stored.view(f"u{stored.dtype.itemsize}") & ((1 << bits) - 1)
    return bytes(imagecodecs.jpeg8_encode(unsigned, lossless=True, predictor=predictor, bitspersample=bits))


def jpeg_ls(stored: Stored, bits: int, near: int = 0) -> bytes:
    """ITU-T T.87 by CharLS; it writes 8 or 16 bits, whatever is stored."""
    return bytes(imagecodecs.jpegls_encode(_bits_only(stored, bits), level=near))


def jpeg_2000(stored: Stored, bits: int, level: int = 0) -> bytes:
    """ITU-T T.800 codestream by OpenJPEG; level 0 is lossless, else dB."""
    return bytes(
        imagecodecs.jpeg2k_encode(
            _bits_only(stored, bits), level=level, codecformat="j2k", bitspersample=bits, reversible=not level
        )
    )


def high_throughput(stored: Stored, bits: int) -> bytes:
    """ITU-T T.814 codestream by OpenJPH; it writes 8 or 16 bits."""
    return bytes(imagecodecs.htj2k_encode(_bits_only(stored, bits), reversible=True))


def _bits_only(stored: Stored, bits: int) -> Stored:
    return np.asarray(stored.view(f"u{stored.dtype.itemsize}") & ((1 << bits) - 1))


STREAMS: Mapping[UID, Callable[[Stored, int], bytes]] = MappingProxyType(
    {
        uid.JPEGLossless: functools.partial(jpeg_lossless, predictor=4),
        uid.JPEGLosslessSV1: jpeg_lossless,
        uid.JPEGLSLossless: jpeg_ls,
        uid.JPEG2000Lossless: jpeg_2000,
        uid.HTJ2KLossless: high_throughput,
        uid.HTJ2KLosslessRPCL: high_throughput,
    }
)
"""Transfer syntax -> the encoder of its streams."""


class _unchecked(warnings.catch_warnings):  # noqa: N801 - reads as a word in "with"
    """pydicom's complaints about values that break the standard, unsaid: broken values are the point here."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
