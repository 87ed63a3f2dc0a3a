"""Small whole files to begin from: an 80 x 72 cut of the corpus' film in every format that is read."""

import functools
import io
import zipfile

import imagecodecs
import numpy as np
from pydicom import uid

from cxr_core.corpus.pictures import pillow
from cxr_core.corpus.samples import NATIVE, STREAMS, dataset, dicom, film, jpeg_2000, saved, wrapped


def _cut(bits):
    return np.ascontiguousarray(film(bits)[40:120, 60:132])


@functools.cache
def seeds():
    """Name -> bytes; the name's first word is the format."""
    deep, eight = _cut(12), _cut(8).astype(np.uint8)
    found = {f"dicom {syntax.name}": dicom(deep, 12, syntax) for syntax in (*NATIVE, uid.RLELossless, *STREAMS)}
    found |= {f"dicom {syntax.name}, 8 bits": dicom(eight, 8, syntax) for syntax in (uid.RLELossless, *STREAMS)}
    baseline = bytes(imagecodecs.jpeg8_encode(eight, level=92))
    extended = bytes(imagecodecs.jpeg8_encode(deep, level=95, bitspersample=12))
    found["dicom JPEG Baseline"] = wrapped([baseline], dataset(eight, 8), uid.JPEGBaseline8Bit)
    found["dicom JPEG Extended"] = wrapped([extended], dataset(deep), uid.JPEGExtended12Bit)
    found["dicom JPEG 2000"] = wrapped([jpeg_2000(deep, 12, 40)], dataset(deep), uid.JPEG2000)
    two = [STREAMS[uid.JPEGLSLossless](deep, 12)] * 2
    found["dicom two frames"] = wrapped(two, dataset(deep, NumberOfFrames=2), uid.JPEGLSLossless, fragments=2)
    found["dicom colour"] = saved(dataset(np.dstack([eight] * 3), 8))
    found["dicom colour run-length"] = saved(dataset(np.dstack([eight] * 3), 8), uid.RLELossless)
    colour = np.dstack([eight] * 3)
    found |= {
        "png 8 bits": pillow(eight, "PNG"),
        "png 16 bits": pillow(_cut(16), "PNG"),
        "png colour": pillow(np.dstack([colour, np.full_like(eight, 255)]), "PNG"),
        "jpeg baseline": pillow(eight, "JPEG", quality=92),
        "jpeg progressive": pillow(colour, "JPEG", quality=92, progressive=True),
        "tiff 16 bits": pillow(_cut(16), "TIFF"),
        "tiff lzw": pillow(eight, "TIFF", compression="tiff_lzw"),
        "tiff floats": pillow((_cut(16) / 65535).astype(np.float32), "TIFF"),
        "bmp": pillow(eight, "BMP"),
        "zip deflated": zipped(dicom(deep)),
    }
    return found


def zipped(data, method=zipfile.ZIP_DEFLATED):
    """An archive of one film."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("film.dcm", data)
    return out.getvalue()
