"""One object to one destination: dcmtk's archive, a FHIR server, an HL7 receiver; and what each failure is."""

import json
import subprocess
import time
from datetime import UTC, datetime

import pytest

from cxr_core.errors import PeerRefused, PeerUnclear, PeerUnreachable, SettingsError
from cxr_core.exchange import deliver
from cxr_core.exchange.rules import Peer, Tls
from cxr_core.intake import take_in
from cxr_core.outgoing import Outgoing
from cxr_core.pipeline import Screener
from tests import fakes
from tests.exchange.films import dataset, file_of
from tests.exchange.peers import free_port, needs

CALLING = "CXRSCREEN"


@pytest.fixture
def made(settings, store):
    """The objects of one screened film, by format."""
    screener = Screener(settings, [fakes.covid(), fakes.nih()])
    (arrival,) = take_in([fakes.given("a.dcm", file_of(dataset()))], screener, store, received_at=datetime.now(UTC))
    exported = Outgoing(store, settings).export(arrival.entry.key, ["sr", "gsps", "sc", "fhir", "hl7"])
    return {item.format: item for item in exported.made}


@pytest.fixture
def archive(tmp_path):
    """Dcmtk's small archive: it knows one AE title and takes from anybody."""
    folder, port = tmp_path / "archive", free_port()
    folder.mkdir()
    config = tmp_path / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {folder} RW (200, 1024mb) ANY\nAETable END\n"
    )
    process = subprocess.Popen(["dcmqrscp", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = Peer("archive", "dicom", host="127.0.0.1", port=port, aet="ARCHIVE")
    for _ in range(100):
        try:
            deliver.answers(peer, CALLING)
            break
        except PeerUnreachable:
            time.sleep(0.1)
    yield peer, folder
    process.kill()
    process.wait()


@needs("dcmqrscp", "findscu")
def test_every_dicom_object_is_found_in_dcmtk_s_archive(archive, made):
    peer, folder = archive
    for kind in ("sr", "gsps", "sc"):
        deliver.send(peer, made[kind], CALLING)
    assert len([path for path in folder.iterdir() if path.name != "index.dat"]) == 3
    query = ["findscu", "-v", "-S", "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=IMAGE"]
    wanted = ["-k", f"StudyInstanceUID={made['sr'].study_uid}", "-k", f"SeriesInstanceUID={made['sr'].series_uid}"]
    found = subprocess.run(
        [*query, *wanted, "-k", "SOPInstanceUID", "127.0.0.1", str(peer.port)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert made["sr"].identifier in found.stdout + found.stderr


@needs("dcmqrscp")
def test_an_archive_that_does_not_know_us_is_a_destination_that_is_away(archive, made):
    peer, _ = archive
    wrong = Peer("archive", "dicom", host=peer.host, port=peer.port, aet="SOMEBODY")
    with pytest.raises(PeerUnreachable, match="rejected the association"):
        deliver.send(wrong, made["sr"], CALLING)


def test_our_own_listener_takes_films_and_no_reports(listen, made):
    listener = listen()
    peer = Peer("us", "dicom", host="127.0.0.1", port=listener.port, aet="CXRSCREEN")
    with pytest.raises(PeerRefused, match="does not take objects of this kind"):
        deliver.send(peer, made["sr"], CALLING)
    deliver.send(peer, made["sc"], CALLING)


def response(count: int, status: str = "201 Created") -> bytes:
    entries = [{"response": {"status": status, "location": "DiagnosticReport/1"}}] * count
    return json.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": entries}).encode()


@pytest.fixture
def fhir(server):
    return Peer("record", "fhir", url=f"http://127.0.0.1:{server.server_port}/fhir")


def test_a_bundle_reaches_the_fhir_server_whole(fhir, server, made):
    count = len(json.loads(made["fhir"].data)["entry"])
    server.script = [(200, "application/fhir+json", response(count))]
    deliver.send(fhir, made["fhir"], CALLING)
    assert server.heard == [("/fhir", made["fhir"].data)]


@pytest.mark.parametrize(
    ("answer", "kind", "retry"),
    [
        ((500, "text/plain", b"DOE^JANE"), PeerRefused, True),
        ((422, "application/fhir+json", b"{}"), PeerRefused, False),
        ((503, "text/plain", b""), PeerUnreachable, True),
        ((401, "text/plain", b""), PeerUnreachable, True),
        ((200, "application/fhir+json", b'{"resourceType": "Bun'), PeerUnclear, True),
        ((200, "application/fhir+json", response(1)), PeerUnclear, True),
    ],
    ids=["500", "422", "503", "401", "half", "too_few"],
)
def test_what_a_fhir_server_answers_is_told_apart(fhir, server, made, answer, *, kind, retry):
    server.script = [answer]
    with pytest.raises(kind) as told:
        deliver.send(fhir, made["fhir"], CALLING)
    assert type(told.value) is kind and told.value.retry is retry
    assert "DOE" not in str(told.value)


def test_a_fhir_server_is_asked_for_what_it_can(fhir, server):
    server.script = [(200, "application/fhir+json", b"{}"), (500, "text/plain", b"")]
    assert "FHIR server answered" in deliver.answers(fhir, CALLING)
    with pytest.raises(PeerRefused):
        deliver.answers(fhir, CALLING)
    assert server.heard[0][0] == "/fhir/metadata"


def test_an_hl7_message_is_acknowledged_or_refused(receiver, made):
    peer = Peer("ward", "hl7", host="127.0.0.1", port=receiver.server_address[1])
    deliver.send(peer, made["hl7"], CALLING)
    assert receiver.heard == [made["hl7"].data]
    assert "port answered" in deliver.answers(peer, CALLING)
    receiver.code = "AR"
    with pytest.raises(PeerRefused) as told:
        deliver.send(peer, made["hl7"], CALLING)
    assert not told.value.retry
    receiver.code = ""
    with pytest.raises(PeerUnclear):
        deliver.send(peer, made["hl7"], CALLING)


def test_nobody_at_the_other_end_means_that_nothing_left(made):
    for kind, found in (("hl7", "hl7"), ("dicom", "sr"), ("fhir", "fhir"), ("dicomweb", "sr")):
        peer = Peer("away", kind, host="127.0.0.1", port=9, aet="AWAY", url="http://127.0.0.1:9/x")
        with pytest.raises(PeerUnreachable):
            deliver.send(peer, made[found], CALLING)


@pytest.mark.parametrize(("kind", "wanted"), [("dicomweb", "sr"), ("fhir", "fhir")])
def test_a_tls_file_that_is_missing_speaks_of_the_site_file_and_not_of_the_network(made, kind, wanted):
    peer = Peer("archive", kind, url="https://127.0.0.1:9/x", tls=Tls(authorities="/nowhere/hospital.pem"))
    with pytest.raises(SettingsError, match="TLS file") as error:
        deliver.send(peer, made[wanted], CALLING)
    assert "nowhere" not in str(error.value)
    with pytest.raises(SettingsError, match="TLS file"):
        deliver.answers(peer, CALLING)
