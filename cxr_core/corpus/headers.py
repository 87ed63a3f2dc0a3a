"""The same film under every kind of header: preambles, private tags, character sets."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial

import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxr_core.corpus.row import Row, screened
from cxr_core.corpus.samples import dataset, dicom, film, plain, plain_file, saved

_SAME = screened(plain)


def rows() -> Iterator[Row]:
    """Names of files, starts of files, tags that do not matter, character sets."""
    yield from _names()
    yield from _starts()
    yield from _tags()
    yield from _characters()


def _names() -> Iterator[Row]:
    for name in (
        "film",
        "FILM.DCM",
        "IM000001",
        "1.2.840.113619.2.5",
        "film.png",
        "film.dcm.txt",
        "CR 1 (copy).dcm",
        "röntgen-胸部.dcm",
    ):
        hard = "the bytes say what a file is; its name says nothing"
        yield Row(f"headers/names/{name}", "a DICOM film under this name", hard, _SAME, plain_file)


def _starts() -> Iterator[Row]:
    def row(name: str, what: str, hard: str, make: Callable[[], bytes]) -> Row:
        return Row(f"headers/{name}.dcm", what, hard, _SAME, make)

    yield row("preamble-missing", "begins at DICM", "the 128 bytes of preamble are lost", lambda: plain_file()[128:])
    yield row("meta-only", "begins at group 2", "preamble and DICM are lost", lambda: plain_file()[132:])
    for syntax in (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        yield row(
            f"bare-{syntax.name.lower().replace(' ', '-')}",
            f"begins at group 8, {syntax.name}",
            "nothing names the transfer syntax",
            partial(_bare, syntax),
        )
    yield row(
        "preamble-tiff",
        "a TIFF header in the preamble",
        "dual files are legal (PS3.10 7.1)",
        lambda: b"II*\0\x08\0\0\0" + plain_file()[8:],
    )
    yield row("syntax-missing", "no Transfer Syntax UID", "must be guessed from the first element", partial(_no_syntax))
    yield row("group-lengths", "group lengths and undefined sequence lengths", "retired, yet written", _lengths)
    yield row(
        "trailing-zeros",
        "4096 zero bytes behind the dataset",
        "media pad to blocks",
        lambda: plain_file() + bytes(4096),
    )
    yield row("trailing-padding", "Data Set Trailing Padding", "behind the pixels there may be more", _trailing)


def _bare(syntax: uid.UID) -> bytes:
    data = dicom(film(), syntax=syntax)
    return data[144 + int.from_bytes(data[140:144], "little") :]


def _no_syntax() -> bytes:
    data = plain_file()
    at = data.index(b"\x02\0\x10\0UI")
    length = 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    meta = int.from_bytes(data[140:144], "little") - length
    return data[:140] + struct.pack("<I", meta) + data[144:at] + data[at + length :]


def _lengths() -> bytes:
    made = dataset(film())
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "399067008", "SCT", "postero-anterior"
    item.is_undefined_length_sequence_item = True
    made.ViewCodeSequence = Sequence([item])
    made["ViewCodeSequence"].is_undefined_length = True
    for group in (0x0008, 0x0010, 0x0028):
        made.add_new(group << 16, "UL", 0)
    return saved(made)


def _trailing() -> bytes:
    made = dataset(film())
    made.add_new(0xFFFCFFFC, "OB", bytes(512))
    return saved(made)


def _tags() -> Iterator[Row]:
    def row(name: str, what: str, hard: str, make: Callable[[], bytes]) -> Row:
        return Row(f"headers/{name}.dcm", what, hard, _SAME, make)

    yield row("private-tags", "private blocks of three makers, one of 64 kB", "private tags are no film", _private)
    yield row(
        "private-sequence-unknown",
        "a private sequence as UN of undefined length",
        "must be parsed to be passed over",
        _unknown,
    )
    yield row(
        "icon-image",
        "a 64 x 64 Icon Image Sequence with pixels of its own",
        "the icon's pixels are not the film's",
        _icon,
    )
    yield row("tags-missing", "only what pixels need", "old archives keep no more", _few)
    yield row(
        "rows-in-text",
        "Image Comments that spell a pixel data tag",
        "a search of the bytes would be fooled",
        lambda: dicom(film(), ImageComments="\x7f\x7fe0 0010 OW"),
    )
    yield row(
        "uid-invalid",
        "UIDs with letters and leading zeros",
        "nobody checks them when they are made",
        lambda: dicom(film(), StudyInstanceUID="1.02.abc", SeriesInstanceUID="x"),
    )
    yield row(
        "date-invalid",
        "birth date 31.13.1900, age old",
        "dates are free text somewhere",
        lambda: dicom(film(), PatientBirthDate="31.13.1900", PatientAge="old"),
    )
    yield row("vr-wrong", "Rows of value representation IS", "converters write what they like", _wrong_vr)


def _private() -> bytes:
    made = dataset(film())
    for group, owner in (
        (0x0009, "GEMS_IDEN_01"),
        (0x0019, "SIEMENS MED"),
        (0x0029, "AGFA PACS Archive Mirroring 1.0"),
    ):
        block = made.private_block(group, owner, create=True)
        block.add_new(0x01, "LO", "made by no one")
        block.add_new(0x02, "OB", bytes(65536))
    return saved(made)


def _unknown() -> bytes:
    item = b"\xfe\xff\0\xe0\xff\xff\xff\xff" + b"\x29\0\x10\0\x04\0\0\0TEST" + b"\xfe\xff\x0d\xe0\0\0\0\0"
    element = b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    data = plain_file()
    at = data.index(b"\x10\0\x10\0PN")
    return data[:at] + b"\x09\0\x10\0LO\x04\0TEST" + element + data[at:]


def _icon() -> bytes:
    made = dataset(film())
    icon = Dataset()
    icon.Rows, icon.Columns, icon.SamplesPerPixel, icon.PhotometricInterpretation = 64, 64, 1, "MONOCHROME2"
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.PixelData = bytes(4096)
    icon["PixelData"].VR = "OW"
    made.IconImageSequence = Sequence([icon])
    return saved(made)


def _few() -> bytes:
    made, few = dataset(film()), Dataset()
    for keyword in (
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "WindowCenter",
        "WindowWidth",
        "VOILUTFunction",
        "PixelData",
    ):
        few.add(made[keyword])
    few.file_meta = made.file_meta
    out = io.BytesIO()
    pydicom.dcmwrite(out, few, implicit_vr=False, little_endian=True)
    return out.getvalue()


def _wrong_vr() -> bytes:
    data = plain_file()
    return data.replace(b"\x28\0\x10\0US\x02\0" + struct.pack("<H", 320), b"\x28\0\x10\0IS\x04\x00320 ")


def _characters() -> Iterator[Row]:
    for name, charset, patient in (
        ("latin-1", "ISO_IR 100", "Müller^Jörg"),
        ("cyrillic", "ISO_IR 144", "Иванов^Иван"),
        ("greek", "ISO_IR 126", "Διονυσιος"),
        ("utf-8", "ISO_IR 192", "王^小东"),
        ("gb18030", "GB18030", "王^小东"),
        ("japanese", ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("korean", ["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    ):
        yield Row(
            f"headers/charset-{name}.dcm",
            f"a name in {charset}",
            "text must not stop a reader of pixels",
            _SAME,
            partial(dicom, film(), SpecificCharacterSet=charset, PatientName=patient),
        )
    for name, raw in (("unknown", b"ISO_IR 999"), ("empty", b""), ("misspelt", b"ISO-8859-1")):
        yield Row(
            f"headers/charset-{name}.dcm",
            f"character set {raw.decode() or 'without a value'}, name in bytes 128 to 255",
            "an unknown character set is no reason to refuse a film",
            _SAME,
            partial(_raw_name, raw),
        )


def _raw_name(charset: bytes) -> bytes:
    """A name of bytes that no ASCII text has, under any character set; written around pydicom, which would complain."""
    data = dicom(film(), SpecificCharacterSet="ISO_IR 100")
    old = b"\x08\0\x05\0CS\x0a\0ISO_IR 100"
    padded = charset + b" " * (len(charset) % 2)
    data = data.replace(old, b"\x08\0\x05\0CS" + struct.pack("<H", len(padded)) + padded, 1)
    return data.replace(b"SYNTHETIC^PHANTOM", bytes(range(0xA0, 0xB1)))
