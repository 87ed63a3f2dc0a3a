"""There and back: a film in an archive, forwarded to us, screened; its report and marks back beside it, found there."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from cxr_core.exchange import deliver
from cxr_core.exchange.dicomweb import Archive
from cxr_core.exchange.listener import Listener
from cxr_core.exchange.outbox import Outbox
from cxr_core.exchange.rules import Destination, Peer, Rules, Tls
from cxr_core.exchange.worker import Worker
from cxr_core.outgoing import Outgoing
from cxr_core.phantom import as_dicom, phantom
from cxr_core.pipeline import Screener
from cxr_core.records import Review
from cxr_core.settings import Settings
from cxr_core.store import Store
from tests import fakes
from tests.exchange.certificates import make, needs_openssl
from tests.exchange.films import dataset, file_of
from tests.exchange.peers import Front, Orthanc, classes, free_port, needs_orthanc
from tests.export.peers import complaints

ROOT = Path(__file__).resolve().parents[2]
DX, SR = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.88.33"
MARKS, CAPTURE = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.7"

pytestmark = needs_orthanc


class Site:
    """An archive and a site of ours, in one process; models whose one box a finding is known by heart."""

    def __init__(self, tmp_path: Path, kind: str, tls: Tls | None = None, front: tuple = (), **archive) -> None:
        self.port = free_port()
        modality = {"AET": "CXRSCREEN", "Host": "localhost", "Port": self.port, "UseDicomTls": bool(tls)}
        self.archive = Orthanc(tmp_path / "archive", modalities={"screen": modality}, tls=archive)
        self.front = Front(*front, self.archive.http) if front else None
        if self.front:
            self.front.start()
        self.settings = Settings(data_dir=tmp_path / "data")
        self.store = Store(self.settings)
        if kind == "dicom":
            peer = Peer("archive", "dicom", host="localhost", port=self.archive.dicom, aet="ORTHANC", tls=tls)
        else:
            url = f"https://localhost:{self.front.port}/dicom-web" if self.front else self.archive.web
            peer = Peer("archive", "dicomweb", url=url, tls=tls)
        wanted = Destination(peer, ("sr", "gsps"), rests=0)
        self.rules = Rules(host="127.0.0.1", port=self.port, senders=("ORTHANC",), tls=tls, destinations=(wanted,))
        self.listener = Listener(self.rules, self.settings, self.store)
        self.thread = threading.Thread(target=self.listener.serve)
        self.thread.start()
        self.screener = Screener(self.settings, [fakes.covid(), fakes.nih()])
        self.now = datetime.now(UTC)
        self.outbox = self.new_outbox()
        self.outbox.run()  # from now on results are due there

    def new_outbox(self) -> Outbox:
        return Outbox(self.store, Outgoing(self.store, self.settings), lambda: self.rules, clock=self.clock)

    def clock(self) -> datetime:
        return max(self.now, datetime.now(UTC))

    def forward(self, film) -> None:
        """As an archive's own rules would: it sends us what it was given."""
        self.archive.send("screen", self.archive.upload(file_of(film)))

    def screen(self) -> None:
        Worker(self.settings, self.store, self.screener, lambda: self.rules).screen_waiting()

    def close(self) -> None:
        self.listener.stop()
        self.thread.join()
        if self.front:
            self.front.stop()
        self.archive.close()
        self.store.close()


@pytest.fixture
def site(tmp_path):
    made = []

    def start(kind: str = "dicomweb", **facts) -> Site:
        made.append(Site(tmp_path, kind, **facts))
        made[-1].archive.start()
        return made[-1]

    yield start
    for item in made:
        item.close()


def reports(site: Site, study: str) -> list:
    """Every report of a study, fetched from the archive, the oldest first."""
    return sorted((fetched(site, item) for item in found(site, study, SR)), key=lambda item: item.ContentTime)


def found(site: Site, study: str, sop_class: str) -> list[dict]:
    return [item for item in site.archive.all_of(study) if item["00080016"]["Value"] == [sop_class]]


