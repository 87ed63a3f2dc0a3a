"""Pixel data of one checked DICOM dataset -> its first frame as stored whole numbers.

Each transfer syntax has one decoder, the strictest at hand: a lenient one would fill what a cut file lacks with grey.
Those that abort the process or never return on a broken stream (GDCM, CharLS without an end marker, the run-length
decoder on a long segment) are avoided or fenced. The stream's own header is compared with Rows and Columns before it is
decoded. This module knows nothing of greys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np
from imagecodecs import jpeg2k_decode, jpeg8_decode, jpegls_decode
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments, get_frame, parse_basic_offsets
from pydicom.pixels import apply_color_lut, convert_color_space, get_decoder
from pydicom.uid import UID

from cxr_core.errors import DamagedImage, UnsupportedEncoding
from cxr_core.read.codestream import Frame, jpeg2000_frame, jpeg_frame
from cxr_core.read.dataset import BROKEN, Layout, number
from cxr_core.read.grey import Depth, Stored
from cxr_core.read.rle import decode_rle

Header = Callable[[bytes], Frame | None]
Codec = Callable[[bytes], Any]

STREAMS: Mapping[UID, tuple[Header, Codec]] = MappingProxyType(
    {
        uid.JPEGBaseline8Bit: (jpeg_frame, jpeg8_decode),
        uid.JPEGExtended12Bit: (jpeg_frame, jpeg8_decode),
        uid.JPEGLossless: (jpeg_frame, jpeg8_decode),
        uid.JPEGLosslessSV1: (jpeg_frame, jpeg8_decode),
        uid.JPEGLSLossless: (jpeg_frame, jpegls_decode),
        uid.JPEGLSNearLossless: (jpeg_frame, jpegls_decode),
        uid.JPEG2000Lossless: (jpeg2000_frame, jpeg2k_decode),
        uid.JPEG2000: (jpeg2000_frame, jpeg2k_decode),
        uid.HTJ2KLossless: (jpeg2000_frame, jpeg2k_decode),
        uid.HTJ2KLosslessRPCL: (jpeg2000_frame, jpeg2k_decode),
        uid.HTJ2K: (jpeg2000_frame, jpeg2k_decode),
    }
)
"""Transfer syntax -> (reader of its streams' header, decoder of its streams)."""

_NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
_EIGHT_BIT_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
_LOSSLESS_JPEG = (uid.JPEGLossless, uid.JPEGLosslessSV1)
_END_OF_IMAGE = b"\xff\xd9"
_MORE_SCAN = b"\x55\xaa" * 64


def bytes_a_pixel(layout: Layout) -> int:
    """Most memory that decoding takes for a pixel, the decoder's own buffers and the greys included.

    OpenJPEG holds every sample as 32 bits twice. libjpeg keeps whole pictures of 16-bit coefficients or differences
    where a stream has several scans. Changing luminance and chrominance to colour takes floats.
    """
    sample = layout.allocated // 8
    if layout.photometric.startswith("YBR_FULL"):
        return layout.samples * (2 * sample + 8) + 2
    if layout.syntax in STREAMS:
        _, codec = STREAMS[layout.syntax]
        own = {jpeg2k_decode: 8, jpeg8_decode: 2 + sample}.get(codec, sample)
        return layout.samples * (own + sample) + 2
    return layout.samples * (3 if layout.syntax == uid.RLELossless else 2) * sample + 2


def first_frame(dataset: Dataset, layout: Layout) -> tuple[Stored, Depth]:
    """The first frame, (H, W) stored numbers or (H, W, 3) RGB, and how many bits they use."""
    _complete(dataset, layout)
    if layout.syntax in _NATIVE:
        stored, depth = _native(dataset, layout), layout.depth
    elif layout.syntax in STREAMS or layout.syntax == uid.RLELossless:
        stored, depth = _encapsulated(dataset, layout)
    else:
        raise UnsupportedEncoding(_no_decoder(layout.syntax))
    shape = (layout.height, layout.width)
    if stored.shape not in (shape, (*shape, 3)):
        raise DamagedImage(BROKEN)
    if layout.photometric == "PALETTE COLOR" and stored.ndim == 2:
        stored = apply_color_lut(stored, dataset)
        return stored, Depth(8 * stored.dtype.itemsize)
    return stored, depth


def _complete(dataset: Dataset, layout: Layout) -> None:
    """Write the checked layout back: secondary captures often lack what pydicom insists on."""
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = layout.samples, layout.photometric
    dataset.BitsAllocated, dataset.BitsStored = layout.allocated, layout.depth.bits
    dataset.HighBit = layout.depth.bits - 1
    dataset.PixelRepresentation, dataset.NumberOfFrames = int(layout.depth.signed), layout.frames
    if layout.samples > 1 and number(dataset, "PlanarConfiguration") not in (0, 1):
        dataset.PlanarConfiguration = 0


def _native(dataset: Dataset, layout: Layout) -> Stored:
    """Uncompressed pixels, taken where they lie."""
    _check_length(dataset, layout)
    decoder = get_decoder(layout.syntax)
    stored = decoder.as_array(dataset, index=0, view_only=True, correct_unused_bits=False)[0]
    return _only_stored_bits(stored, layout)


def _check_length(dataset: Dataset, layout: Layout) -> None:
    """DamagedImage where there are pixels beyond those laid out: Rows or Columns are wrong, and lines would shear.

    A little padding is common, and so are further frames that the header does not count.
    """
    line = layout.width * layout.samples * layout.allocated // 8
    if layout.photometric == "YBR_FULL_422":
        line = line * 2 // 3
    beyond = len(dataset.PixelData) % max(1, line * layout.height)
    if len(dataset.PixelData) > line * layout.height * layout.frames and beyond > line:
        raise DamagedImage(
            "The DICOM file holds more pixels than its Rows and Columns lay out. Export it again from its source."
        )


def _stream(dataset: Dataset, layout: Layout) -> bytes:
    """The first frame's stream: of a single frame all fragments, whatever the offset table says of them."""
    if layout.frames > 1:
        return bytes(get_frame(dataset.PixelData, 0, number_of_frames=layout.frames))
    fragments = BytesIO(dataset.PixelData)
    parse_basic_offsets(fragments)
    return b"".join(generate_fragments(fragments))


def _encapsulated(dataset: Dataset, layout: Layout) -> tuple[Stored, Depth]:
    stream = _stream(dataset, layout)
    if layout.syntax == uid.RLELossless:
        return _run_length(stream, layout), layout.depth
    header, codec = STREAMS[layout.syntax]
    frame = header(stream)
    # A stream larger than the dataset announces would escape the limits on size.
    if frame is None or (frame.width, frame.height, frame.channels) != (layout.width, layout.height, layout.samples):
        raise DamagedImage(BROKEN)
    if frame.bits > 16:
        raise UnsupportedEncoding(_no_decoder(layout.syntax, f" of {frame.bits} bits"))
    if layout.syntax in _EIGHT_BIT_JPEG and frame.bits == 8:
        # pydicom knows the many ways in which colour is mislabelled there.
        stored = get_decoder(layout.syntax).as_array(dataset, index=0, decoding_plugin="pillow")[0]
    else:
        stored = _decoded(stream, codec, layout, frame)
    return _widened(stored, layout, frame)


def _decoded(stream: bytes, codec: Codec, layout: Layout, frame: Frame) -> Stored:
    """A stream's numbers, their sign as the dataset says: streams carry none or the wrong one.

    The end marker is asked for first: without it libjpeg-turbo fills what is missing with grey, and CharLS may wait for
    ever for the byte after an FF. OpenJPEG refuses what is cut by itself, and its end marker is often left out.
    """
    if codec is not jpeg2k_decode and not stream.rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise DamagedImage(BROKEN)
    stored = np.asarray(codec(stream))
    if layout.syntax in _LOSSLESS_JPEG and _sealed(stream, codec, stored):
        raise DamagedImage(BROKEN)
    stored = stored.view(f"u{stored.dtype.itemsize}") & ((1 << frame.bits) - 1)
    stored = stored.astype(f"u{layout.allocated // 8}", copy=False)
    if layout.depth.signed:
        above = layout.allocated - layout.depth.bits
        stored = np.right_shift(np.left_shift(stored.view(f"i{stored.dtype.itemsize}"), above), above)
    if layout.photometric.startswith("YBR_FULL"):
        stored = convert_color_space(stored, "YBR_FULL", "RGB")
    return np.asarray(stored)


def _sealed(stream: bytes, codec: Codec, stored: Stored) -> bool:
    """Whether a stream was cut short and then sealed with an end marker.

    Its decoder repeats one grey for what is missing, so only a film whose last row is a single grey is suspected (a
    collimator's border looks the same). Decoded again with a few bytes more before the end marker, a whole stream gives
    the same picture, because its scan is over; one that was cut goes on with them.
    """
    last = stored[-1]
    if (last != last[0]).any():
        return False
    end = stream.rstrip(b"\0").removesuffix(_END_OF_IMAGE)
    return bool((np.asarray(codec(end + _MORE_SCAN + _END_OF_IMAGE)) != stored).any())


def _widened(stored: Stored, layout: Layout, frame: Frame) -> tuple[Stored, Depth]:
    """Stored numbers and their depth: Bits Stored, or the stream's own where its numbers do not fit into that."""
    depth = layout.depth
    if frame.bits > depth.bits and int(stored.max()) > depth.high:
        depth = Depth(min(frame.bits, 16), depth.signed)
    return np.clip(stored, depth.low, depth.high), depth


def _run_length(stream: bytes, layout: Layout) -> Stored:
    shape = (layout.height, layout.width)
    stored = decode_rle(stream, shape, layout.samples, layout.allocated)
    if layout.photometric.startswith("YBR_FULL"):
        stored = convert_color_space(stored, "YBR_FULL", "RGB")
    return _only_stored_bits(stored, layout)


def _only_stored_bits(stored: Stored, layout: Layout) -> Stored:
    """Without the bits above and below the stored ones (old overlays lie there), the sign carried down."""
    above = layout.allocated - layout.depth.bits - layout.shift
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    stored = stored.view(f"i{stored.dtype.itemsize}") if layout.depth.signed else stored
    if above or layout.shift:
        stored = np.right_shift(np.left_shift(stored, above), above + layout.shift)
    return np.asarray(stored)


def _no_decoder(syntax: UID, detail: str = "") -> str:
    known = syntax.name if syntax.name != syntax else "a private transfer syntax"
    return f"No decoder here reads {known}{detail}. Send the film uncompressed or as JPEG Lossless."
