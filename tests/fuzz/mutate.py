"""A whole file -> a spoilt one. Mutations know the structure, so that a reader's later stages are reached as well.

In: a random generator and bytes. Out: bytes. ``spoil`` picks a mutation that fits; each is a plain function of
(rng, data), and all of them take any bytes.
"""

import io
import struct
import zipfile
import zlib

PNG = b"\x89PNG\r\n\x1a\n"
ODD = (0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 63, 64, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535)
LARGE = (0x7FFFFFFF, 0x7FFFFFFE, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 20, 1 << 24, 1 << 28)
WORDS = (
    b"", b"\0", b" ", b"nan", b"inf", b"-1", b"0", b"1e999", b"-0.0", b"0\\0", b"1\\2\\3", b"AUTO", b"MONOCHROME1",
    b"RGB", b"YBR_FULL", b"YBR_FULL_422", b"YBR_ICT", b"YBR_RCT", b"PALETTE COLOR", b"SIGMOID", b"LINEAR_EXACT",
    b"INVERSE", b"RECTANGULAR", b"CIRCULAR", b"POLYGONAL", b"FOR PROCESSING", b"\xff" * 40, b"9" * 400, b"A" * 70,
)  # fmt: skip
SYNTAXES = (
    b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2",
    b"1.2.840.10008.1.2.5", *(b"1.2.840.10008.1.2.4.%d" % i for i in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)),
)  # fmt: skip
KINDS = (b"US", b"SS", b"UL", b"OW", b"OB", b"SQ", b"UN", b"DS", b"IS", b"CS", b"LO", b"UI", b"UT", b"FD", b"AT", b"ZZ")
_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT")
# Elements that decide how pixels are read: number of group, of element, representation.
DECIDING = (
    (0x28, 0x02, b"US"), (0x28, 0x04, b"CS"), (0x28, 0x06, b"US"), (0x28, 0x08, b"IS"), (0x28, 0x10, b"US"),
    (0x28, 0x11, b"US"), (0x28, 0x100, b"US"), (0x28, 0x101, b"US"), (0x28, 0x102, b"US"), (0x28, 0x103, b"US"),
    (0x28, 0x120, b"US"), (0x28, 0x121, b"US"), (0x28, 0x1050, b"DS"), (0x28, 0x1051, b"DS"), (0x28, 0x1052, b"DS"),
    (0x28, 0x1053, b"DS"), (0x28, 0x1056, b"CS"), (0x28, 0x3000, b"SQ"), (0x28, 0x3010, b"SQ"), (0x2050, 0x20, b"CS"),
    (0x18, 0x1600, b"CS"), (0x18, 0x1602, b"IS"), (0x18, 0x1604, b"IS"), (0x18, 0x1606, b"IS"), (0x18, 0x1608, b"IS"),
    (0x18, 0x1610, b"IS"), (0x18, 0x1612, b"IS"), (0x18, 0x1620, b"IS"), (0x28, 0x1101, b"US"), (0x28, 0x1201, b"OW"),
    (0x08, 0x05, b"CS"), (0x10, 0x10, b"PN"), (0x10, 0x1010, b"AS"), (0x10, 0x30, b"DA"), (0x7FE0, 0x01, b"OV"),
    (0x7FE0, 0x02, b"OV"),
)  # fmt: skip


def spoil(rng, data, times=None):
    """One to four mutations, one after the other."""
    for _ in range(times or rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(fitting(data))(rng, data)
    return data


def fitting(data):
    """The mutations that know this file, and those that know nothing, once."""
    known = []
    if data[128:132] == b"DICM":
        known = [element_value, element_length, element_kind, element_lost, element_twice, decide, syntax, header_of]
        known += [fragment_lost, fragment_twice, fragment_cut, fragment_length, codestream, codestream, deflated] * 2
    elif data.startswith(PNG):
        known = [chunk_content, chunk_lost, chunk_twice, chunk_moved, chunk_length, png_header, png_pixels] * 2
    elif data.startswith(b"\xff\xd8"):
        known = [codestream, segment_content, segment_lost, segment_twice, segment_length] * 2
    elif data[:4] in (b"II*\0", b"MM\0*"):
        known = [directory_entry, directory_entry, directory_offset] * 2
    elif data.startswith(b"BM"):
        known = [bmp_header] * 4
    elif data.startswith(b"PK"):
        known = [zip_field, zip_member] * 3
    return [*known, flipped, cut, blocked, copied, numbered, repeated]


# -- what knows no structure


def flipped(rng, data):
    """A few bits."""
    spoilt = bytearray(data)
    for _ in range(rng.randint(1, 12) if spoilt else 0):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def cut(rng, data):
    """The end is lost."""
    return data[: rng.randrange(len(data) + 1)]


def blocked(rng, data):
    """A block is lost, or overwritten by one value."""
    at, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 16, 300))
    return data[:at] + rng.choice((b"", b"\0" * size, b"\xff" * size, rng.randbytes(size))) + data[at + size :]