def fetched(site: Site, item: dict):
    uid = item["00080018"]["Value"][0]
    answer = site.archive.session.post(f"{site.archive.base}/tools/lookup", data=uid, timeout=20).json()
    data = site.archive.session.get(f"{site.archive.base}/instances/{answer[0]['ID']}/file", timeout=20).content
    return pydicom.dcmread(BytesIO(data))


def boxes_of(report) -> list[tuple[float, ...]]:
    """Every box of a report: the outer corners of its polylines, in the film's pixels."""
    boxes = []

    def walk(items) -> None:
        for item in items:
            if item.get("ValueType") == "SCOORD":
                xs, ys = item.GraphicData[0::2], item.GraphicData[1::2]
                boxes.append((min(xs), min(ys), max(xs), max(ys)))
            walk(item.get("ContentSequence", []))

    walk(report.ContentSequence)
    return boxes


def flagged_boxes(site: Site) -> list[tuple[float, ...]]:
    (entry,) = site.store.entries()
    return [item.box.as_tuple() for item in entry.screening.findings]


@pytest.mark.parametrize("kind", ["dicomweb", "dicom"])
def test_a_forwarded_film_has_its_report_and_marks_beside_it(site, kind, tmp_path):
    here = site(kind)
    film = dataset()
    here.forward(film)
    here.screen()
    assert here.outbox.run() == 1
    there = here.archive.all_of(film.StudyInstanceUID)
    assert classes(there) == sorted([DX, SR, MARKS])
    if shutil.which("dciodvfy"):
        for item in there:
            assert item["00080016"]["Value"] == [DX] or complaints(file_of(fetched(here, item)), tmp_path) == []
    (report,) = reports(here, film.StudyInstanceUID)
    assert sorted(boxes_of(report)) == sorted(flagged_boxes(here))
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == film.SOPInstanceUID
    (marks,) = (fetched(here, item) for item in found(here, film.StudyInstanceUID, MARKS))
    shown = marks.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    assert shown.ReferencedSOPInstanceUID == film.SOPInstanceUID


def test_nothing_is_sent_twice_also_by_another_process(site):
    here = site()
    film = dataset()
    here.forward(film)
    here.screen()
    assert [here.outbox.run(), here.outbox.run(), here.new_outbox().run()] == [1, 0, 0]
    here.forward(film)
    here.screen()
    assert here.outbox.run() == 0
    assert len(here.archive.all_of(film.StudyInstanceUID)) == 3


def test_a_changed_review_sends_a_version_that_names_the_one_it_replaces(site):
    here = site()
    film = dataset()
    here.forward(film)
    here.screen()
    here.outbox.run()
    (entry,) = here.store.entries()
    for version, decision in enumerate(("disagree", "agree")):
        here.store.save_review(entry.key, Review(decision, "", datetime.now(UTC)), expected=version)
        assert here.outbox.run() == 1
    first, second, third = reports(here, film.StudyInstanceUID)
    assert "PredecessorDocumentsSequence" not in first
    for before, after in ((first, second), (second, third)):
        named = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        assert named.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert [item.version for item in here.store.outbox_latest(10)] == [3, 2, 1]


def test_an_archive_that_is_away_gets_its_results_when_it_is_back(site):
    here = site()
    film = dataset()
    here.forward(film)
    here.archive.stop()
    here.screen()
    pauses = []
    for _ in range(3):
        assert here.outbox.run() == 0
        (parcel,) = here.store.outbox_latest(1)
        assert (parcel.state, bool(parcel.reason)) == ("waiting", True)
        pauses.append((parcel.next_at - here.clock()).total_seconds())
        here.now = parcel.next_at + timedelta(seconds=1)
    assert pauses == pytest.approx([10, 20, 40], abs=6)
    here.archive.start()
    assert here.outbox.run() == 1
    assert classes(here.archive.all_of(film.StudyInstanceUID)) == sorted([DX, SR, MARKS])


@pytest.fixture
def certificates(tmp_path):
    return make(tmp_path / "tls", "site", "archive")


