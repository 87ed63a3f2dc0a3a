"""DICOM films: every encoding gives the same pixels; every other object is refused with its reason."""

import base64
import io
import shutil
import subprocess
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset

from cxr_core.errors import UnsupportedEncoding
from cxr_core.phantom import as_dicom, phantom
from cxr_core.read import digest, read
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings
from tests.read import films
from tests.read.films import SETTINGS, codes, dataset, dicom, film, outcome, saved, wrapped

HTJ2K = base64.b64decode(Path(__file__).with_name("htj2k_64x64_12bit.b64").read_text())


def test_a_film_knows_its_name_size_source_view_and_digest():
    data = as_dicom(phantom(1, height=96, width=80), view="AP")
    radiograph = read(data, "ward/film", SETTINGS)
    assert (radiograph.name, radiograph.source, radiograph.view) == ("ward/film", "dicom", "AP")
    assert (radiograph.height, radiograph.width, radiograph.warnings) == (96, 80, ())
    assert radiograph.sha256 == digest(data)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("syntax", films.LOSSLESS, ids=lambda syntax: syntax.name)
def test_every_lossless_encoding_gives_the_same_pixels(syntax, bits):
    stored = film(bits=bits)
    expected = np.round(stored / (2**bits - 1) * 65535)
    radiograph = read(dicom(stored, bits, syntax), "film", SETTINGS)
    np.testing.assert_array_equal(radiograph.pixels, expected)
    assert radiograph.warnings == ()


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 999),
    size=st.tuples(st.integers(64, 90), st.integers(64, 90)),
    syntax=st.sampled_from(films.LOSSLESS),
    inverted=st.booleans(),
    signed=st.booleans(),
)
def test_the_same_film_is_the_same_however_it_is_stored(seed, size, syntax, inverted, signed):
    """Encoding, polarity and signedness are storage, not content."""
    stored = film(seed, *size)
    expected = np.round(stored / 4095 * 65535)
    kept = 4095 - stored if inverted else stored
    if signed:
        kept = (kept.astype(np.int32) - 2048).astype(np.int16)
    photometric = "MONOCHROME1" if inverted else "MONOCHROME2"
    data = dicom(kept, 12, syntax, PhotometricInterpretation=photometric, RescaleIntercept=2048 if signed else 0)
    np.testing.assert_array_equal(read(data, "film", SETTINGS).pixels, expected)


DCMTK = {
    "dcmcjpeg": (["+e1"], ["+el"]),
    "dcmcjpls": ([],),
    "dcmcrle": ([],),
    "dcmconv": (["+ti"], ["+tb"], ["+td"], ["+te", "-F"]),
}
ENCODERS = [[tool, *options] for tool, choices in DCMTK.items() if shutil.which(tool) for options in choices]


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("command", [["cp"], *ENCODERS], ids=" ".join)
def test_what_dcmtk_writes_is_the_same_film(command, bits, tmp_path):
    """The reference implementation, where it is installed; a plain copy where it is not."""
    stored = film(7, bits=bits)
    (tmp_path / "given").write_bytes(dicom(stored, bits))
    subprocess.run([*command, "given", "made"], cwd=tmp_path, check=True, capture_output=True)
    pixels = read((tmp_path / "made").read_bytes(), "film", SETTINGS).pixels
    np.testing.assert_array_equal(pixels, np.round(stored / (2**bits - 1) * 65535))


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLossless, uid.JPEGLSLossless])
def test_eight_bits_allocated_read_like_sixteen(syntax):
    stored = film(bits=8)
    pixels = read(dicom(stored.astype(np.uint8), 8, syntax), "film", SETTINGS).pixels
    np.testing.assert_array_equal(pixels, stored * np.uint16(257))