def copied(rng, data):
    """A block is copied to another place."""
    at, to, size = (rng.randrange(len(data) + 1) for _ in range(3))
    return data[:to] + data[at : at + min(size, 500)] + data[to:]


def repeated(rng, data):
    """A short piece comes many times: small files that cost much."""
    at, size = rng.randrange(len(data) + 1), rng.randint(1, 40)
    return data[: at + size] + data[at : at + size] * rng.choice((2, 50, 3000)) + data[at + size :]


def numbered(rng, data):
    """A number of two or four bytes somewhere becomes an odd one."""
    at = rng.randrange(len(data) + 1)
    code = rng.choice(("<H", ">H", "<I", ">I"))
    number = struct.pack(code, rng.choice(ODD if code[1] == "H" else LARGE + ODD))
    return data[:at] + number + data[at + len(number) :]


# -- DICOM


def elements(data):
    """(start, start of value, end) of the elements of an explicit little-endian file; stops where it is lost."""
    at, found = 132, []
    while at + 8 <= len(data):
        kind = data[at + 4 : at + 6]
        long = kind in _LONG
        value = at + (12 if long else 8)
        length = int.from_bytes(data[at + (8 if long else 6) : value], "little")
        end = len(data) if length == 0xFFFFFFFF else value + length
        if end > len(data):
            break
        found.append((at, value, end))
        at = end
    return found


def _one(rng, data):
    found = elements(data)
    return rng.choice(found) if found else (0, 0, 0)


def _element(group, number, kind, value):
    value += b" " * (len(value) % 2)
    long = kind in _LONG
    return (
        struct.pack("<HH", group, number)
        + kind
        + (struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value)))
        + value
    )


def element_value(rng, data):
    """Another value of the same length, or with a length of its own."""
    start, value, end = _one(rng, data)
    if rng.random() < 0.5:
        return data[:value] + rng.randbytes(min(end - value, 100_000)) + data[end:]
    new = rng.choice(WORDS) + b" " * 0
    new += b" " * (len(new) % 2)
    head = data[start:value]
    size = 4 if len(head) == 12 else 2
    return data[:start] + head[: len(head) - size] + len(new).to_bytes(size, "little") + new + data[end:]


def element_length(rng, data):
    """The length lies."""
    start, value, _ = _one(rng, data)
    size = 4 if value - start == 12 else 2
    length = rng.choice(LARGE + ODD) & ((1 << 8 * size) - 1)
    return data[: value - size] + length.to_bytes(size, "little") + data[value:]


def element_kind(rng, data):
    """Another value representation."""
    start, _, _ = _one(rng, data)
    return data[: start + 4] + rng.choice(KINDS) + data[start + 6 :]


def element_lost(rng, data):
    """An element is missing."""
    start, _, end = _one(rng, data)
    return data[:start] + data[end:]


def element_twice(rng, data):
    """An element comes again, elsewhere."""
    (start, _, end), (_, _, there) = _one(rng, data), _one(rng, data)
    return data[:there] + data[start : min(end, start + 100_000)] + data[there:]


def decide(rng, data):
    """An element that decides how pixels are read gets a value, of the right kind or not."""
    group, number, kind = rng.choice(DECIDING)
    if rng.random() < 0.1:
        kind = rng.choice(KINDS)
    value = rng.choice(WORDS) if kind in (b"DS", b"IS", b"CS", b"PN", b"AS", b"DA") else _binary(rng, kind)
    made = _element(group, number, kind, value)
    found = elements(data)
    for start, _, end in found:
        if data[start : start + 4] == made[:4]:
            return data[:start] + made + data[end:]
    place = next((start for start, _, _ in found if data[start : start + 4] > made[:4]), len(data))
    return data[:place] + made + data[place:]


def _binary(rng, kind):
    if kind == b"SQ":
        descriptor = _element(0x28, 0x3002, b"US", struct.pack("<3H", *(rng.choice(ODD) for _ in range(3))))
        content = descriptor + _element(0x28, 0x3006, b"OW", rng.randbytes(2 * rng.choice(ODD)))
        return b"\xfe\xff\0\xe0" + struct.pack("<I", len(content)) + content
    return b"".join(struct.pack("<H", rng.choice(ODD)) for _ in range(rng.choice((1, 1, 1, 2, 3, 256))))


