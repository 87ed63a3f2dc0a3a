"""What reading a file will take, told by its header."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate

from cxr_core.read import READERS
from cxr_core.read.decode import STREAMS
from cxr_core.read.need import NEEDS, may_crash, need_mb
from cxr_core.settings import BYTES_A_PIXEL, Settings
from tests.read.films import NATIVE, dicom, film

SETTINGS = Settings()


def picture(kind, mode="L", side=1000):
    out = io.BytesIO()
    Image.new(mode, (side, side)).save(out, kind)
    return out.getvalue()


def test_every_reader_has_its_need():
    assert list(NEEDS) == list(READERS)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_picture_needs_by_its_pixels_and_twice_its_bytes(kind):
    data = picture(kind)
    least = BYTES_A_PIXEL + 2 * len(data) / 1e6
    assert least <= need_mb(data, SETTINGS) <= least + 3
    assert 3.5 * need_mb(data, SETTINGS) <= need_mb(picture(kind, side=2000), SETTINGS)


@pytest.mark.parametrize("mode", ["F", "I", "RGB"])
def test_wide_and_coloured_pixels_need_more(mode):
    assert need_mb(picture("TIFF", mode), SETTINGS) > 1.5 * need_mb(picture("TIFF"), SETTINGS)


@pytest.mark.parametrize(
    ("syntax", "colour", "each"),
    [(uid.ExplicitVRLittleEndian, False, 10), (uid.JPEG2000Lossless, False, 12), (uid.JPEG2000Lossless, True, 29)],
)
def test_a_dicom_film_needs_what_its_decoder_takes(syntax, colour, each):
    stored = film(height=1000, width=800)
    if colour:
        stored = np.stack([(stored >> 4).astype(np.uint8)] * 3, axis=-1)
    data = dicom(stored, 8 if colour else 12, syntax)
    assert need_mb(data, SETTINGS) == 1 + int((each * stored.shape[0] * stored.shape[1] + 2 * len(data)) / 1e6)


def test_an_ordinary_film_leaves_room_for_others_at_default_settings():
    data = dicom(np.zeros((3000, 3000), np.uint16))
    assert 4 * need_mb(data, SETTINGS) <= SETTINGS.memory_mb
    assert SETTINGS.largest_film_mb <= SETTINGS.memory_mb


def test_a_header_that_is_itself_compressed_counts_as_the_largest():
    data = dicom(film(), syntax=uid.DeflatedExplicitVRLittleEndian)
    assert need_mb(data, SETTINGS) >= SETTINGS.largest_film_mb


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", bytes(128) + b"DICM"])
def test_a_header_that_cannot_be_followed_counts_as_the_largest(data):
    assert need_mb(data, SETTINGS) == SETTINGS.largest_film_mb


@given(st.sampled_from([b"", b"II*\0", b"BM", bytes(128) + b"DICM", b"\xff\xd8\xff"]), st.binary(max_size=200))
def test_any_bytes_have_a_need(start, rest):
    assert need_mb(start + rest, SETTINGS) >= 1


@pytest.mark.parametrize("syntax", [*NATIVE, uid.RLELossless])
def test_pixels_that_are_taken_apart_here_cannot_crash(syntax):
    data = dicom(film(), syntax=syntax)
    assert not may_crash(data)
    assert not may_crash(data[128:])


@pytest.mark.parametrize("syntax", list(STREAMS))
def test_pixels_for_a_foreign_decoder_may_crash(syntax):
    made = pydicom.dcmread(io.BytesIO(dicom(film())))
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate([bytes(8)])
    out = io.BytesIO()
    pydicom.dcmwrite(out, made)
    assert may_crash(out.getvalue())
    assert may_crash(out.getvalue()[128:])


@pytest.mark.parametrize(("kind", "may"), [("PNG", False), ("JPEG", True), ("TIFF", True), ("BMP", True)])
def test_pictures_but_png_go_to_foreign_decoders(kind, may):
    assert may_crash(picture(kind)) == may


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_judged_without_a_word(data):
    for start in (b"", b"DICM", bytes(128) + b"DICM", b"\x02\0\x10\0UI\xff\xff"):
        assert may_crash(start + data) in (True, False)
