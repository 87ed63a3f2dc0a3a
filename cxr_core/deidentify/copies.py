"""Files -> de-identified copies in a folder, one by one; what cannot be cleaned is refused and not copied.

    OUT/P-4F7K2QXA5NJM/<name>.dcm    a patient's films, under the pseudonym
    OUT/pictures/<name>.png          pictures, which name no patient

A name is made from the file's content and the secret: the same file is recognised in a later run and passed over, and
neither a patient's name in a file name nor the order of files is carried along.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID

from cxr_core.deidentify.profile import Profile, patient_of
from cxr_core.deidentify.secret import Secret
from cxr_core.deidentify.streams import JPEG, JPEG_2000, PNG, bare_jpeg, bare_jpeg_2000, bare_png
from cxr_core.errors import DamagedImage, EmptyFile, NoPixels, NotAnImage, Refusal, StoreError, UnsupportedEncoding
from cxr_core.read.dataset import PIXEL_DATA, looks_like_dicom
from cxr_core.read.quiet import contain
from cxr_core.read.sources import InputFile
from cxr_core.records import Notice

_BROKEN = "The DICOM file is damaged or cut short, so it cannot be cleaned. Export it again from its source."
_BURNED_IN = Notice(
    "burned_in",
    "The file says that text is burnt into the picture. Look at the copy before you pass it on: no name is taken out "
    "of pixels.",
)
_PERHAPS_BURNED_IN = Notice(
    "perhaps_burned_in",
    "The file does not say that the picture is free of burnt-in text. Look at the copy before you pass it on.",
)
T = TypeVar("T")

_OVERLAYS = range(0x6000, 0x6020, 2)


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one input: its copy, or the refusal; ``before`` if an earlier run had made the copy."""

    name: str
    copy: Path | None = None
    refusal: Notice | None = None
    warnings: tuple[Notice, ...] = ()
    before: bool = False


def deidentify(inputs: Iterable[InputFile], folder: Path, secret: Secret) -> Iterator[Copied]:
    """Copy each input without its patient into ``folder``, in order. StoreError where that cannot be written."""
    for item in inputs:
        try:
            yield _copied(item.name, item.load(), folder, secret)
        except Refusal as refusal:
            yield Copied(item.name, refusal=Notice(refusal.code, refusal.message))


def _copied(name: str, data: bytes, folder: Path, secret: Secret) -> Copied:
    own = secret.file(hashlib.sha256(data).hexdigest())
    if not looks_like_dicom(data):
        suffix, clean = _picture_kind(data)
        copy = folder / "pictures" / f"{own}.{suffix}"
        return Copied(name, copy, warnings=(_PERHAPS_BURNED_IN,), before=_keep(copy, lambda: clean(data)))
    dataset = _contained(lambda: _parsed(data))
    patient = _contained(lambda: patient_of(dataset, own))
    copy = folder / secret.patient(patient) / f"{own}.dcm"
    warnings = _contained(lambda: _burned_in(dataset))
    before = _keep(copy, lambda: _contained(lambda: _clean(dataset, Profile(secret, patient))))
    return Copied(name, copy, warnings=warnings, before=before)


def _contained(work: Callable[[], T]) -> T:
    return contain(work, _BROKEN)


def _picture_kind(data: bytes) -> tuple[str, Callable[[bytes], bytes]]:
    """The suffix of a picture's copy and what cleans it; a refusal for what cannot be cleaned without loss."""
    if data.startswith(PNG):
        return "png", bare_png
    if data.startswith(JPEG):
        return "jpg", bare_jpeg
    if not data:
        raise EmptyFile("The file is empty (0 bytes), so there is nothing to copy.")
    if data.startswith((b"II*\0", b"MM\0*", b"BM")):
        raise UnsupportedEncoding(
            "A TIFF or BMP file may hold names in places that no list knows, so it is not copied. Save it as PNG first."
        )
    raise NotAnImage("The file is neither DICOM nor PNG nor JPEG, so it is not known where it holds names. Not copied.")


def _parsed(data: bytes) -> Dataset:
    """The whole dataset, every value of it converted; NoPixels for an object without an image."""
    if data[:4] == b"DICM":
        data = bytes(128) + data
    dataset = pydicom.dcmread(BytesIO(data), force=True)
    if "PixelData" not in dataset and any(tag in data for tag in PIXEL_DATA):
        raise DamagedImage(_BROKEN)
    if not dataset.get("PixelData"):
        raise NoPixels(
            "The DICOM file holds no image. Reports and documents are free text, which no list can clean. Not copied."
        )
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        explicit = pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _burned_in(dataset: Dataset) -> tuple[Notice, ...]:
    """Burned In Annotation (0028,0301) says YES, or does not say NO (PS3.3 C.7.6.1)."""
    said = str(dataset.get("BurnedInAnnotation") or "").strip().upper()
    return () if said == "NO" else (_BURNED_IN,) if said == "YES" else (_PERHAPS_BURNED_IN,)


def _clean(dataset: Dataset, profile: Profile) -> bytes:
    """The bytes of the copy: cleaned header and stream, a new file head, nothing before and nothing behind."""
    _clear_unused_bits(dataset)
    _strip_streams(dataset)
    profile.apply(dataset)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        setattr(meta, f"MediaStorage{keyword}", dataset.get(keyword) or profile.secret.uid(profile.patient))
    dataset.file_meta, dataset.preamble = meta, bytes(128)
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def _clear_unused_bits(dataset: Dataset) -> None:
    """Old overlays, names among them, lie in the bits of a pixel that the film does not use (PS3.5 8.1.2)."""
    planes = [dataset.get_item((group, 0x0102)) for group in _OVERLAYS]
    if not any(planes) or UID(dataset.file_meta.TransferSyntaxUID).is_encapsulated or dataset.BitsAllocated != 16:
        return
    stored, high = int(dataset.BitsStored), int(dataset.HighBit)
    mask = np.uint16(((1 << stored) - 1) << (high - stored + 1) & 0xFFFF)
    little = dataset.original_encoding[1]
    pixels = np.frombuffer(dataset.PixelData, "<u2" if little else ">u2") & mask
    dataset.PixelData = pixels.astype("<u2" if little else ">u2").tobytes()


def _strip_streams(dataset: Dataset) -> None:
    """Comments and application segments of compressed frames are taken out; the coded pixels stay as they are."""
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if not syntax.is_encapsulated:
        return
    frames = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))
    bare = [_bare_stream(frame) for frame in frames]
    if bare != frames:
        dataset.PixelData = encapsulate(bare)
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            dataset.pop(keyword, None)


def _bare_stream(frame: bytes) -> bytes:
    if frame.startswith(JPEG):
        bare = bare_jpeg(frame)
    elif frame.startswith(JPEG_2000):
        bare = bare_jpeg_2000(frame)
    else:
        return frame
    return bare + b"\0" * (len(bare) % 2)


def _keep(copy: Path, made: Callable[[], bytes]) -> bool:
    """Write a copy whole or not at all; True if an earlier run had made it."""
    if copy.exists():
        return True
    body = made()
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=copy.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(body)
            Path(part).replace(copy)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise StoreError(f"a copy could not be written ({exc.strerror}); is there room in the folder?") from exc
    return False