def syntax(rng, data):
    """The pixels are called by another transfer syntax."""
    for start, _, end in elements(data):
        if data[start : start + 4] == b"\x02\0\x10\0":
            new = rng.choice(SYNTAXES)
            return data[:start] + _element(2, 0x10, b"UI", new + b"\0" * (len(new) % 2)) + data[end:]
    return data


def header_of(rng, data):
    """The preamble, the meta group or both are lost."""
    return rng.choice((data[128:], data[132:], data[144 + int.from_bytes(data[140:144], "little") :]))


def fragments(data):
    """(start, end) of the items of encapsulated pixel data, the offset table first."""
    at = data.find(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff")
    found = []
    at += 12
    while at >= 12 and data[at : at + 4] == b"\xfe\xff\0\xe0":
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((at, end))
        at = end
    return found


def _item(rng, data):
    found = fragments(data)
    return rng.choice(found) if found else (0, 0)


def fragment_lost(rng, data):
    """A fragment, or the table, is missing."""
    start, end = _item(rng, data)
    return data[:start] + data[end:]


def fragment_twice(rng, data):
    """A fragment comes twice."""
    start, end = _item(rng, data)
    return data[:end] + data[start:end] + data[end:]


def fragment_cut(rng, data):
    """A fragment is cut, its length mended."""
    start, end = _item(rng, data)
    if not end:
        return data
    keep = rng.randrange(0, end - start - 7) // 2 * 2
    return data[: start + 4] + struct.pack("<I", keep) + data[start + 8 : start + 8 + keep] + data[end:]


def fragment_length(rng, data):
    """A fragment's length lies."""
    start, end = _item(rng, data)
    return data[: start + 4] + struct.pack("<I", rng.choice(LARGE + ODD)) + data[start + 8 :] if end else data


def codestream(rng, data):
    """Bits, markers or numbers inside the coded pixels alone."""
    found = fragments(data)
    start, end = max(found, key=lambda item: item[1] - item[0]) if found else (0, len(data))
    at = start + 8 if found else 0
    stream = data[at:end]
    if not stream:
        return data
    head = rng.randrange(min(len(stream), 200)) if rng.random() < 0.6 else rng.randrange(len(stream))
    marker = bytes(
        (
            0xFF,
            rng.choice(
                (0xC0, 0xC3, 0xC4, 0xD0, 0xD8, 0xD9, 0xDA, 0xDD, 0xF7, 0xF8, 0x4F, 0x51, 0x52, 0x5C, 0x90, 0x93)
            ),
        )
    )
    new = rng.choice(
        (marker, rng.randbytes(1), rng.randbytes(3), struct.pack(">H", rng.choice(ODD)), b"\xff" * 4, b"\0" * 4)
    )
    spoilt = stream[:head] + new + stream[head + len(new) :]
    return data[:at] + spoilt[: len(stream)] + data[end:]


def deflated(rng, data):
    """Something inside a deflated dataset, packed again."""
    if b"1.2.840.10008.1.2.1.99" not in data[:600]:
        return codestream(rng, data)
    start = 144 + int.from_bytes(data[140:144], "little")
    try:
        inner = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], 10_000_000)
    except zlib.error:
        return data
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return data[:start] + packer.compress(rng.choice((flipped, blocked, numbered, cut))(rng, inner)) + packer.flush()


# -- PNG


def chunks(data):
    """(kind, content) of a PNG's chunks."""
    at, found = 8, []
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _png(found):
    return PNG + b"".join(_chunk(kind, content) for kind, content in found)


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def chunk_content(rng, data):
    """A chunk's content, with a checksum that fits."""
    found = chunks(data) or [(b"IEND", b"")]
    at = rng.randrange(len(found))
    kind, content = found[at]
    found[at] = (kind, rng.choice((flipped, blocked, numbered, cut))(rng, content))
    return _png(found)


def chunk_lost(rng, data):
    """A chunk is missing."""
    found = chunks(data)
    if found:
        del found[rng.randrange(len(found))]
    return _png(found)


def chunk_twice(rng, data):
    """A chunk comes twice, or one comes that has no place there."""
    found = chunks(data) or [(b"IEND", b"")]
    extra = rng.choice(
        (
            rng.choice(found),
            (b"PLTE", rng.randbytes(768)),
            (b"tRNS", rng.randbytes(6)),
            (b"acTL", bytes(8)),
            (b"fdAT", bytes(40)),
            (b"IDAT", b""),
        )
    )
    found.insert(rng.randrange(len(found) + 1), extra)
    return _png(found)