def test_high_throughput_jpeg_2000_is_read():
    stored = film(3, 64, 64)
    pixels = read(wrapped(HTJ2K, stored, 12, uid.HTJ2K), "film", SETTINGS).pixels
    assert np.abs(pixels / 65535 - stored / 4095).max() < 0.05


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEG2000, uid.JPEGLSNearLossless])
def test_lossy_encodings_stay_close(syntax):
    stored = film(2, bits=8).astype(np.uint8)
    options = {uid.JPEG2000: {"j2k_cr": [4]}, uid.JPEGLSNearLossless: {"jls_error": 2}}.get(syntax)
    made = dataset(stored, 8)
    if options:
        made.compress(syntax, **options)
    pixels = read(_bytes(made, syntax), "film", SETTINGS).pixels
    assert np.abs(pixels / 257 - stored).mean() < 4


def test_twelve_bit_extended_jpeg_is_read():
    stored = film(4)
    data = wrapped(films.extended_jpeg(stored), stored, 12, uid.JPEGExtended12Bit)
    pixels = read(data, "film", SETTINGS).pixels
    assert np.abs(pixels / 65535 - stored / 4095).max() < 0.02


@pytest.mark.parametrize(
    ("syntax", "said"),
    [
        ("1.2.840.10008.1.2.4.55", "JPEG Full Progression"),
        (uid.MPEG2MPML, "MPEG2"),
        ("1.2.826.0.1.3680043.2.1143.99", "private transfer syntax"),
    ],
)
def test_an_encoding_without_a_decoder_is_refused_by_its_name(syntax, said):
    stored = film()
    with pytest.raises(UnsupportedEncoding, match=said):
        read(wrapped(b"\xff\xd8\xff\xd9", stored, 12, uid.UID(syntax)), "film", SETTINGS)


def test_a_file_without_preamble_or_meta_header_is_read():
    data = dicom(film(), syntax=uid.ImplicitVRLittleEndian)
    expected = read(data, "film", SETTINGS).pixels
    start = 144 + int.from_bytes(data[140:144], "little")
    for bare in (data[128:], data[132:], data[start:]):
        np.testing.assert_array_equal(read(bare, "film", SETTINGS).pixels, expected)


def test_bits_below_and_above_the_stored_ones_are_ignored():
    """Old scanners put the film in the upper bits and overlays into the rest."""
    stored = film()
    noisy = (stored << 4) | np.uint16(5)
    pixels = read(dicom(noisy, 12, HighBit=15), "film", SETTINGS).pixels
    np.testing.assert_array_equal(pixels, np.round(stored / 4095 * 65535))
    overlaid = stored | np.uint16(0xA000)
    np.testing.assert_array_equal(read(dicom(overlaid, 12), "film", SETTINGS).pixels, pixels)


def test_only_the_first_of_several_frames_is_read_and_said():
    stored = film()
    other = 4095 - stored
    made = dataset(stored, NumberOfFrames=2)
    made.PixelData = stored.tobytes() + other.tobytes()
    for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless):
        radiograph = read(saved(made, syntax), "film", SETTINGS)
        np.testing.assert_array_equal(radiograph.pixels, np.round(stored / 4095 * 65535))
        assert codes(radiograph) == ["first_frame"]
        made = dataset(stored, NumberOfFrames=2)
        made.PixelData = stored.tobytes() + other.tobytes()


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "PALETTE COLOR"])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless])
def test_colour_that_is_grey_is_read_as_grey(photometric, syntax):
    grey = film(bits=8).astype(np.uint8)
    neutral = np.full_like(grey, 128)
    stored = {"RGB": np.dstack([grey] * 3), "YBR_FULL": np.dstack([grey, neutral, neutral])}.get(photometric, grey)
    made = dataset(stored, 8, PhotometricInterpretation=photometric)
    if photometric == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            made.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
            ramp = (np.arange(256, dtype="<u2") * 257).tobytes()
            made.add_new(f"{colour}PaletteColorLookupTableData", "OW", ramp)
    np.testing.assert_array_equal(read(saved(made, syntax), "film", SETTINGS).pixels, grey * np.uint16(257))


