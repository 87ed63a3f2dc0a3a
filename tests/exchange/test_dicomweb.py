"""DICOMweb against a server that a test scripts: what is half, wrong or refused is one clear error, never a film."""

import json

import pytest

from cxr_core.errors import ExchangeError, PeerRefused, PeerUnclear, PeerUnreachable, SettingsError
from cxr_core.exchange import deliver
from cxr_core.exchange.dicomweb import Archive, Found, only_part, password
from cxr_core.exchange.fetching import Wanted, fetch_films
from cxr_core.exchange.rules import Peer
from tests.exchange.films import dataset, file_of

JSON, MULTI = "application/dicom+json", 'multipart/related; type="application/dicom"; boundary=abc'
FOUND = Found("1.2", "1.3", "1.4")


@pytest.fixture
def peer(server):
    return Peer("archive", "dicomweb", url=f"http://127.0.0.1:{server.server_port}/web")


@pytest.fixture
def archive(peer):
    with Archive(peer) as made:
        yield made


def listed(keyword: str, *uids: str) -> tuple:
    tags = {"StudyInstanceUID": "0020000D", "SeriesInstanceUID": "0020000E", "SOPInstanceUID": "00080018"}
    found = [{tags[keyword]: {"vr": "UI", "Value": [uid]}} for uid in uids]
    return 200, JSON, json.dumps(found).encode()


def multi(data: bytes, end: bytes = b"\r\n--abc--\r\n") -> bytes:
    return b"--abc\r\nContent-Type: application/dicom\r\n\r\n" + data + end


def _reference(film) -> list[tuple[str, str]]:
    return [("00081150", film.SOPClassUID), ("00081155", film.SOPInstanceUID)]


def stored(film, **facts) -> tuple:
    item = {
        "00081150": {"vr": "UI", "Value": [film.SOPClassUID]},
        "00081155": {"vr": "UI", "Value": [film.SOPInstanceUID]},
    }
    sequence = "00081198" if facts else "00081199"
    reason = {"00081197": {"vr": "US", "Value": [facts["reason"]]}} if facts else {}
    return 200, JSON, json.dumps({sequence: {"vr": "SQ", "Value": [item | reason]}}).encode()


def test_a_fetched_film_has_the_archive_s_bytes(archive, server):
    data = file_of(dataset())
    server.script = [(200, MULTI, multi(data))]
    assert archive.fetch(FOUND, 1_000_000) == data
    assert server.heard[0][0] == "/web/studies/1.2/series/1.3/instances/1.4"


@pytest.mark.parametrize(
    ("answer", "kind", "retry"),
    [
        ((500, "text/plain", b"DOE^JANE crashed"), PeerRefused, True),
        ((429, "text/plain", b""), PeerRefused, True),
        ((400, "text/plain", b""), PeerRefused, False),
        ((404, "text/plain", b""), PeerUnreachable, True),
        ((401, "text/plain", b""), PeerUnreachable, True),
        ((503, "text/plain", b""), PeerUnreachable, True),
        ((200, MULTI, multi(b"x" * 200)), PeerUnclear, True),
        ((200, MULTI, multi(file_of(dataset()), end=b"")), PeerUnclear, True),
        ((200, MULTI, multi(file_of(dataset())), 5000), PeerUnclear, True),
        ((200, "text/html", b"<html>log in</html>"), PeerUnclear, True),
        ((200, MULTI, b""), PeerUnclear, True),
        ((200, "multipart/related", multi(file_of(dataset()))), PeerUnclear, True),
        ((200, MULTI, multi(bytes(2_000_000))), PeerUnclear, False),
    ],
    ids=[
        "500",
        "429",
        "400",
        "404",
        "401",
        "503",
        "no film",
        "no end",
        "cut",
        "html",
        "empty",
        "no boundary",
        "too large",
    ],
)
def test_what_is_no_film_is_an_error_that_names_nobody(archive, server, answer, kind, retry):
    server.script = [answer]
    with pytest.raises(ExchangeError) as told:
        archive.fetch(FOUND, 1_000_000)
    assert type(told.value) is kind
    assert told.value.retry is retry
    assert "DOE" not in str(told.value) and "1.4" not in str(told.value)


