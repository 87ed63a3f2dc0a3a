"""Files, folders and archives: everything met becomes an input file, and what is unsafe refuses alone."""

import io
import os
import stat
import struct
import tempfile
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.errors import Refusal
from cxr_core.read.sources import from_paths
from cxr_core.settings import Settings
from tests.read.films import SETTINGS


def packed(members, compression=zipfile.ZIP_DEFLATED):
    """A zip archive of (name or ZipInfo, bytes)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def results(inputs):
    """Name -> bytes, or the refusal's code; names are unique in these tests."""
    found = {}
    for item in inputs:
        try:
            found[item.name] = item.load()
        except Refusal as refusal:
            assert refusal.message
            found[item.name] = refusal.code
    return found


def listed(data, limits=SETTINGS, name="films.zip"):
    """The inputs of a file of that name, under its plain name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        for item in from_paths([path], limits):
            yield replace(item, name=item.name.removeprefix(f"{Path(folder).as_posix()}/"))


def uploaded(data, limits=SETTINGS, name="films.zip"):
    return results(listed(data, limits, name))


def test_one_upload_is_itself():
    assert uploaded(b"abc", name="a.png") == {"a.png": b"abc"}
    assert uploaded(b"", name="empty") == {"empty": b""}


def test_files_and_folders_come_in_the_order_given_and_sorted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("films/b", "films/a.PNG", "films/deep/er/c.dcm", "z.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    names = [item.name for item in from_paths(["z.png", "films"], SETTINGS)]
    assert names == ["z.png", "films/a.PNG", "films/b", "films/deep/er/c.dcm"]
    assert results(from_paths(["films"], SETTINGS))["films/deep/er/c.dcm"] == b"films/deep/er/c.dcm"


def test_system_leftovers_are_passed_over(tmp_path):
    noise = (".DS_Store", "Thumbs.db", "DICOMDIR", ".hidden", "__MACOSX/._a.png", ".git/x", "sub/desktop.ini")
    for name in (*noise, "sub/kept.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert [item.name for item in from_paths([tmp_path], SETTINGS)] == [f"{tmp_path.as_posix()}/sub/kept.png"]
    archive = packed([(name, b"x") for name in (*noise, "sub/kept.png")])
    assert uploaded(archive) == {"films.zip/sub/kept.png": b"x"}


def test_a_hidden_folder_named_by_the_caller_is_read(tmp_path):
    folder = tmp_path / ".inbox"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    assert list(results(from_paths([folder], SETTINGS)).values()) == [b"x"]


def test_an_archive_is_opened_wherever_it_is_met(tmp_path):
    inner = packed([("a.png", b"A"), ("ward/b.dcm", b"B")])
    (tmp_path / "no_extension").write_bytes(inner)
    found = results(from_paths([tmp_path], SETTINGS))
    base = tmp_path.as_posix()
    assert found == {f"{base}/no_extension/a.png": b"A", f"{base}/no_extension/ward/b.dcm": b"B"}


@pytest.mark.parametrize(
    "name", ["../up.png", "a/../../up.png", "/etc/up.png", "C:/up.png", "C:\\up.png", "..\\up.png", "\\\\host\\up.png"]
)
def test_a_climbing_path_is_refused_and_its_neighbours_go_on(name):
    found = uploaded(packed([("a.png", b"A"), (name, b"evil"), ("b.png", b"B")]))
    assert found["films.zip/a.png"] == b"A"
    assert found["films.zip/b.png"] == b"B"
    (bad,) = set(found) - {"films.zip/a.png", "films.zip/b.png"}
    assert found[bad] == "unsafe_archive"
    assert ".." not in bad
    assert bad.startswith("films.zip/")
    assert bad.endswith("up.png")


def test_links_and_devices_are_refused():
    members = [("a.png", b"A")]
    for name, kind in (("link", stat.S_IFLNK), ("device", stat.S_IFCHR), ("pipe", stat.S_IFIFO)):
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o777) << 16
        members.append((info, b"/etc/passwd"))
    found = uploaded(packed(members))
    assert found.pop("films.zip/a.png") == b"A"
    assert set(found.values()) == {"unsafe_archive"}


def test_an_encrypted_member_is_refused_and_said():
    data = bytearray(packed([("a.png", b"A"), ("secret.png", b"S")]))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature, data.index(signature) + 1)
        data[at + flags] |= 1
    for item in listed(bytes(data)):
        if item.name == "films.zip/a.png":
            assert item.load() == b"A"
            continue
        with pytest.raises(Refusal, match="encrypted"):
            item.load()
    assert item.name == "films.zip/secret.png"


@pytest.mark.parametrize(
    "inner",
    [
        packed([("x", b"y")]),
        b"\x1f\x8b\x08rest",
        b"7z\xbc\xaf\x27\x1crest",
        b"Rar!\x1a\x07rest",
        bytes(257) + b"ustar  ",
    ],
)
def test_an_archive_inside_an_archive_is_refused(inner):
    found = uploaded(packed([("a.png", b"A"), ("inner.bin", inner)]))
    assert found == {"films.zip/a.png": b"A", "films.zip/inner.bin": "unsafe_archive"}


def test_a_bomb_is_refused_by_its_directory_without_unpacking():
    data = packed([("a.png", b"A"), ("bomb.png", bytes(60_000_000))])
    tracemalloc.start()
    found = uploaded(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == {"films.zip/a.png": b"A", "films.zip/bomb.png": "unsafe_archive"}
    assert peak < 5_000_000


def test_a_member_that_lies_about_its_size_is_refused_within_the_size_it_claims():
    data = bytearray(packed([("bomb.png", bytes(30_000_000)), ("b.png", b"B")]))
    for signature, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature)
        data[at + size : at + size + 4] = struct.pack("<I", 1000)
    tracemalloc.start()
    found = uploaded(bytes(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == {"films.zip/bomb.png": "damaged_image", "films.zip/b.png": b"B"}
    assert peak < 5_000_000


def test_limits_on_a_member_on_all_members_and_on_their_number():
    alone = uploaded(packed([("big.png", os.urandom(1_100_000))]), Settings(max_file_mb=2, max_upload_mb=1))
    assert alone == {"films.zip/big.png": "unsafe_archive"}
    alone = uploaded(packed([("big.png", os.urandom(1_100_000))]), Settings(max_file_mb=1))
    assert alone == {"films.zip/big.png": "too_large"}
    smooth = b"film" * 225_000
    together = uploaded(packed([(f"{i}.png", smooth) for i in range(5)]), Settings(max_upload_mb=3))
    assert list(together.values()) == [smooth] * 3 + ["unsafe_archive"] * 2
    many = uploaded(packed([(f"{i}.png", b"x") for i in range(7)]), Settings(max_files=5))
    assert many == {f"films.zip/{i}.png": b"x" if i < 5 else "too_many" for i in range(7)}


def test_five_hundred_members_and_files_are_all_there(tmp_path):
    assert len(uploaded(packed([(f"{i:03d}.png", b"x") for i in range(500)]))) == 500
    for i in range(500):
        (tmp_path / f"{i:03d}.png").write_bytes(b"x")
    found = results(from_paths([tmp_path], SETTINGS))
    assert len(found) == 500
    assert list(found) == sorted(found)


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_listing_of_many_archives_holds_no_file_open(tmp_path):
    for i in range(20):
        (tmp_path / f"{i:02d}.zip").write_bytes(packed([("a.png", b"A"), ("b.png", b"B")]))
    before = open_files()
    found = list(from_paths([tmp_path], SETTINGS))
    assert open_files() == before
    assert [item.load() for item in found] == [b"A", b"B"] * 20
    assert open_files() == before


@pytest.mark.parametrize("wide", [False, True])
def test_a_directory_of_far_too_many_files_is_refused_by_its_end_record_alone(wide, monkeypatch):
    data = bytearray(packed([(f"{i}.png", b"x") for i in range(101)]))
    if wide:
        record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 101, 101, 1, 1)
        data[-22:] = record + bytes(20) + data[-22:]
        data[-12:-10] = b"\xff\xff"
    limits = Settings(max_files=5)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # never opened
    assert uploaded(bytes(data), limits) == {"films.zip": "unsafe_archive"}


def test_a_damaged_archive_and_a_damaged_member():
    data = packed([("a.png", os.urandom(2000)), ("b.png", b"B")])
    assert uploaded(data[: len(data) // 2]) == {"films.zip": "damaged_image"}
    spoilt = bytearray(data)
    spoilt[200] ^= 255
    assert uploaded(bytes(spoilt)) == {"films.zip/a.png": "damaged_image", "films.zip/b.png": b"B"}


def test_an_empty_archive_and_a_document_are_refused_as_a_whole():
    assert uploaded(packed([])) == {"films.zip": "empty_file"}
    assert uploaded(packed([(".DS_Store", b"x")])) == {"films.zip": "empty_file"}
    assert uploaded(packed([("[Content_Types].xml", b"x"), ("word/document.xml", b"y")])) == {
        "films.zip": "not_an_image"
    }


def test_two_members_of_one_name_are_both_read():
    with pytest.warns(UserWarning, match="Duplicate"):
        data = packed([("a.png", b"first"), ("a.png", b"second")])
    assert [item.load() for item in listed(data)] == [b"first", b"second"]


def test_a_member_without_a_name_is_refused():
    nameless = packed([("a", b"x")]).replace(b"a", b"\0")
    assert uploaded(nameless) == {"films.zip/unnamed": "unsafe_archive"}


def test_names_are_shown_without_control_characters():
    (item,) = listed(packed([("a\n\x1b[31m\u202egnp.png", b"x")]))
    assert item.name == "films.zip/a[31mgnp.png"


def test_a_file_above_the_limit_is_refused(tmp_path):
    (tmp_path / "big").write_bytes(bytes(1_000_001))
    limits = Settings(max_file_mb=1)
    assert list(results(from_paths([tmp_path], limits)).values()) == ["too_large"]
    assert uploaded(bytes(1_000_001), limits, "big") == {"big": "too_large"}


def test_what_cannot_be_opened_is_refused_and_never_waited_for(tmp_path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "ok.png").write_bytes(b"x")
    found = results(from_paths([tmp_path, tmp_path / "missing.png", tmp_path / "pipe"], SETTINGS))
    base = tmp_path.as_posix()
    assert found == {
        f"{base}/dangling": "damaged_image",
        f"{base}/ok.png": b"x",
        f"{base}/missing.png": "damaged_image",
        f"{base}/pipe": "damaged_image",
    }


def test_a_file_that_vanishes_before_it_is_loaded_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    (item,) = from_paths([path], SETTINGS)
    path.unlink()
    with pytest.raises(Refusal, match="FileNotFoundError"):
        item.load()


def test_a_loop_of_links_ends(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "film.png").write_bytes(b"x")
    (inner / "up").symlink_to(tmp_path)
    (inner / "self").symlink_to(inner)
    assert list(results(from_paths([tmp_path], SETTINGS)).values()) == [b"x"]


def test_files_are_found_lazily_and_loaded_one_at_a_time(tmp_path):
    for i in range(20):
        (tmp_path / f"{i:02d}").write_bytes(bytes(1_000_000))
    tracemalloc.start()
    for item in from_paths([tmp_path], SETTINGS):
        assert len(item.load()) == 1_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), min_size=1, max_size=12).filter(
        lambda name: name.strip() == name and not name.lower().startswith("dicomdir")
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(deadline=None)
@given(NAMES, st.data())
def test_what_is_packed_comes_out_again(names, data):
    members = {f"ward/{name}.dcm": b"\x89PNG" + data.draw(st.binary(max_size=300)) for name in names}
    assert uploaded(packed(members.items())) == {f"films.zip/{name}": body for name, body in members.items()}


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_spoilt_archives_never_raise_anything_but_a_refusal(data):
    spoilt = bytearray(_ARCHIVE)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    assert len(uploaded(bytes(spoilt))) >= 1


_ARCHIVE = packed([("a.png", b"A" * 300), ("ward/b.dcm", os.urandom(100)), ("c", b"")])
