"""PNG and JPEG films: right greys from every layout, and a reason for every refusal."""

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxr_core.phantom import as_png, phantom
from cxr_core.read import digest, read
from cxr_core.read.grey import Depth, full_or_stretched, histogram, look_up, picture_greys
from cxr_core.settings import BYTES_A_PIXEL, Settings
from tests.read.films import SETTINGS, codes, film, outcome

FILM = phantom(1, height=96, width=80)
GREY8 = (FILM >> 8).astype(np.uint8)


def encoded(picture, kind="PNG", **options):
    out = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(out, kind, **options)
    return out.getvalue()


def opencv_png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def claiming(width, height, bits=8, kind=0):
    """A small PNG whose header claims any size."""
    body = zlib.compress(bytes(1000))
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def pixels(data):
    return read(data, "film", SETTINGS).pixels


def test_sixteen_and_eight_bits_are_read_exactly():
    np.testing.assert_array_equal(pixels(as_png(FILM)), FILM)
    np.testing.assert_array_equal(pixels(as_png(FILM, 8)), GREY8 * np.uint16(257))


def test_a_film_knows_its_name_and_source():
    radiograph = read(as_png(FILM), "ward/a", SETTINGS)
    assert (radiograph.name, radiograph.source, radiograph.view, radiograph.warnings) == ("ward/a", "png", None, ())
    assert radiograph.sha256 == digest(as_png(FILM))
    assert read(encoded(GREY8, "JPEG"), "b", SETTINGS).source == "jpeg"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_dressed_as_something_else_is_the_same_film(mode):
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(GREY8).convert(mode))), GREY8 * np.uint16(257))


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour_that_is_grey_keeps_its_depth(channels):
    layers = [FILM] * 3 + [np.full_like(FILM, 65535)] * (channels - 3)
    np.testing.assert_array_equal(pixels(opencv_png(np.dstack(layers))), FILM)


def test_transparent_parts_are_black_and_an_empty_alpha_is_dropped():
    alpha = np.full_like(GREY8, 255)
    alpha[:10] = 0
    shown = pixels(encoded(np.dstack([GREY8] * 3 + [alpha])))
    assert (shown[:10] == 0).all()
    np.testing.assert_array_equal(shown[10:], GREY8[10:] * np.uint16(257))
    dropped = pixels(encoded(np.dstack([GREY8] * 3 + [np.zeros_like(GREY8)])))
    np.testing.assert_array_equal(dropped, GREY8 * np.uint16(257))


def test_twelve_bits_in_a_sixteen_bit_file_are_not_black():
    stored = film()
    radiograph = read(opencv_png(stored), "film", SETTINGS)
    np.testing.assert_array_equal(radiograph.pixels, np.round(stored / 4095 * 65535))


