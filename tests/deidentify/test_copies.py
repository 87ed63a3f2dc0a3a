"""Copies on disk: no mark of the patient in any byte or name, the same pixels, and a second run changes nothing."""

import io
import stat
import struct

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom import uid

from cxr_core.__main__ import main
from cxr_core.deidentify import Secret, deidentify, site_secret
from cxr_core.phantom import as_png, phantom
from cxr_core.read import read
from cxr_core.read.sources import InputFile
from cxr_core.settings import Settings
from tests.read import films
from tests.read.films import SETTINGS, dataset, film, saved

SECRET = Secret(b"sixteen or more characters")
MARK = b"DOE^JANE"
NAMED = {
    "PatientName": "DOE^JANE", "PatientID": "DOE^JANE", "StudyDescription": "of DOE^JANE",
    "AccessionNumber": "DOE^JANE", "InstitutionName": "DOE^JANE hospital", "StudyDate": "20240229",
    "StudyTime": "0815", "PatientBirthDate": "19480229", "SOPInstanceUID": "1.2.3.4.5",
    "StudyInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3.4.1",
}  # fmt: skip


def marked(syntax=uid.ExplicitVRLittleEndian, **attributes):
    made = dataset(film(), **(NAMED | attributes))
    made.private_block(0x0009, "DOE^JANE", create=True).add_new(1, "LO", "DOE^JANE")
    made.file_meta.SourceApplicationEntityTitle = "DOE^JANE"
    data = saved(made, syntax)
    return MARK.ljust(128, b"x") + data[128:] + bytes(2)


def copied(folder, *datas, secret=SECRET):
    inputs = [InputFile(f"DOE^JANE {number}", lambda data=data: data) for number, data in enumerate(datas)]
    return list(deidentify(inputs, folder, secret))


@pytest.mark.parametrize("syntax", films.LOSSLESS, ids=lambda syntax: syntax.name)
def test_a_copy_shows_the_same_film_and_holds_no_mark(syntax, tmp_path):
    data = marked(syntax)
    (done,) = copied(tmp_path, data)
    copy = done.copy.read_bytes()
    assert MARK in data
    assert MARK not in copy
    assert "DOE" not in str(done.copy)
    np.testing.assert_array_equal(read(copy, "", SETTINGS).pixels, read(data, "", SETTINGS).pixels)
    after = pydicom.dcmread(io.BytesIO(copy))
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PatientName == after.PatientID == done.copy.parent.name == SECRET.patient("id DOE^JANE")
    own = pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID == SECRET.uid(own)
    for trace in (b"20240229", b"19480229", b"1.2.3.4"):
        assert trace not in copy


def test_one_patient_keeps_one_pseudonym_and_a_second_run_leaves_the_copies(tmp_path):
    datas = [marked(), marked(PatientName="Doe^J.", SOPInstanceUID="1.2.3.4.6"), marked(PatientID="other")]
    first = copied(tmp_path, *datas)
    assert first[0].copy.parent == first[1].copy.parent != first[2].copy.parent
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.dcm")}
    assert len(before) == 3
    again = copied(tmp_path, *datas)
    assert [done.copy for done in again] == [done.copy for done in first]
    assert [done.before for done in first + again] == [False] * 3 + [True] * 3
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*m")} == before


@pytest.mark.parametrize(("said", "codes"), [("NO", []), ("YES", ["burned_in"]), (None, ["perhaps_burned_in"])])
def test_text_in_the_pixels_is_warned_of(said, codes, tmp_path):
    (done,) = copied(tmp_path, marked(BurnedInAnnotation=said))
    assert [warning.code for warning in done.warnings] == codes


def test_overlays_go_also_those_in_the_unused_bits(tmp_path):
    made = dataset(film() | np.uint16(0xF000), **NAMED)
    made.add_new(0x60000010, "US", 96)
    made.add_new(0x60000102, "US", 12)
    made.add_new(0x60020010, "US", 96)
    made.add_new(0x60023000, "OW", MARK)
    (done,) = copied(tmp_path, saved(made))
    after = pydicom.dcmread(done.copy)
    assert 0x60000102 not in after
    assert 0x60023000 not in after
    np.testing.assert_array_equal(np.frombuffer(after.PixelData, "<u2").reshape(film().shape), film())