@pytest.mark.parametrize(
    ("position", "view", "warned"),
    [("PA", "PA", []), ("AP", "AP", []), ("", None, []), ("LL", None, ["lateral_view"])],
)
def test_the_view_is_known_or_unknown_and_a_lateral_warns(position, view, warned):
    radiograph = read(dicom(film(), ViewPosition=position), "film", SETTINGS)
    assert (radiograph.view, codes(radiograph)) == (view, warned)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"Modality": "CT"}, "not_a_radiograph"),
        ({"Modality": "MR"}, "not_a_radiograph"),
        ({"SOPClassUID": uid.CTImageStorage}, "not_a_radiograph"),
        ({"SOPClassUID": uid.UltrasoundImageStorage, "Modality": None}, "not_a_radiograph"),
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "OT"}, "read"),
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "US"}, "not_a_radiograph"),
        ({"SOPClassUID": uid.ComputedRadiographyImageStorage, "Modality": "CR"}, "read"),
        ({"SOPClassUID": None, "Modality": None}, "read"),
        ({"PixelData": None}, "no_pixels"),
        ({"Rows": None}, "damaged_image"),
        ({"Rows": 97}, "damaged_image"),
        ({"Rows": 65535, "Columns": 65535}, "too_large"),
        ({"Rows": 20, "Columns": 384}, "too_small"),
        ({"BitsAllocated": 32}, "unsupported_encoding"),
        ({"SamplesPerPixel": 7}, "damaged_image"),
        ({"PhotometricInterpretation": None, "SamplesPerPixel": None, "PixelRepresentation": None}, "read"),
        ({"PhotometricInterpretation": "GREYISH", "HighBit": 3, "BitsStored": None}, "read"),
        ({"NumberOfFrames": 3}, "damaged_image"),
    ],
)
def test_what_the_header_says_decides_the_outcome(attributes, code):
    assert outcome(dicom(film(), **attributes)) == code


def test_a_flat_film_has_no_contrast():
    assert outcome(dicom(np.full((96, 80), 700, np.uint16))) == "no_contrast"


def test_a_coloured_secondary_capture_is_no_radiograph():
    rng = np.random.default_rng(0)
    assert outcome(dicom(rng.integers(0, 256, (96, 80, 3), np.uint8), 8)) == "not_a_radiograph"