def test_an_already_normalised_file_is_stretched_and_said():
    """A tool that scaled a film to 0..99 and saved it in 16 bits."""
    radiograph = read(opencv_png((GREY8 // 3).astype(np.uint16)), "film", SETTINGS)
    faint = read(opencv_png((GREY8 // 8).astype(np.uint16)), "film", SETTINGS)
    assert codes(radiograph) == []
    assert codes(faint) == ["range_stretched"]
    assert np.ptp(np.percentile(faint.pixels, [1, 99])) > 50000


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_jpeg_stays_close(options):
    shown = pixels(encoded(GREY8, "JPEG", quality=95, **options))
    assert np.abs(shown / 257 - GREY8).mean() < 4


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_colour_jpeg_that_is_grey_is_read(mode):
    shown = pixels(encoded(Image.fromarray(GREY8).convert(mode), "JPEG", quality=95))
    assert np.abs(shown / 257 - GREY8).mean() < 4


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, 3), (8, 1)])
def test_exif_orientation_turns_a_jpeg_upright(orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = pixels(encoded(GREY8, "JPEG", quality=95, exif=exif))
    assert np.abs(shown / 257 - np.rot90(GREY8, turn)).mean() < 4


def test_a_tinted_film_and_a_marked_one_are_read_with_a_warning():
    tinted = np.dstack([GREY8 * 0.7, GREY8 * 0.85, GREY8]).astype(np.uint8)
    assert codes(read(encoded(tinted), "film", SETTINGS)) == ["tinted"]
    marked = np.dstack([GREY8] * 3)
    marked[10:14, 10:20] = (255, 200, 0)
    assert codes(read(encoded(marked), "film", SETTINGS)) == ["colour_marks"]


def test_a_picture_whose_lower_part_was_never_written_warns():
    """A cut JPEG that was sealed with an end marker: decoders fill the rest with one grey."""
    data = encoded(GREY8, "JPEG", quality=95)
    radiograph = read(data[: len(data) // 2] + b"\xff\xd9", "film", SETTINGS)
    assert codes(radiograph) == ["flat_end"]


def photograph():
    """A colourful scene: sky, grass, a red roof."""
    scene = np.zeros((120, 160, 3), np.uint8)
    scene[:60], scene[60:] = (90, 150, 230), (60, 140, 40)
    scene[40:80, 50:110] = (180, 40, 30)
    noise = np.random.default_rng(0).integers(0, 25, scene.shape)
    return (scene + noise).astype(np.uint8)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"hello, this is no picture", "not_an_image"),
        (b"%PDF-1.7 ...", "not_an_image"),
        (b"GIF89a.........", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n", "damaged_image"),
        (b"\xff\xd8\xff", "damaged_image"),
        (claiming(20000, 20000), "too_large"),
        (claiming(20000, 20000, 16, 6), "too_large"),
        (claiming(1, 1), "too_small"),
        (claiming(63, 5000), "too_small"),
        (claiming(0, 500), "too_small"),
        (claiming(500, 500), "damaged_image"),
        (opencv_png(np.full((96, 96), 77, np.uint8)), "no_contrast"),
        (opencv_png(np.full((96, 96), 40000, np.uint16)), "no_contrast"),
        (encoded(photograph()), "not_a_radiograph"),
        (encoded(photograph(), "JPEG"), "not_a_radiograph"),
        (encoded(np.zeros((1, 1), np.uint8)), "too_small"),
        (encoded(np.zeros((1, 1), np.uint8), "JPEG"), "too_small"),
    ],
)
def test_bad_input_is_refused_by_its_kind(data, code):
    assert outcome(data) == code


def test_a_jpeg_that_claims_too_much_is_refused_by_its_header():
    data = bytearray(encoded(GREY8, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 20000, 20000)
    assert outcome(bytes(data)) == "too_large"


@pytest.mark.parametrize("hidden", [False, True])
def test_a_jpeg_with_two_frame_headers_is_refused_whichever_size_they_claim(hidden):
    """Our walk would believe the first, Pillow the last; hidden inside a segment, Pillow alone sees it."""
    data = encoded(GREY8, "JPEG")
    at = data.index(b"\xff\xc0")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    frame = bytearray(data[at:end])
    for size in (60_000, 9_000):
        frame[5:9] = struct.pack(">HH", size, size)
        extra = b"\xff\xf0" + struct.pack(">H", len(frame) + 2) + frame if hidden else bytes(frame)
        assert outcome(data[:end] + extra + data[end:]) == "damaged_image"


def test_the_limit_on_size_is_a_setting():
    data = as_png(phantom(1, height=1100, width=1000))
    assert outcome(data, Settings(max_megapixels=1)) == "too_large"
    assert outcome(data, Settings(max_megapixels=2)) == "read"


@pytest.mark.parametrize("data", [as_png(FILM), as_png(FILM, 8), encoded(GREY8, "JPEG")])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_file_cut_short_is_damaged_never_half_shown(data, share):
    assert outcome(data[: int(len(data) * share)]) == "damaged_image"


def test_a_png_without_its_last_byte_is_damaged():
    assert outcome(as_png(FILM)[:-1]) == "damaged_image"


@pytest.mark.parametrize("behind", [b"x", b"four", b"more than four bytes"])
def test_bytes_behind_the_lines_change_nothing(behind):
    header = struct.pack(">IIBBBBB", GREY8.shape[1], GREY8.shape[0], 8, 0, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + row.tobytes() for row in GREY8))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines + behind) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(pixels(data), GREY8.astype(np.uint16) * 257)


def test_text_and_animation_chunks_are_never_looked_at():
    """They hold names and bombs, and no grey."""
    data = as_png(FILM)
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    broken = chunk(b"iCCP", b"profile")[:-4] + b"\0\0\0\0"
    np.testing.assert_array_equal(pixels(data[:33] + bomb + broken + data[33:]), FILM)


@settings(deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", bytes(128) + b"DICM", b"\x08\0"]),
)
def test_arbitrary_bytes_never_raise_anything_but_a_refusal(tail, start):
    assert outcome(start + tail) not in ("read", "refused")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_spoilt_pictures_never_raise_anything_but_a_refusal(data):
    spoilt = bytearray(data.draw(st.sampled_from(_WHOLE)))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(spoilt) - 1) | st.integers(0, 60))
        spoilt[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    assert outcome(bytes(spoilt)) != "refused"


_WHOLE = (
    as_png(FILM),
    as_png(FILM, 8),
    encoded(np.dstack([GREY8] * 4)),
    encoded(Image.fromarray(GREY8).convert("P")),
    encoded(GREY8, "JPEG"),
    encoded(GREY8, "JPEG", progressive=True),
)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    height=st.integers(64, 120),
    width=st.integers(64, 120),
    top=st.sampled_from([8, 10, 12, 14, 16]),
)
def test_whole_numbers_come_back_from_a_png_exactly(seed, height, width, top):
    """Whatever the depth, the greys are the stored numbers over the depth's top."""
    stored = np.random.default_rng(seed).integers(0, 1 << top, (height, width)).astype(np.uint16)
    stored[0, 0] = (1 << top) - 1
    np.testing.assert_array_equal(pixels(opencv_png(stored)), np.round(stored / ((1 << top) - 1) * 65535))


def _large(layers, dtype):
    """A tinted film of 12 million pixels with ``layers`` channels in OpenCV's order, half transparent at the top."""
    slope = np.add.outer(np.arange(4000), np.arange(3000)) * (np.iinfo(dtype).max / 7000)
    if layers == 1:
        return opencv_png(slope.astype(dtype))
    picture = np.full((*slope.shape, layers), np.iinfo(dtype).max, dtype)
    for channel, share in enumerate((0.9, 0.8, 0.75)):
        picture[..., channel] = slope * share
    if layers == 4:
        picture[:100, :, 3] //= 2
    return opencv_png(picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("layers", [1, 3, 4])
def test_reading_takes_no_more_memory_than_is_set_aside_for_it(layers, dtype):
    data = _large(layers, dtype)
    tracemalloc.start()
    radiograph = read(data, "film", SETTINGS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    working = 30_000_000  # strips, tables and a sample of the pixels, whatever the film's size
    assert peak <= BYTES_A_PIXEL * radiograph.pixels.size + len(data) + working


@pytest.mark.parametrize(("mode", "code"), [("L", "read"), ("CMYK", "too_large")])
def test_what_a_decoder_holds_beside_the_picture_counts_against_the_limit(mode, code):
    """Of a progressive picture the coefficients are all kept, 16 bits a sample, until its last scan."""
    data = encoded(
        Image.fromarray((phantom(1, height=950, width=1000) >> 8).astype(np.uint8)).convert(mode),
        "JPEG",
        progressive=True,
    )
    assert outcome(data, Settings(max_megapixels=1)) == code


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@given(seed=st.integers(0, 9), spread=st.floats(0.05, 1.0))
def test_greys_shown_as_they_are_are_those_of_the_table(dtype, seed, spread):
    top = np.iinfo(dtype).max
    stored = (np.random.default_rng(seed).uniform(0, spread, (64, 64)) * top).astype(dtype)
    stored[0, 0] = top  # or a smaller depth would just hold them
    depth = Depth(8 * stored.itemsize)
    greys, notices = full_or_stretched(depth.values(), histogram(stored, depth), as_shown=True)
    shown, said = picture_greys(stored)
    np.testing.assert_array_equal(shown, look_up(stored, greys, depth))
    assert said == notices