def test_comments_inside_compressed_frames_go(tmp_path):
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(MARK)) + MARK
    stream = films.extended_jpeg(film())
    data = films.wrapped(stream[:2] + comment + stream[2:], film(), 12, uid.JPEGExtended12Bit)
    (done,) = copied(tmp_path, data)
    assert MARK in data
    assert MARK not in done.copy.read_bytes()
    np.testing.assert_array_equal(read(done.copy.read_bytes(), "", SETTINGS).pixels, read(data, "", SETTINGS).pixels)


def picture(kind):
    """A picture with the mark in every place that this kind of file has for words; stored lying on its side."""
    grey = Image.fromarray((phantom(1, height=96, width=80) >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, MARK.decode()
    out = io.BytesIO()
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Patient", MARK.decode())
        grey.save(out, "PNG", pnginfo=text, exif=exif)
    else:
        grey.save(out, "JPEG", exif=exif, comment=MARK, progressive=True)
    return out.getvalue() + MARK


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_keeps_its_greys_and_its_turn_and_nothing_else(kind, tmp_path):
    data = picture(kind)
    (done,) = copied(tmp_path, data)
    copy = done.copy.read_bytes()
    assert MARK not in copy
    shown = read(copy, "", SETTINGS).pixels
    assert shown.shape == (80, 96)
    np.testing.assert_array_equal(shown, read(data, "", SETTINGS).pixels)
    assert [warning.code for warning in done.warnings] == ["perhaps_burned_in"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"Jane Doe, chest", "not_an_image"),
        (b"II*\0" + bytes(100), "unsupported_encoding"),
        (as_png(phantom(1, height=96, width=80))[:-20], "damaged_image"),
        (b"\xff\xd8\xff\xe0", "damaged_image"),
        (saved(dataset(film(), PixelData=None)), "no_pixels"),
        (saved(dataset(film()), uid.RLELossless)[:-500], "damaged_image"),
    ],
)
def test_what_cannot_be_cleaned_is_refused_and_not_copied(data, code, tmp_path):
    (done,) = copied(tmp_path, data)
    assert (done.copy, done.refusal.code) == (None, code)
    assert not list(tmp_path.rglob("*"))


def test_the_sites_secret_is_made_once_and_for_its_owner_alone(tmp_path):
    settings = Settings(data_dir=tmp_path / "site")
    secret = site_secret(settings)
    assert site_secret(settings) == secret
    (kept,) = (tmp_path / "site").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    told = Settings(data_dir=tmp_path, deidentify_secret="of our own, long enough")
    assert site_secret(told).key == b"of our own, long enough"
    assert "of our own" not in repr(told)


def test_the_command_copies_names_what_it_refused_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CXR_DATA_DIR", str(tmp_path / "site"))
    films_in, out = tmp_path / "films", tmp_path / "films" / "clean"
    films_in.mkdir()
    (films_in / "a").write_bytes(marked(BurnedInAnnotation="YES"))
    (films_in / "b.png").write_bytes(as_png(phantom(1, height=96, width=80)))
    (films_in / "notes.txt").write_text("of Jane")
    for before in (0, 2):
        assert main(["deidentify", str(films_in), "--out", str(out)]) == 0
        said = capsys.readouterr().err
        assert f"2 copies in {out} ({before} of them from before), 1 refused" in said
        assert "notes.txt: " in said
        assert "a: The file says that text is burnt" in said
    assert len([path for path in out.rglob("*") if path.is_file()]) == 2
    assert main(["deidentify", str(films_in / "notes.txt"), "--out", str(out)]) == 1
    assert main(["deidentify", str(tmp_path / "nothing"), "--out", str(out)]) == 2