@pytest.mark.parametrize(
    "answer",
    [
        (200, JSON, b'[{"0020000D": {"vr": "UI"'),
        (200, JSON, b'[{"0020000D": {"vr": "UI"}}]'),
        (200, JSON, b"[{}]"),
        (200, JSON, b'["1.2"]'),
        (200, "text/html", b"<html></html>"),
    ],
    ids=["half", "no value", "no tag", "no object", "html"],
)
def test_a_list_that_makes_no_sense_is_said(archive, server, answer):
    server.script = [answer]
    with pytest.raises(PeerUnclear):
        list(archive.films({}, "DX"))


def test_pages_are_asked_for_until_they_bring_nothing_new(archive, server, monkeypatch):
    monkeypatch.setattr("cxr_core.exchange.dicomweb._PAGE", 2)
    server.script = [
        listed("StudyInstanceUID", "1", "2"), listed("SeriesInstanceUID"), listed("SeriesInstanceUID"),
        listed("StudyInstanceUID", "1", "2"),  # an archive that knows no pages
    ]  # fmt: skip
    assert list(archive.films({"StudyDate": "20260101"}, "DX")) == []
    asked = [path for path, _ in server.heard]
    assert "offset=2" in asked[3] and "StudyDate=20260101" in asked[0] and "ModalitiesInStudy=DX" in asked[0]
    assert server.script == []


def test_an_empty_archive_may_answer_without_content(archive, server):
    server.script = [(204, JSON, b"")]
    assert list(archive.films({}, "DX")) == []


def test_what_the_archive_says_that_it_took_is_checked(archive, server):
    film = dataset()
    server.script = [stored(film)]
    archive.store([file_of(film)])
    assert film.SOPInstanceUID.encode() in server.heard[0][1]
    server.script = [stored(dataset(5))]
    with pytest.raises(PeerUnclear):
        archive.store([file_of(film)])


@pytest.mark.parametrize(("reason", "retry"), [(0xA700, True), (0xA900, False), (0x0110, False)])
def test_a_refused_object_is_told_with_dicom_s_reason(archive, server, reason, retry):
    film = dataset()
    server.script = [stored(film, reason=reason)]
    with pytest.raises(PeerRefused, match=f"{reason:04X}") as told:
        archive.store([file_of(film)])
    assert (told.value.status, told.value.retry) == (reason, retry)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((500, "text/plain", b""), PeerRefused),
        ((200, JSON, b'{"0008'), PeerUnclear),
        ((200, JSON, b"", 100), PeerUnclear),
    ],
    ids=["500", "half", "cut"],
)
def test_a_store_that_ends_badly_is_told_apart(archive, server, answer, kind):
    server.script = [answer]
    with pytest.raises(kind):
        archive.store([file_of(dataset())])


def test_a_port_where_nobody_is_is_unreachable_over_every_protocol():
    for peer in (
        Peer("away", "dicomweb", url="http://127.0.0.1:9/x"),
        Peer("away", "dicom", host="127.0.0.1", port=9, aet="AWAY"),
        Peer("away", "fhir", url="http://127.0.0.1:9/fhir"),
    ):
        with pytest.raises(PeerUnreachable, match="away"):
            deliver.answers(peer, "CXRSCREEN")


def test_fetching_goes_on_past_a_film_that_fails_and_passes_over_what_is_here(peer, server, store, settings):
    films = [dataset(number) for number in range(3)]
    lists = [
        listed("StudyInstanceUID", "1.2"), listed("SeriesInstanceUID", "1.3"),
        listed("SOPInstanceUID", *(film.SOPInstanceUID for film in films)),
    ]  # fmt: skip
    good = [(200, MULTI, multi(file_of(film))) for film in films]
    server.script = [*lists, good[0], (500, "text/plain", b""), good[2]]
    told = fetch_films(peer, Wanted({}, ("DX",)), store, settings, most=10)
    assert (told.fetched, told.known, told.failed, told.reasons) == (2, 0, 1, ["archive answered 500"])
    server.script = [*lists, good[1]]
    told = fetch_films(peer, Wanted({}, ("DX",)), store, settings, most=10)
    assert (told.fetched, told.known, told.failed) == (1, 2, 0)
    assert len(store.inbox_waiting(10)) == 3


def test_a_password_is_read_from_its_file_and_stands_in_no_message(tmp_path):
    path = tmp_path / "secret"
    path.write_text("open sesame\n")
    assert password(Peer("a", "dicomweb", password_file=str(path))) == "open sesame"
    with pytest.raises(SettingsError, match="password file of a"):
        password(Peer("a", "dicomweb", password_file=str(tmp_path / "nowhere")))


def test_a_single_part_without_wrapping_is_taken_as_it_is():
    data = file_of(dataset())
    assert only_part(data, "application/dicom") == data