@pytest.mark.parametrize("syntax", films.LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_file_cut_short_is_damaged(syntax, share):
    data = dicom(film(), syntax=syntax)
    assert outcome(data[: int(len(data) * share)]) == "damaged_image"


@pytest.mark.parametrize("syntax", [uid.JPEGLossless, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless])
def test_a_stream_cut_short_inside_a_whole_file_is_damaged(syntax):
    stored = film()
    made = pydicom.dcmread(io.BytesIO(dicom(stored, syntax=syntax)))
    stream = pydicom.encaps.get_frame(made.PixelData, 0, number_of_frames=1)
    assert outcome(wrapped(stream[: len(stream) // 2], stored, 12, syntax)) == "damaged_image"


@pytest.mark.parametrize("syntax", [uid.JPEGLossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_a_stream_larger_than_the_header_says_is_not_decoded(syntax):
    """The stream, not the header, decides what a decoder allocates."""
    made = pydicom.dcmread(io.BytesIO(dicom(film(1, 200, 300), syntax=syntax)))
    stream = pydicom.encaps.get_frame(made.PixelData, 0, number_of_frames=1)
    assert outcome(wrapped(stream, film(), 12, syntax)) == "damaged_image"


def test_a_deflated_bomb_is_refused_before_it_unpacks():
    data = dicom(film(), syntax=uid.DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = data[:start] + packer.compress(bytes(3_000_000)) + packer.flush()
    assert outcome(bomb, Settings(max_file_mb=2)) == "too_large"


def test_a_run_length_segment_that_unpacks_to_far_too_much_is_damaged(monkeypatch):
    stored = film()
    monkeypatch.setattr("cxr_core.read.rle._SAFE_BYTES", 1000)
    header = np.array([2, 64, 64 + 400, *[0] * 13], "<u4").tobytes()
    bomb = header + bytes([129, 7]) * 200 + bytes([129, 7]) * 200
    assert outcome(wrapped(bomb, stored, 12, uid.RLELossless)) == "damaged_image"
    assert outcome(dicom(stored, syntax=uid.RLELossless)) == "read"


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_spoilt_bytes_never_raise_anything_but_a_refusal(data):
    syntax = data.draw(st.sampled_from(films.LOSSLESS))
    spoilt = bytearray(_CACHE.setdefault(syntax, dicom(film(), syntax=syntax)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(spoilt) - 1) | st.integers(120, 1400))
        spoilt[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    assert outcome(bytes(spoilt)) != "refused"


_CACHE: dict[str, bytes] = {}


def _bytes(made, syntax):
    """The bytes of a dataset already compressed, or compressed by GDCM now."""
    if made.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian:
        return saved(made, syntax)
    out = io.BytesIO()
    pydicom.dcmwrite(out, made)
    return out.getvalue()


@pytest.mark.parametrize("part", ["HAND", "SKULL", "ABDOMEN", "Knee "])
def test_a_film_of_another_part_of_the_body_warns_and_the_part_is_named(part):
    (warning,) = read(dicom(film(), BodyPartExamined=part), "film", SETTINGS).warnings
    assert warning.code == "other_body_part"
    assert part.strip().upper() in warning.message


@pytest.mark.parametrize("part", ["CHEST", "THORAX", "LUNG", "RIB", "", None, "DOE^JANE"])
def test_a_film_of_the_chest_or_of_nothing_said_is_read(part):
    assert outcome(dicom(film(), BodyPartExamined=part)) == "read"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"PresentationIntentType": "FOR PROCESSING"}, ["for_processing"]),
        ({"SOPClassUID": uid.DigitalXRayImageStorageForProcessing}, ["for_processing"]),
        *(({"ViewPosition": view}, ["oblique_view"]) for view in ("RAO", "LAO", "RLO", "LLO")),
        *(({"ViewPosition": view}, ["lateral_view"]) for view in ("RL", "LL", "LATERAL")),
        ({"ViewPosition": "PA"}, []),
        ({"BurnedInAnnotation": "YES"}, ["burned_in_text"]),
        ({"BurnedInAnnotation": "NO"}, []),
    ],
)
def test_a_raw_image_and_another_view_are_read_with_a_warning(facts, expected):
    assert codes(read(dicom(film(), **facts), "film", SETTINGS)) == expected


@pytest.mark.parametrize(("stored", "told"), [(["L", "F"], "L\\F"), (["A", "FR"], "A\\FR"), ("", ""), (None, "")])
def test_the_orientation_is_carried_along(stored, told):
    assert read(dicom(film(), PatientOrientation=stored), "film", SETTINGS).orientation == told


@pytest.mark.parametrize("subsampled", [False, True])
def test_uncompressed_luminance_and_chrominance_that_are_grey(subsampled):
    """YBR_FULL_422 keeps two luminances for each pair of chrominances (PS3.3 C.7.6.3.1.2)."""
    grey = film(bits=8).astype(np.uint8)
    neutral = np.full_like(grey, 128)
    made = dataset(np.dstack([grey, neutral, neutral]), 8, PhotometricInterpretation="YBR_FULL")
    if subsampled:
        pairs = np.stack([grey[:, ::2], grey[:, 1::2], neutral[:, ::2], neutral[:, ::2]], axis=-1)
        made.PhotometricInterpretation, made.PixelData = "YBR_FULL_422", pairs.tobytes()
    np.testing.assert_array_equal(read(saved(made), "film", SETTINGS).pixels, grey * np.uint16(257))


def test_a_colour_jpeg_that_is_grey_is_read_as_grey():
    grey = film(bits=8).astype(np.uint8)
    stream = imagecodecs.jpeg8_encode(np.dstack([grey] * 3), level=98)
    made = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL_422"}
    pixels = read(wrapped(stream, grey, 8, uid.JPEGBaseline8Bit, **made), "film", SETTINGS).pixels
    assert np.abs(pixels / 257 - grey).mean() < 4


@pytest.mark.parametrize("predictor", [1, 4, 7])
@pytest.mark.parametrize("dark_edge", [False, True])
def test_a_lossless_jpeg_cut_and_sealed_with_an_end_marker_is_damaged(predictor, dark_edge):
    """Its decoder fills what is missing with the grey of the first column, which a collimator's border makes black."""
    stored = film().copy()
    if dark_edge:
        stored[:, :3] = 0
    stream = imagecodecs.jpeg8_encode(stored, lossless=True, predictor=predictor, bitspersample=12)
    for share in (0.3, 0.6, 0.9):
        cut = stream[: int(len(stream) * share)] + b"\xff\xd9"
        assert outcome(wrapped(cut, stored, 12, uid.JPEGLossless)) == "damaged_image"
    assert outcome(wrapped(stream, stored, 12, uid.JPEGLossless)) == "read"


def test_a_whole_lossless_jpeg_that_ends_in_a_border_is_no_cut_one():
    stored = film().copy()
    stored[-20:] = 0
    stream = imagecodecs.jpeg8_encode(stored, lossless=True, predictor=1, bitspersample=12)
    pixels = read(wrapped(stream, stored, 12, uid.JPEGLosslessSV1), "film", SETTINGS).pixels
    np.testing.assert_array_equal(pixels, np.round(stored / 4095 * 65535))


def test_an_offset_table_that_points_nowhere_is_not_needed_for_a_single_frame():
    stored = film()
    data = dicom(stored, syntax=uid.RLELossless)
    table = data.index(b"\xfe\xff\x00\xe0")
    length = int.from_bytes(data[table + 4 : table + 8], "little")
    wrong = b"\xfe\xff\x00\xe0\x04\0\0\0\xff\xff\xff\x7f"
    broken = data[:table] + wrong + data[table + 8 + length :]
    np.testing.assert_array_equal(read(broken, "film", SETTINGS).pixels, read(dicom(stored), "film", SETTINGS).pixels)


@pytest.mark.parametrize(("columns", "code"), [(80, "read"), (79, "damaged_image"), (81, "damaged_image")])
def test_a_width_that_would_shear_the_lines_is_damaged(columns, code):
    assert outcome(dicom(film(), Columns=columns)) == code


@pytest.mark.parametrize("extra", [0, 2, 100])
def test_a_little_padding_behind_the_pixels_is_no_damage(extra):
    made = dataset(film())
    made.PixelData += bytes(extra)
    assert outcome(saved(made)) == "read"


@pytest.mark.parametrize("name", ["IM0001", "FILM.DCM", "film.Dcm", "scan.JPG", "1.2.840.10008", "r\u00f6ntgen.png"])
def test_a_name_is_only_carried_along(name, tmp_path):
    (tmp_path / name).write_bytes(dicom(film()))
    (item,) = from_paths([tmp_path], SETTINGS)
    radiograph = read(item.load(), item.name, SETTINGS)
    assert (radiograph.source, radiograph.name.endswith(name)) == ("dicom", True)


def test_private_tags_overlays_and_icons_are_no_film():
    stored = film()
    made = dataset(stored)
    block = made.private_block(0x0029, "SOME MAKER", create=True)
    block.add_new(1, "OB", bytes(70_000))
    block.add_new(2, "SQ", [Dataset()])
    made.add_new(0x60000010, "US", 96)
    made.add_new(0x60000011, "US", 80)
    made.add_new(0x60003000, "OW", b"\xff" * 960)
    icon = Dataset()
    icon.Rows, icon.Columns, icon.PixelData = 8, 8, bytes(64)
    icon["PixelData"].VR = "OB"
    made.IconImageSequence = [icon]
    for syntax in films.NATIVE:
        data = saved(pydicom.dcmread(io.BytesIO(saved(made))), syntax)
        np.testing.assert_array_equal(read(data, "film", SETTINGS).pixels, np.round(stored / 4095 * 65535))


def test_a_decoder_that_takes_more_memory_a_pixel_is_given_fewer_pixels():
    stored = film(1, 950, 1000)
    for syntax, code in (
        (uid.ExplicitVRLittleEndian, "read"),
        (uid.JPEGLossless, "read"),
        (uid.JPEG2000Lossless, "too_large"),
    ):
        assert outcome(dicom(stored, syntax=syntax), Settings(max_megapixels=1)) == code
