"""Real peers from Debian's packages, started on loopback with folders of their own, ended with the test."""

import json
import shutil
import socket
import subprocess
import time
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
        return f"http{'s' if self.tls else ''}://localhost:{self.http}"

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
        self.stop()
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
