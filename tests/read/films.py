"""Files to read: films in every encoding at hand, and the ways to spoil them."""

import functools
import io
import tempfile
import warnings
from pathlib import Path

import gdcm
import imagecodecs
import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from cxr_core.errors import Refusal
from cxr_core.phantom import as_dicom, phantom
from cxr_core.read import read
from cxr_core.settings import Settings

SETTINGS = Settings()
NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
LOSSLESS = (
    *NATIVE,
    uid.RLELossless,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)
_BY_GDCM = (uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGBaseline8Bit)


@functools.cache
def _template():
    return as_dicom(phantom(0, height=64, width=64))


@functools.lru_cache(maxsize=64)
def film(seed=1, height=96, width=80, bits=12):
    """A phantom's stored numbers, (H, W) uint16 of ``bits``."""
    stored = (phantom(seed, height=height, width=width) >> (16 - bits)).astype(np.uint16)
    stored.setflags(write=False)
    return stored


def codes(radiograph):
    """The warnings' codes."""
    return [warning.code for warning in radiograph.warnings]


def dataset(stored, bits=12, **attributes):
    """A DX dataset whose window shows all of ``bits``, and nothing more; ``attributes`` are set, or removed if None."""
    made = pydicom.dcmread(io.BytesIO(_template()))
    top = (1 << bits) - 1
    made.WindowCenter, made.WindowWidth, made.VOILUTFunction = top / 2, top, "LINEAR_EXACT"
    del made.PresentationLUTShape
    made.Rows, made.Columns = stored.shape[:2]
    made.BitsAllocated, made.BitsStored, made.HighBit = 8 * stored.dtype.itemsize, bits, bits - 1
    made.PixelRepresentation = int(stored.dtype.kind == "i")
    if stored.ndim == 3:
        made.SamplesPerPixel, made.PlanarConfiguration, made.PhotometricInterpretation = 3, 0, "RGB"
    made.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    made["PixelData"].VR = "OW"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken values are the point
        for keyword, value in attributes.items():
            if value is None:
                made.pop(keyword, None)
            elif keyword.startswith("PixelPadding"):
                made.add_new(keyword, "US", value)
            else:
                setattr(made, keyword, value)
    return made


def saved(made, syntax=uid.ExplicitVRLittleEndian):
    """The bytes of a dataset, its native pixels recoded as ``syntax``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken values are the point
        # pydicom takes 8 bits stored of 16 allocated for 8 allocated
        if syntax in _BY_GDCM or (syntax == uid.RLELossless and made.BitsStored <= 8 < made.BitsAllocated):
            return _by_gdcm(saved(made), syntax)
        if syntax not in NATIVE:
            made.compress(syntax)
        elif syntax == uid.ExplicitVRBigEndian and made.BitsAllocated == 16:
            made.PixelData = np.frombuffer(made.PixelData, "<u2").byteswap().tobytes()
        made.file_meta.TransferSyntaxUID = syntax
        out = io.BytesIO()
        little = syntax != uid.ExplicitVRBigEndian
        pydicom.dcmwrite(out, made, implicit_vr=syntax == uid.ImplicitVRLittleEndian, little_endian=little)
        return out.getvalue()


def dicom(stored, bits=12, syntax=uid.ExplicitVRLittleEndian, **attributes):
    """The bytes of a DX film of these stored numbers."""
    return saved(dataset(stored, bits, **attributes), syntax)


def wrapped(stream, stored, bits, syntax, **attributes):
    """A film whose one frame is an encoded stream that someone else made."""
    made = dataset(stored, bits, **attributes)
    made.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    pydicom.dcmwrite(out, made, implicit_vr=False, little_endian=True)
    return out.getvalue()


def extended_jpeg(stored):
    """A 12-bit JPEG (process 4) stream, nearly lossless."""
    return imagecodecs.jpeg8_encode(stored, level=98, bitspersample=12)


def outcome(data, settings=SETTINGS, name="film"):
    """The refusal's code, or "read"; anything else that is raised fails the test."""
    try:
        read(data, name, settings)
    except Refusal as refusal:
        assert refusal.message
        return refusal.code
    return "read"


def lut(entries, first, bits):
    """A lookup table item (PS3.3 C.11.1)."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return item


def _by_gdcm(data, syntax):
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given"), Path(folder, "made")
        given.write_bytes(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(given))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(made))
        assert writer.Write()
        return made.read_bytes()
