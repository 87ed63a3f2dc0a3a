"""An authority and two certificates for a test, made by openssl: nobody outside the test trusts them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl: Debian's package openssl")


@dataclass(frozen=True)
class Certificates:
    """Files, PEM: the authority, and for each end a certificate and its key."""

    folder: Path

    @property
    def authority(self) -> str:
        return str(self.folder / "authority.pem")

    def certificate(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def key(self, name: str) -> str:
        return str(self.folder / f"{name}.key")


def make(folder: Path, *names: str) -> Certificates:
    """An authority, and a certificate for localhost signed by it under each name."""
    folder.mkdir()
    made = Certificates(folder)
    key = ["-newkey", "rsa:2048", "-nodes"]
    authority = ["-x509", "-days", "2", "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign"]
    _openssl("req", *key, *authority, "-keyout", str(folder / "authority.key"), "-out", made.authority)
    names_of = folder / "names"
    names_of.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    for name in names:
        request = str(folder / f"{name}.csr")
        _openssl("req", *key, "-subj", f"/CN={name}", "-keyout", made.key(name), "-out", request)
        signed = ["-CA", made.authority, "-CAkey", str(folder / "authority.key"), "-CAcreateserial", "-days", "2"]
        _openssl("x509", "-req", "-in", request, *signed, "-extfile", str(names_of), "-out", made.certificate(name))
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
