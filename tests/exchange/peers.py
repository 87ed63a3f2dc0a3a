"""Real peers from Debian's packages, started on loopback with folders of their own, ended with the test."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

ORTHANC = shutil.which("Orthanc") or ("/usr/sbin/Orthanc" if Path("/usr/sbin/Orthanc").exists() else None)
PLUGINS = ("/usr/share/orthanc/plugins/libOrthancDicomWeb.so", "/usr/lib/orthanc/libOrthancDicomWeb.so")
PLUGIN = next((path for path in PLUGINS if Path(path).exists()), None)

needs_orthanc = pytest.mark.skipif(
    not (ORTHANC and PLUGIN), reason="needs Orthanc with DICOMweb: Debian's packages orthanc and orthanc-dicomweb"
)


def needs(*programs: str):
    """Skip without these of dcmtk's programs."""
    missing = [name for name in programs if not shutil.which(name)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}: Debian's package dcmtk")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Front(threading.Thread):
    """HTTPS before an archive's HTTP, as hospitals run it: Debian's Orthanc 1.10.1 dies at its first HTTPS request."""

    def __init__(self, certificate: str, key: str, behind: int) -> None:
        super().__init__(daemon=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._behind = behind
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.join()

    def _serve(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),
            connection,
            self._context.wrap_socket(connection, server_side=True) as outer,
            socket.create_connection(("127.0.0.1", self._behind)) as inner,
        ):
            back = threading.Thread(target=_pass_on, args=(inner, outer), daemon=True)
            back.start()
            _pass_on(outer, inner)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@dataclass
class Orthanc:
    """An archive with DICOM and DICOMweb; ``stop`` and ``start`` keep what it holds."""

    folder: Path
    dicom: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    modalities: dict = field(default_factory=dict)
    tls: dict = field(default_factory=dict)
    process: subprocess.Popen | None = None
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def base(self) -> str:
        return f"http://localhost:{self.http}"

    @property
    def web(self) -> str:
        return f"{self.base}/dicom-web"

    def start(self) -> "Orthanc":
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps(self.configuration()))
        self.session.trust_env = False
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([ORTHANC, str(config)], stdout=log, stderr=log, cwd=self.folder)
        for _ in range(300):
            try:
                if self.session.get(f"{self.base}/system", timeout=2).ok:
                    return self
            except requests.RequestException:
                time.sleep(0.1)
        self.stop()
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)
        self.process = None

    def close(self) -> None:
        if self.process:  # its folder goes with the test: no need to let it put things in order
            self.process.kill()
            self.process.wait()
        self.session.close()

    def configuration(self) -> dict:
        held = str(self.folder / "store")
        return {
            "Name": "archive", "StorageDirectory": held, "IndexDirectory": held, "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False},
            "DicomAet": "ORTHANC", "DicomPort": self.dicom, "DicomCheckCalledAet": True, "DicomAlwaysAllowStore": True,
            "HttpPort": self.http, "RemoteAccessAllowed": True, "AuthenticationEnabled": False, "LuaScripts": [],
            "DicomModalities": self.modalities, "StableAge": 1, "OverwriteInstances": False,
            **self.tls,
        }  # fmt: skip

    def upload(self, data: bytes) -> str:
        """Give it a file by its own REST interface; returns its name for the instance."""
        answer = self.session.post(f"{self.base}/instances", data=data, timeout=20)
        answer.raise_for_status()
        return answer.json()["ID"]

    def send(self, modality: str, instance: str) -> None:
        """Let it forward an instance over DICOM."""
        answer = self.session.post(f"{self.base}/modalities/{modality}/store", data=instance, timeout=60)
        answer.raise_for_status()

    def all_of(self, study: str) -> list[dict]:
        """What QIDO finds in a study: class and number of each instance."""
        answer = self.session.get(f"{self.web}/studies/{study}/instances", timeout=20)
        return answer.json() if answer.status_code == 200 and answer.content else []


def classes(found: list[dict]) -> list[str]:
    return sorted(item["00080016"]["Value"][0] for item in found)
