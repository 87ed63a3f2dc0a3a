"""The site file's [exchange]: what is written is what counts, and nonsense is named with its place."""

import pytest

from cxr_core.errors import SettingsError
from cxr_core.exchange.rules import Destination, Peer, Rules, Tls, read_rules
from cxr_core.settings import Settings


@pytest.fixture
def rules(tmp_path):
    def read(text: str) -> Rules:
        (tmp_path / "site.toml").write_text(text)
        return read_rules(Settings(data_dir=tmp_path))

    return read


WHOLE = """
[exchange]
aet = "TRIAGE"
host = "127.0.0.1"
port = 4242
senders = ["XRAY1", "GATE WAY"]
modalities = ["dx", "CR"]
body_parts = ["CHEST"]
associations = 4
[exchange.tls]
certificate = "tls/own.pem"
key = "tls/own.key"
authorities = "/etc/ours.pem"
[[exchange.source]]
name = "cloud"
kind = "dicomweb"
url = "https://cloud.example/dicom-web/"
user = "us"
password_file = "cloud.password"
[[exchange.destination]]
name = "archive"
kind = "dicom"
host = "archive.example"
port = 104
aet = "ARCHIVE"
objects = ["sr", "sc", "sr"]
when = "signed"
of = "all"
rests = 5
[[exchange.destination]]
name = "record"
kind = "fhir"
url = "http://fhir.example/r4"
"""


def test_all_that_can_be_said(rules, tmp_path):
    said = rules(WHOLE)
    assert said == Rules(
        aet="TRIAGE", host="127.0.0.1", port=4242, senders=("XRAY1", "GATE WAY"), modalities=("DX", "CR"),
        body_parts=("CHEST",), associations=4,
        tls=Tls("/etc/ours.pem", str(tmp_path / "tls/own.pem"), str(tmp_path / "tls/own.key")),
        sources=(
            Peer("cloud", "dicomweb", url="https://cloud.example/dicom-web", user="us",
                 password_file=str(tmp_path / "cloud.password"), tls=Tls()),
        ),
        destinations=(
            Destination(Peer("archive", "dicom", host="archive.example", port=104, aet="ARCHIVE"),
                        ("sr", "sc"), "signed", "all", 5),
            Destination(Peer("record", "fhir", url="http://fhir.example/r4"), ("fhir",)),
        ),
    )  # fmt: skip
    assert said.peer("cloud") is said.sources[0]
    assert said.peer("record").kind == "fhir"


def test_a_site_that_says_nothing_listens_and_gives_nothing_away(rules):
    assert rules("") == Rules()
    assert Rules().destinations == ()


FHIR = 'kind = "fhir"\nurl = "https://x"\n'
DESTINATION = '[exchange]\n[[exchange.destination]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[exchange]\nport = 0", "port in [exchange]"),
        ("[exchange]\nsend_from = []", "does not know 'send_from'"),
        ('[exchange]\naet = "SEVENTEEN LETTERS"', "aet in [exchange]"),
        ('[exchange]\naet = "BACK\\\\SLASH"', "aet in [exchange]"),
        ('[exchange]\nsenders = ["", "A"]', "senders in [exchange]"),
        ('[exchange]\nmodalities = [" "]', "modalities in [exchange]"),
        ("exchange = 3", "[exchange]"),
        ('[exchange]\n[exchange.destination]\nname = "a"', "[[exchange.destination]]"),
        (DESTINATION + 'kind = "ftp"', "kind in [exchange.destination 1]"),
        (DESTINATION + 'kind = "dicom"\nport = 104\naet = "A"', "host in [exchange.destination 1]"),
        (DESTINATION + 'kind = "dicom"\nhost = "h"\nport = 104', "aet in [exchange.destination 1]"),
        (DESTINATION + 'kind = "dicomweb"\nurl = "ftp://x"', "url in [exchange.destination 1]"),
        (DESTINATION + 'kind = "dicomweb"\nurl = "https://me:secret@x"', "without a password"),
        (DESTINATION + 'kind = "dicomweb"\nurl = "https://x"\nobjects = ["fhir"]', "objects in"),
        (DESTINATION + 'kind = "dicomweb"\nurl = "https://x"\nobjects = []', "objects in"),
        (DESTINATION + 'kind = "dicomweb"\nurl = "https://x"\nwhen = "never"', "when in"),
        (
            DESTINATION
            + 'kind = "dicomweb"\nurl = "https://x"\n'
            + DESTINATION[11:]
            + 'kind = "fhir"\nurl = "https://y"',
            "one name",
        ),
        ('[exchange]\n[[exchange.source]]\nname = "a"\nkind = "dicom"\nhost = "h"\nport = 1\naet = "A"', "dicomweb"),
        ('[exchange.tls]\nauthorities = "a.pem"', "certificate and key"),
        ('[exchange]\n[[exchange.destination]]\nname = "a/../b"\nkind = "fhir"\nurl = "https://x"', "name in"),
    ],
)
def test_nonsense_is_named_with_its_place(rules, text, told):
    with pytest.raises(SettingsError) as error:
        rules(text)
    assert told in str(error.value)
    assert "secret@" not in str(error.value) or "must be" in str(error.value)


def test_a_peer_that_is_not_there_is_answered_with_those_that_are(rules):
    with pytest.raises(SettingsError, match="cloud, archive, record"):
        rules(WHOLE).peer("clod")


@pytest.mark.parametrize(
    ("modality", "part", "out"),
    [("DX", "CHEST", False), ("CR", "CHEST", True), ("DX", "HAND", True), ("", "", False), ("DX", "", False)],
)
def test_what_a_film_does_not_say_leaves_it_in(modality, part, out):
    said = Rules(modalities=("DX",), body_parts=("CHEST",))
    assert bool(said.left_out(modality, part)) is out
    assert Rules().left_out(modality, part) == ""


def test_a_tls_file_that_cannot_be_used_is_said_without_its_content(tmp_path):
    path = tmp_path / "own.pem"
    path.write_text("no certificate")
    for tls in (Tls(certificate=str(path), key=str(path)), Tls(authorities=str(tmp_path / "nowhere"))):
        for use in (tls.client, tls.server):
            with pytest.raises(SettingsError, match="TLS file"):
                use()
