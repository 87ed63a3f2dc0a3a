"""The site file: what is written is read again, and whatever is wrong is named with its place."""

import math
import stat
import threading
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.errors import SettingsError
from cxr_core.settings import Settings
from cxr_core.site import Section, read_site, section, sections, write_section

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
PLAIN = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | KEYS
TABLES = st.dictionaries(KEYS, PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(KEYS, PLAIN, max_size=2))


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path)


def _write(settings, text):
    settings.resolved_site_file.write_text(text, encoding="utf-8")
    return settings


@given(first=TABLES, second=TABLES)
def test_a_section_comes_back_as_it_was_written_and_touches_no_other(tmp_path_factory, first, second):
    settings = Settings(data_dir=tmp_path_factory.mktemp("site"))
    write_section(settings, "triage", first)
    write_section(settings, "exchange", second)
    assert read_site(settings) == {"triage": first, "exchange": second}


def test_without_a_file_every_section_is_empty(settings):
    assert section(read_site(settings), "triage").table == {}


def test_the_file_is_private_and_the_one_before_is_kept(settings):
    _write(settings, "# by hand\n[triage]\nlimit = 5\n")
    write_section(settings, "triage", {"limit": 6, "unsaid": None})
    path = settings.resolved_site_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_site(settings)["triage"] == {"limit": 6}
    assert path.with_name("site.toml.before").read_text() == "# by hand\n[triage]\nlimit = 5\n"


def test_another_place_may_be_named(tmp_path):
    settings = Settings.from_environment({"CXR_SITE_FILE": str(tmp_path / "ward.toml")})
    write_section(settings, "retention", {"days": 30})
    assert (tmp_path / "ward.toml").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[triage\n", "site.toml is not valid TOML.*line 1"),
        (b"\xff\xfe[\x00", "must be UTF-8"),
        (b"#" * 1_000_001, "larger than"),
        (b"a = 1\na = 2\n", "not valid TOML"),
    ],
)
def test_a_broken_file_is_named_and_never_overwritten(settings, data, said):
    settings.resolved_site_file.write_bytes(data)
    with pytest.raises(SettingsError, match=said):
        read_site(settings)
    with pytest.raises(SettingsError, match=said):
        write_section(settings, "triage", {"limit": 5})
    assert settings.resolved_site_file.read_bytes() == data


def test_a_folder_in_its_place_is_an_error(settings):
    settings.resolved_site_file.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_site(settings)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        write_section(Settings(site_file=str(tmp_path / "file" / "site.toml")), "triage", {})


def test_a_value_without_a_form_in_toml_is_an_error(settings):
    with pytest.raises(SettingsError, match="triage"):
        write_section(settings, "triage", {"limit": object()})


def test_writers_at_once_lose_nothing(settings):
    names = [f"part{number}" for number in range(12)]
    threads = [threading.Thread(target=write_section, args=(settings, name, {"own": name})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_site(settings) == {name: {"own": name} for name in names}


def test_values_are_taken_by_their_kind(settings):
    _write(settings, 'n = 1\n[t]\na = 2\nb = 2.5\nc = true\nd = "x"\ne = ["x", "y"]\nf = 07:30:00\n[t.g]\nh = 1\n')
    table = section(read_site(settings), "t")
    assert (table.whole("a", 0, 0, 9), table.number("b", 0, 0, 9), table.number("a", 0, 0, 9)) == (2, 2.5, 2.0)
    assert (table.flag("c", default=False), table.text("d"), table.choice("d", "y", ("x", "y"))) == (True, "x", "x")
    assert (table.texts("e"), table.clock("f"), table.below("g").whole("h", 0, 0, 1)) == (("x", "y"), time(7, 30), 1)
    table.finish()
    assert Section("t", {}).number("missing", 4, 0, 9) == 4


@pytest.mark.parametrize(
    ("take", "value"),
    [
        (lambda t: t.number("key", 1, 0, 9), True),
        (lambda t: t.number("key", 1, 0, 9), "5"),
        (lambda t: t.number("key", 1, 0, 9), 9.5),
        (lambda t: t.number("key", 1, 0, 9), math.nan),
        (lambda t: t.whole("key", 1, 0, 9), 5.0),
        (lambda t: t.flag("key", default=True), 1),
        (lambda t: t.text("key"), "two\nlines"),
        (lambda t: t.text("key", most=3), "four"),
        (lambda t: t.choice("key", "a", ("a", "b")), "c"),
        (lambda t: t.choice("key", "a", ("a", "b")), ["a"]),
        (lambda t: t.texts("key"), [1]),
        (lambda t: t.clock("key"), "07:30"),
        (lambda t: t.below("key"), 5),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_its_place(take, value):
    with pytest.raises(SettingsError, match="must be"):
        take(Section("triage", {"key": value}))


def test_a_misspelt_key_is_named_with_what_is_known():
    table = Section("triage", {"limmit": 5})
    table.number("limit", 60, 0, 100)
    with pytest.raises(SettingsError, match=r"\[triage\] does not know 'limmit'; it knows limit"):
        table.finish()


def test_an_array_of_tables_is_given_one_by_one(settings):
    _write(settings, '[[exchange.destination]]\nname = "PACS"\n[[exchange.destination]]\nname = 5\n')
    first, second = sections(read_site(settings), "exchange", "destination")
    assert first.text("name") == "PACS"
    with pytest.raises(SettingsError, match=r"name in \[exchange.destination 2\]"):
        second.text("name")
    assert sections({}, "exchange", "destination") == ()


@pytest.mark.parametrize("wrong", [{"exchange": 5}, {"exchange": {"destination": {"name": "x"}}}])
def test_a_section_of_another_form_is_an_error(wrong):
    with pytest.raises(SettingsError, match="exchange"):
        sections(wrong, "exchange", "destination")