def chunk_moved(rng, data):
    """Chunks in another order."""
    found = chunks(data)
    rng.shuffle(found)
    return _png(found)


def chunk_length(rng, data):
    """A chunk's length lies."""
    at = 8 + 25 * rng.randrange(2)
    return data[:at] + struct.pack(">I", rng.choice(LARGE + ODD)) + data[at + 4 :]


def png_header(rng, data):
    """A field of IHDR, with a checksum that fits."""
    found = chunks(data)
    if not found or len(found[0][1]) < 13:
        return data
    header = bytearray(found[0][1])
    field = rng.choice((0, 4, 8, 9, 10, 11, 12))
    if field < 8:
        header[field : field + 4] = struct.pack(">I", rng.choice(LARGE + ODD))
    else:
        header[field] = rng.choice((0, 1, 2, 3, 4, 5, 6, 8, 16, 32, 255))
    found[0] = (found[0][0], bytes(header))
    return _png(found)


def png_pixels(rng, data):
    """Filtered lines changed, shortened or lengthened, packed again."""
    found = chunks(data)
    try:
        raw = zlib.decompressobj().decompress(b"".join(content for kind, content in found if kind == b"IDAT"), 1 << 24)
    except zlib.error:
        return data
    raw = rng.choice((flipped, blocked, cut, copied, lambda _, lines: lines * 40))(rng, raw)
    others = [item for item in found if item[0] != b"IDAT"]
    return _png([*others[:1], (b"IDAT", zlib.compress(raw)), *others[1:]])


# -- JPEG


def segments(data):
    """(start, end) of a JPEG's segments before its first scan."""
    at, found = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((at, end))
        at = end
    return found


def _segment(rng, data):
    found = segments(data)
    return rng.choice(found) if found else (0, 0)


def segment_content(rng, data):
    """A segment's content."""
    start, end = _segment(rng, data)
    return data[: start + 4] + rng.choice((flipped, numbered, blocked))(rng, data[start + 4 : end]) + data[end:]


def segment_lost(rng, data):
    """A segment is missing."""
    start, end = _segment(rng, data)
    return data[:start] + data[end:]


def segment_twice(rng, data):
    """A segment comes again, elsewhere."""
    (start, end), (_, there) = _segment(rng, data), _segment(rng, data)
    return data[:there] + data[start:end] + data[there:]


def segment_length(rng, data):
    """A segment's length lies."""
    start, _ = _segment(rng, data)
    return data[: start + 2] + struct.pack(">H", rng.choice(ODD)) + data[start + 4 :]


# -- TIFF, BMP, zip


def directory_entry(rng, data):
    """A field of an entry of the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    first = int.from_bytes(data[4:8], "little" if order == "<" else "big")
    if first + 14 > len(data):
        return data
    (count,) = struct.unpack(f"{order}H", data[first : first + 2])
    at = first + 2 + 12 * rng.randrange(max(count, 1)) + rng.choice((0, 2, 4, 8, 8, 8))
    code = rng.choice("HI")
    number = struct.pack(order + code, rng.choice(ODD if code == "H" else LARGE + ODD))
    return data[:at] + number + data[at + len(number) :]


def directory_offset(rng, data):
    """Where the first directory lies."""
    order = "<" if data[:2] == b"II" else ">"
    return data[:4] + struct.pack(f"{order}I", rng.choice((*LARGE, *ODD, len(data) - 2))) + data[8:]


def bmp_header(rng, data):
    """A field of the headers."""
    at = rng.choice((2, 10, 14, 18, 22, 26, 28, 30, 34, 46, 50))
    number = struct.pack("<I", rng.choice(LARGE + ODD))
    return data[:at] + number + data[at + 4 :]


def zip_field(rng, data):
    """A field of a local header, an entry or the end record."""
    signature = rng.choice((b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"))
    at = data.find(signature)
    if at < 0:
        return data
    at += rng.randrange(4, 40, 2)
    number = struct.pack("<H", rng.choice(ODD)) if rng.random() < 0.5 else struct.pack("<I", rng.choice(LARGE + ODD))
    return data[:at] + number + data[at + len(number) :]


def zip_member(rng, data):
    """A spoilt film in a whole archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inner = archive.read(archive.infolist()[0])
    except Exception:  # noqa: BLE001 - a spoilt archive raises anything; then there is nothing inside to spoil
        return data
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("film.dcm", spoil(rng, inner, 1))
    return out.getvalue()
