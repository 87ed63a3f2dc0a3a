"""Small films of other systems: a few kilobytes, every one an instance of its own."""

from io import BytesIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from cxr_core.phantom import as_dicom, phantom

_SMALL: list[bytes] = []


def dataset(number: int = 0, *, study: str = "", **entries) -> Dataset:
    """A chest film of 128 x 128 pixels; ``number`` tells instances apart, an entry of None is left out."""
    if not _SMALL:
        _SMALL.append(as_dicom(phantom(1, height=128, width=128)))
    made = pydicom.dcmread(BytesIO(_SMALL[0]))
    made.SOPInstanceUID = generate_uid(entropy_srcs=["instance", str(number)])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=["series", study])
    made.StudyInstanceUID = study or generate_uid(entropy_srcs=["study"])
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    pixels = np.frombuffer(made.PixelData, "<u2").copy()
    pixels[0] = number  # no two instances have the same pixels
    made.PixelData = pixels.tobytes()
    for keyword, value in entries.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def file_of(made: Dataset) -> bytes:
    """As a DICOM file."""
    stream = BytesIO()
    pydicom.dcmwrite(stream, made, enforce_file_format=True)
    return stream.getvalue()


def instance_of(data: bytes) -> Dataset:
    """Back again."""
    return pydicom.dcmread(BytesIO(data))


def uid(*words: str) -> UID:
    """The same for the same words."""
    return generate_uid(entropy_srcs=list(words))