@needs_openssl
@pytest.mark.parametrize("kind", ["dicomweb", "dicom"])
def test_the_way_there_and_back_over_tls(site, certificates, kind):
    ours = Tls(certificates.authority, certificates.certificate("site"), certificates.key("site"))
    secure = {
        "DicomTlsEnabled": True, "DicomTlsCertificate": certificates.certificate("archive"),
        "DicomTlsPrivateKey": certificates.key("archive"), "DicomTlsTrustedCertificates": certificates.authority,
    }  # fmt: skip
    front = (certificates.certificate("archive"), certificates.key("archive"))
    here = site(kind, tls=ours, front=front, **secure)
    film = dataset()
    here.forward(film)
    here.screen()
    assert here.outbox.run() == 1
    assert classes(here.archive.all_of(film.StudyInstanceUID)) == sorted([DX, SR, MARKS])
    peer = here.rules.destinations[0].peer
    assert "answered" in deliver.answers(peer, "CXRSCREEN")
    stranger = replace(peer, tls=Tls())  # who trusts the world's authorities does not trust the test's
    with pytest.raises(deliver.ExchangeError):
        deliver.answers(stranger, "CXRSCREEN")


def test_films_are_fetched_from_the_archive_as_it_holds_them(site):
    here = site()
    film = dataset()
    here.archive.upload(file_of(film))
    with Archive(here.rules.destinations[0].peer) as archive:
        (there,) = archive.films({"StudyDate": str(film.StudyDate)}, "DX")
        assert pydicom.dcmread(BytesIO(archive.fetch(there, 10_000_000))) == film
        assert archive.holds(film.StudyInstanceUID, film.SOPInstanceUID)
        assert not archive.holds(film.StudyInstanceUID, "1.2.3")
        assert list(archive.films({"StudyDate": "20990101"}, "DX")) == []


def test_the_whole_product_as_it_is_started_by_hand(tmp_path):
    """The shipped models, a site file, ``listen`` and ``fetch`` as processes; the worker is killed on the way."""
    port = free_port()
    archive = Orthanc(tmp_path / "archive", modalities={"screen": ["CXRSCREEN", "127.0.0.1", port]}).start()
    data = tmp_path / "data"
    data.mkdir()
    (data / "site.toml").write_text(
        f'[exchange]\nport = {port}\nhost = "127.0.0.1"\nsenders = ["ORTHANC"]\n'
        f'[[exchange.destination]]\nname = "archive"\nkind = "dicomweb"\nurl = "{archive.web}"\n'
    )
    environment = os.environ | {"CXR_DATA_DIR": str(data)}
    with (tmp_path / "listen.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cxr_core", "listen"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        film = pydicom.dcmread(BytesIO(as_dicom(phantom(3, height=512, width=512, signs=["effusion"]), seed=3)))
        instance = archive.upload(file_of(film))
        _until(lambda: _listens(port), 60, tmp_path)
        _until(lambda: _children(process.pid), 60, tmp_path)
        archive.send("screen", instance)
        for worker in _children(process.pid):
            os.kill(worker, signal.SIGKILL)
        _until(lambda: len(archive.all_of(film.StudyInstanceUID)) == 3, 120, tmp_path)
        assert classes(archive.all_of(film.StudyInstanceUID)) == sorted([DX, SR, MARKS])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        archive.close()
    log = (tmp_path / "listen.log").read_text()
    assert process.returncode == 0
    assert "the worker ended with -9 and is started again" in log
    assert "PHANTOM" not in log and film.StudyInstanceUID not in log
    store = Store(Settings(data_dir=data))
    (entry,) = store.entries()
    store.close()
    assert {ref.name for ref in entry.screening.models} == {"covid_ssd", "nih_ssd"}
    assert entry.screening.file.startswith("ORTHANC")


def _children(parent: int) -> list[int]:
    """Processes that a process has started."""
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(number) for path in lists for number in path.read_text().split()]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(true, seconds: float, tmp_path: Path) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, (tmp_path / "listen.log").read_text()
        time.sleep(0.3)
